/* SPDX-License-Identifier: MIT */
/*
 * The clocks, ns.  A duration, a deadline or an age is measured with
 * clock_monotonic() or clock_coarse() and with nothing else: the wall clock jumps
 * when it is set.  clock_real() gives the date of an event, for people.
 *
 * Each time namespace has a monotonic clock of its own (time_namespaces(7)), so a
 * value that another process wrote means something only with the namespace beside
 * it.
 */
#ifndef CHAN_CLOCK_H
#define CHAN_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* Read the same clock as of its last tick, some milliseconds ago at most; this costs a
 * fifth. */
static inline int64_t clock_coarse(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

static inline int64_t clock_real(void)
{
	return clock_read(CLOCK_REALTIME);
}

/* Return which monotonic clock this process reads: the number of its time namespace, or 0
 * where the kernel has none. */
uint32_t clock_namespace(void);

#endif
