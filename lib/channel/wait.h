/* SPDX-License-Identifier: MIT */
/* Waiting: how a call spins and sleeps until something changes.  The model is in wait.c.
 * What is awaited is the caller's. */
#ifndef CHAN_WAIT_H
#define CHAN_WAIT_H

#include "channel/condition.h"
#include "channel/limit.h"
#include "channel/waiters.h"
#include "core/condvar.h"

#include <stdbool.h>

/* ---- for one change ---- */

/*
 * Wait until it changed or a slice passed, with no lock held that the waker needs.
 * Returns 0 (look again), or
 *
 *   -EAGAIN     the time limit is 0
 *   -ETIMEDOUT  the time is over and nothing changed
 *   -EINTR      chan_interrupt()
 */
int channel_wait(struct chan *ch, const struct condition *what, struct limit *limit);

/* ---- for one of several ---- */

/* One condition of one channel of those that a call sleeps on. */
struct awaited {
	struct chan *ch;
	struct layout_cond *cond;
	const void *next; /* as in struct condition */
	uint32_t key;
	bool owes; /* a wake-up may have counted us */
	struct waiter waiter;
};

/* Announce that the call is about to sleep on all of them.  It must look at all after
 * this. */
void wait_arm(struct awaited *all, unsigned n);

/* After wait_arm(): return for how long the call may sleep, ns, since a message is due then; or
 * INT64_MAX. */
int64_t wait_bound(const struct awaited *all, unsigned n);

/* Sleep, from `now`, until one of them is signalled, for a slice or `at_most` ns if that is less,
 * or until the end of the time limit.  n is at most COND_WORDS_MAX - 1.  Returns 0 (look again), or
 *
 *   -ETIMEDOUT  the time is over
 *   -EINTR      chan_interrupt() of one of the endpoints
 */
int wait_sleep(struct awaited *all, unsigned n, struct limit *limit, int64_t now, int64_t at_most);

/* Call on the way out: pass the wake-ups on that this call may have got and did not use.
 * `served` is the number of the one that was used, or n. */
void wait_leave(struct awaited *all, unsigned n, unsigned served);

/* The longest sleep, ns, unless chand watches: see wait.c. */
#define WAIT_SLICE INT64_C(1000000000)

#endif
