/* SPDX-License-Identifier: MIT */
/* Time limits of calls: given as a time from now, turned into a deadline once the call has
 * to wait. */
#ifndef CHAN_LIMIT_H
#define CHAN_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* A call's time limit.  The clock is asked when the call first has to wait. */
struct limit {
	int64_t timeout;       /* as given to the call */
	int64_t deadline;      /* once known */
	int64_t waiting_since; /* when the call first slept */
	bool slept;	       /* so it owes a wake-up: see condvar.h */
	bool quiet;	       /* it slept for a slice, and nothing woke it */
	bool ignores_end;      /* a close does not end the wait for a lock */
	bool insists;	       /* chan_interrupt() does not end it: nobody would try again */
	bool only_tries;       /* it does not even wait a moment for a lock */
	/* It is one of the tries of a call with this limit: it waits for locks for `moment` at
	 * most, and not for longer than that call. */
	struct limit *within;
	int64_t moment;
};

static inline struct limit limit_of(int64_t timeout)
{
	return (struct limit){.timeout = timeout};
}

/* Return when it ends: CLOCK_MONOTONIC, ns, or DEADLINE_NOW or DEADLINE_NEVER. */
int64_t limit_deadline(struct limit *limit);

#endif
