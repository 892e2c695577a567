/* SPDX-License-Identifier: MIT */
/*
 * A histogram of 64-bit values in fixed memory, log-linear as HdrHistogram's:
 * every power of two is split into HIST_SUB counters of equal width, so values
 * below 2 * HIST_SUB are counted exactly and any other within 1 / HIST_SUB of
 * itself (0.4 %).  A percentile is the highest value that its counter stands
 * for: never below the true one, and above it by less than that bound.
 *
 * It holds no pointer: it may lie in shared memory, all zeros is an empty one,
 * and merging two gives exactly what recording everything in one would have.
 */
#ifndef SHMCHAN_BENCH_HIST_H
#define SHMCHAN_BENCH_HIST_H

#include <stdint.h>
#include <stdio.h>

#define HIST_SUB_BITS 8
#define HIST_SUB (1u << HIST_SUB_BITS)
#define HIST_COUNTERS ((64 - HIST_SUB_BITS + 1) * HIST_SUB)

struct hist {
	uint64_t inverse_min; /* ~min, so that zero says "none yet" */
	uint64_t max;
	uint64_t count[HIST_COUNTERS];
};

/* Returns which counter is that of a value. */
static inline unsigned hist_index(uint64_t value)
{
	unsigned shift;

	if (value < HIST_SUB)
		return (unsigned)value;
	shift = 63u - HIST_SUB_BITS - (unsigned)__builtin_clzll(value);
	return (shift << HIST_SUB_BITS) + (unsigned)(value >> shift);
}

static inline void hist_record(struct hist *h, uint64_t value)
{
	h->count[hist_index(value)]++;
	if (~value > h->inverse_min)
		h->inverse_min = ~value;
	if (value > h->max)
		h->max = value;
}

/* Return the lowest and the highest value that a counter stands for. */
uint64_t hist_lowest(unsigned index);
uint64_t hist_highest(unsigned index);

void hist_merge(struct hist *into, const struct hist *from);

/* All of these are 0 for an empty histogram.  `percentile` is 0 to 100: 0 gives
 * the minimum, 100 the maximum, both exact. */
uint64_t hist_total(const struct hist *h);
uint64_t hist_min(const struct hist *h);
uint64_t hist_percentile(const struct hist *h, double percentile);
double hist_mean(const struct hist *h);

/* Print HdrHistogram's percentile distribution, as its plotter reads it; values are
 * divided by `unit`.  Errors are left in the stream. */
void hist_print(const struct hist *h, FILE *to, double unit);

#endif
