/* SPDX-License-Identifier: MIT */
/* Waiting: time limits, and how a call spins and sleeps until something changes.  The
 * model is in wait.c.  What is awaited is the caller's. */
#ifndef CHAN_WAIT_H
#define CHAN_WAIT_H

#include "channel/lag.h"
#include "core/layout.h"

#include <stdbool.h>

struct chan;

/* A call's time limit.  The clock is asked when the call first has to wait. */
struct limit {
	int64_t timeout;       /* as given to the call */
	int64_t deadline;      /* once known */
	int64_t waiting_since; /* when the call first slept */
	bool slept;	       /* so it owes a wake-up: see condvar.h */
	bool ignores_end;      /* a close does not end the wait for a lock */
	bool only_tries;       /* it does not even wait a moment for a lock */
};

static inline struct limit limit_of(int64_t timeout)
{
	return (struct limit){.timeout = timeout};
}

/* When it ends: CLOCK_MONOTONIC, ns, or DEADLINE_NOW or DEADLINE_NEVER. */
int64_t limit_deadline(struct limit *limit);

/* How long to spin for a side, ns, and how long to lag first.  Both follow what they
 * gave lately. */
struct spin {
	_Atomic uint32_t budget;
	struct lag lag;
};

void spin_init(struct spin *spin);

/* What a call waits for. */
struct condition {
	struct layout_cond *cond;
	struct spin *spin; /* NULL: sleep at once */
	/* Returns true if something happened that is worth another look. */
	bool (*changed)(struct chan *ch, uint64_t seen);
	uint64_t seen;
	/* The other side's position, if what is awaited is that it leaves `seen`. */
	const _Atomic uint64_t *position;
	/* Called after arming, when any later change is sure to wake us: is nobody left
	 * that could bring the change? */
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
