/* SPDX-License-Identifier: MIT */
/*
 * What a backend does for loop.c: it waits for sources and reports which are ready.  It
 * knows a source by its slot, a small number that is not used again before the backend
 * has forgotten it.
 */
#ifndef CHAND_LOOP_BACKEND_H
#define CHAND_LOOP_BACKEND_H

#include "loop/source.h"

/* What wait() calls; each call has `loop`, and the generation that came with add(). */
struct backend_reports {
	void *loop;
	/* Returns the source, or NULL if it has been removed. */
	struct source *(*find)(void *loop, uint32_t slot, uint32_t generation);
	/* The source is ready. */
	void (*ready)(void *loop, uint32_t slot, uint32_t generation);
	/* The listening socket has a connection, which is taken. */
	void (*connected)(void *loop, uint32_t slot, uint32_t generation, int connection);
	/* Connections can't be accepted now, because of `err` (-EMFILE...). */
	void (*refused)(void *loop, int err);
};

struct backend {
	const char *name;
	/* Returns 0, or a negative errno and *why. */
	int (*start)(void **state, const char **why);
	void (*stop)(void *state);
	int (*add)(void *state, struct source *source, uint32_t generation);
	void (*remove)(void *state, struct source *source, uint32_t generation);
	/* Wait until `deadline` (0: don't, INT64_MAX: no limit), and report each event.
	 * Returns 0 or a negative errno. */
	int (*wait)(void *state, const struct backend_reports *report, int64_t deadline);
};

extern const struct backend backend_uring, backend_epoll;

/* For tests: a flag (of the lowest 16) that no kernel knows.  With it in each multishot
 * request, any kernel refuses them as those before 5.13 and 5.19 do. */
extern uint32_t uring_unknown;

#endif
