/* SPDX-License-Identifier: MIT */
/* Waiting: how a call spins and sleeps until something changes.  The model is in wait.c.
 * What is awaited is the caller's. */
#ifndef CHAN_WAIT_H
#define CHAN_WAIT_H

#include "channel/limit.h"
#include "channel/spin.h"
#include "core/layout.h"

#include <stdbool.h>

struct chan;

/* What a call waits for. */
struct condition {
	struct layout_cond *cond;
	struct spin *spin; /* NULL: sleep at once */
	/* Returns true if something happened that is worth another look. */
	bool (*changed)(struct chan *ch, uint64_t seen);
	uint64_t seen;
	bool lags; /* it may lag: `seen` is the other side's position (spin.h) */
	/* Called after arming, when any later change is sure to wake us: returns true if
	 * nobody is left that could bring the change. */
	bool (*abandoned)(struct chan *ch);
};

/*
 * Wait until it changed or a slice passed, with no lock held that the waker needs.
 * Returns 0 (look again), or
 *
 *   -EAGAIN     the time limit is 0
 *   -ETIMEDOUT  the time is over and nothing changed
 *   -EINTR      chan_interrupt()
 */
int channel_wait(struct chan *ch, const struct condition *what, struct limit *limit);

#endif
