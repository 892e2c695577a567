/* SPDX-License-Identifier: MIT */
/* What can be asked of a histogram; hist.h has the model and the fast part. */
#include "bench/hist.h"

#include <math.h>

/* Lines of the printed distribution for each halving of what is left above. */
#define TICKS_PER_HALF 5

static unsigned hist_shift(unsigned index)
{
	return index < 2 * HIST_SUB ? 0 : (index >> HIST_SUB_BITS) - 1;
}

uint64_t hist_lowest(unsigned index)
{
	unsigned shift = hist_shift(index);

	return (uint64_t)(index - (shift << HIST_SUB_BITS)) << shift;
}

uint64_t hist_highest(unsigned index)
{
	return hist_lowest(index) + ((UINT64_C(1) << hist_shift(index)) - 1);
}

static double hist_middle(unsigned index)
{
	return (double)hist_lowest(index) + (double)(UINT64_C(1) << hist_shift(index)) / 2 - 0.5;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_COUNTERS; i++)
		into->count[i] += from->count[i];
	if (from->inverse_min > into->inverse_min)
		into->inverse_min = from->inverse_min;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t hist_total(const struct hist *h)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < HIST_COUNTERS; i++)
		total += h->count[i];
	return total;
}

uint64_t hist_min(const struct hist *h)
{
	return hist_total(h) > 0 ? ~h->inverse_min : 0;
}

/* Returns how many values have to be at or below the percentile's.  The tolerance keeps
 * 99.9 % of 1000 at 999, which binary fractions would make 1000. */
static uint64_t hist_rank(uint64_t total, double percentile)
{
	double rank = ceil(percentile / 100 * (double)total * (1 - 1e-12));

	return rank < 1 ? 1 : rank > (double)total ? total : (uint64_t)rank;
}

uint64_t hist_percentile(const struct hist *h, double percentile)
{
	uint64_t total = hist_total(h), rank = hist_rank(total, percentile), sum = 0;

	if (percentile <= 0)
		return hist_min(h);
	for (unsigned i = 0; i < HIST_COUNTERS; i++) {
		sum += h->count[i];
		if (sum >= rank)
			return hist_highest(i) < h->max ? hist_highest(i) : h->max;
	}
	return 0;
}

double hist_mean(const struct hist *h)
{
	double sum = 0, total = (double)hist_total(h);

	for (unsigned i = 0; i < HIST_COUNTERS; i++)
		sum += (double)h->count[i] * hist_middle(i);
	return total > 0 ? sum / total : 0;
}

static double hist_deviation(const struct hist *h)
{
	double sum = 0, total = (double)hist_total(h), mean = hist_mean(h);

	for (unsigned i = 0; i < HIST_COUNTERS; i++) {
		double away = hist_middle(i) - mean;

		sum += (double)h->count[i] * away * away;
	}
	return total > 0 ? sqrt(sum / total) : 0;
}

/* Returns the step after `percentile`: a fifth of a half, of a quarter, of an eighth... */
static double hist_step(double percentile)
{
	double halvings = floor(log2(100 / (100 - percentile))) + 1;

	return 100 / (TICKS_PER_HALF * exp2(halvings));
}

static void hist_print_line(const struct hist *h, FILE *to, double unit, double percentile)
{
	uint64_t value = hist_percentile(h, percentile), sum = 0;

	for (unsigned i = 0; i <= hist_index(value); i++)
		sum += h->count[i];
	fprintf(to, "%12.3f %2.12f %10llu", (double)value / unit, percentile / 100,
		(unsigned long long)sum);
	if (percentile < 100)
		fprintf(to, " %14.2f", 1 / (1 - percentile / 100));
	fputc('\n', to);
}

void hist_print(const struct hist *h, FILE *to, double unit)
{
	uint64_t total = hist_total(h);

	fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	/* Beyond the last but one value only the maximum is left to print. */
	for (double p = 0; total > 0 && hist_rank(total, p) < total; p += hist_step(p))
		hist_print_line(h, to, unit, p);
	if (total > 0)
		hist_print_line(h, to, unit, 100);
	fprintf(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hist_mean(h) / unit,
		hist_deviation(h) / unit);
	fprintf(to, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)h->max / unit,
		(unsigned long long)total);
	fprintf(to, "#[Buckets = %12u, SubBuckets     = %12u]\n", 64 - HIST_SUB_BITS, 2 * HIST_SUB);
}
