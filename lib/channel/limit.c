/* SPDX-License-Identifier: MIT */
#include "channel/limit.h"

#include "base/clock.h"
#include "core/lock.h"
#include "shmchan.h"

int64_t limit_deadline(struct limit *limit)
{
	int64_t now;

	if (limit->timeout == CHAN_WAIT)
		return DEADLINE_NEVER;
	if (limit->timeout == 0)
		return DEADLINE_NOW;
	if (limit->deadline == 0) {
		now = clock_monotonic();
		limit->deadline = limit->timeout < DEADLINE_NEVER - now ? now + limit->timeout
									: DEADLINE_NEVER;
	}
	return limit->deadline;
}
