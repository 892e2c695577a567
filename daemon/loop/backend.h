/* SPDX-License-Identifier: MIT */
/*
 * What a backend does for loop.c: it waits for sources and tells which are ready.
 * A source is known to it by its slot, a small number that is not used again
 * before the backend has forgotten it.
 */
#ifndef CHAND_LOOP_BACKEND_H
#define CHAND_LOOP_BACKEND_H

#include "loop/loop.h"

struct backend {
	const char *name;
	/* 0, or a negative errno and *why. */
	int (*start)(void **state, const char **why);
	void (*stop)(void *state);
	/* `generation` comes back in the event. */
	int (*add)(void *state, struct source *source, uint32_t generation);
	void (*remove)(void *state, struct source *source, uint32_t generation);
	/* Wait until `deadline` (0: don't, INT64_MAX: no limit), and call
	 * loop_ready() or loop_event() for each event.  0 or a negative errno. */
	int (*wait)(void *state, struct loop *loop, int64_t deadline);
};

extern const struct backend backend_uring, backend_epoll;

/* For tests: a flag (of the lowest 16) that no kernel knows.  With it in each multishot
 * request, any kernel refuses them as those before 5.13 and 5.19 do. */
extern uint32_t uring_unknown;

struct source *loop_find(struct loop *loop, uint32_t slot, uint32_t generation);

/* The source is ready, or has (connection >= 0) a connection, which is closed if
 * nobody takes it any more. */
void loop_ready(struct loop *loop, uint32_t slot, uint32_t generation);
void loop_event(struct loop *loop, uint32_t slot, uint32_t generation, int connection);

/* Connections can't be accepted now, because of `err` (too many open files...): try a
 * little later. */
void loop_accept_later(struct loop *loop, int err);

#endif
