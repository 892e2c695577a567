/* SPDX-License-Identifier: MIT */
/*
 * What a worker waits for: descriptors (epoll(7)) and times, in one thread.  Nothing is looked
 * at while nothing happens.
 *
 * A source is part of its owner's structure, and its function may free that: each turn calls
 * one function only, and asks the kernel again.
 */
#ifndef SHMCHAN_REACTOR_H
#define SHMCHAN_REACTOR_H

#include <stddef.h>
#include <stdint.h>

/* A descriptor.  `fd` is -1 while it is not watched. */
struct reactor_fd {
	void (*ready)(struct reactor_fd *source);
	int fd;
};

/* A time of CLOCK_MONOTONIC.  It is not set while `place` is 0. */
struct reactor_timer {
	void (*due)(struct reactor_timer *timer);
	int64_t at;
	size_t place; /* in the heap, from 1 */
};

/* Begin, once: 0 or a negative errno. */
int reactor_start(void);

/* Watch source->fd for epoll(7)'s events: 0, or a negative errno, with the fd set to -1.  The
 * descriptor stays the caller's to close, after reactor_forget(). */
int reactor_watch(struct reactor_fd *source, uint32_t events);
/* Stop watching it, if it is watched, and return the descriptor, or -1. */
int reactor_forget(struct reactor_fd *source);

/* Set a timer, or set it anew: 0 or -ENOMEM. */
int reactor_set(struct reactor_timer *timer, int64_t at);
void reactor_cancel(struct reactor_timer *timer);

/* Wait until a source is ready, a timer due, or the deadline has passed, and call the
 * functions of what is. */
void reactor_turn(int64_t deadline);

#endif
