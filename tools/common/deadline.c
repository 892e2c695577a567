/* SPDX-License-Identifier: MIT */
/* See deadline.h. */
#include "common/deadline.h"

#include "base/clock.h"

int64_t cli_now(void)
{
	return clock_monotonic();
}

int64_t cli_deadline(int64_t duration)
{
	int64_t at;

	if (duration == CHAN_WAIT || __builtin_add_overflow(cli_now(), duration, &at))
		return CHAN_WAIT;
	return at;
}

int64_t cli_remaining(int64_t deadline)
{
	int64_t left;

	if (deadline == CHAN_WAIT)
		return CHAN_WAIT;
	left = deadline - cli_now();
	return left > 0 ? left : 0;
}

int64_t cli_sooner(int64_t a, int64_t b)
{
	if (a == CHAN_WAIT)
		return b;
	if (b == CHAN_WAIT)
		return a;
	return a < b ? a : b;
}
