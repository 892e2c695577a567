/* SPDX-License-Identifier: MIT */
/*
 * The event loop: descriptors, connections to accept, timers.
 *
 * Two backends do the waiting, io_uring (uring.c) and epoll (epoll.c); loop.c has the
 * timers and the order of things, and is the same for both.
 *
 * Readiness is *edge-triggered*, as multishot polls are: a handler is called when
 * something happened.  If it leaves work undone, so that others have their turn, it says
 * so with loop_again().  Spurious calls are possible.  A source or timer may be removed at
 * any time, from its own handler too; after that its handler is not called.
 *
 * All calls are made in one thread.
 */
#ifndef CHAND_LOOP_H
#define CHAND_LOOP_H

#include <stdint.h>

#include "loop/source.h"

struct loop;

struct timer {
	int64_t at; /* CLOCK_MONOTONIC, ns */
	void (*fired)(struct timer *timer);

	/* the loop's */
	uint32_t place; /* in the heap, from 1; 0 is not set */
};

enum loop_backend { LOOP_AUTO, LOOP_URING, LOOP_EPOLL };

/* Make a loop.  LOOP_AUTO takes io_uring if the kernel lets it, and epoll
 * otherwise; `why` (NULL if nothing was refused) then says what was refused. */
int loop_new(struct loop **ret, enum loop_backend backend, const char **why);
struct loop *loop_free(struct loop *loop);
const char *loop_name(const struct loop *loop);

int loop_add(struct loop *loop, struct source *source);
void loop_remove(struct loop *loop, struct source *source);
void loop_again(struct loop *loop, struct source *source);

/* Call this when connections can't be accepted for a while, with the negative errno. */
void loop_on_refused(struct loop *loop, void (*refused)(int err));

/* Set a timer, or set it anew.  Returns 0 or -ENOMEM. */
int loop_timer(struct loop *loop, struct timer *timer, int64_t at);
void loop_cancel(struct loop *loop, struct timer *timer);

/* Returns the time at which this turn began. */
int64_t loop_now(const struct loop *loop);

/* Wait for something to happen and call the handlers.  Returns 0 or a negative errno. */
int loop_turn(struct loop *loop);

#endif
