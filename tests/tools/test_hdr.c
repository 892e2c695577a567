/* SPDX-License-Identifier: MIT */
/*
 * The histogram keeps its promise: a percentile is never below the true value
 * and above it by less than 1 / HIST_SUB of it, whatever the values; merging is
 * the same as having recorded everything in one place; what it prints is what
 * HdrHistogram's readers read.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hist.h"
#include "support/suite.h"

#define BOUND (1.0 / HIST_SUB)

static struct hist one, two, all;

static void empty(void)
{
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	memset(&all, 0, sizeof(all));
}

/* A generator of our own: the same numbers everywhere. */
static uint64_t state;

static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void check_counter_of(uint64_t v)
{
	unsigned i = hist_index(v);
	uint64_t low = hist_lowest(i), high = hist_highest(i);

	/* In whole numbers, which can't round the error away: the width above a
	 * value is less than a HIST_SUBth of it.  (Check takes its time for each assertion.) */
	if (i >= HIST_COUNTERS || low > v || high < v || high - v > v / HIST_SUB)
		ck_abort_msg("%ju is in counter %u, %ju to %ju", (uintmax_t)v, i, (uintmax_t)low,
			(uintmax_t)high);
}

START_TEST(should_keep_every_value_within_the_bound)
{
	for (uint64_t v = 0; v < UINT64_C(1) << 21; v++)
		check_counter_of(v);
}
END_TEST

START_TEST(should_keep_the_bound_around_every_power_of_two)
{
	for (unsigned bit = 0; bit < 64; bit++)
		for (uint64_t away = 0; away < 2 * HIST_SUB; away++) {
			check_counter_of((UINT64_C(1) << bit) + away);
			check_counter_of((UINT64_C(1) << bit) - away);
		}
	check_counter_of(UINT64_MAX);
	ck_assert_uint_eq(hist_index(UINT64_MAX), HIST_COUNTERS - 1);
}
END_TEST

START_TEST(should_cover_all_values_once)
{
	ck_assert_uint_eq(hist_lowest(0), 0);
	for (unsigned i = 0; i + 1 < HIST_COUNTERS; i++) {
		ck_assert_uint_eq(hist_highest(i) + 1, hist_lowest(i + 1));
		ck_assert_uint_eq(hist_index(hist_lowest(i)), i);
		ck_assert_uint_eq(hist_index(hist_highest(i)), i);
	}
	ck_assert_uint_eq(hist_highest(HIST_COUNTERS - 1), UINT64_MAX);
}
END_TEST

START_TEST(should_keep_small_values_exactly)
{
	for (uint64_t v = 0; v < 2 * HIST_SUB; v++)
		ck_assert_uint_eq(hist_highest(hist_index(v)) - hist_lowest(hist_index(v)), 0);
}
END_TEST

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values as of kind 0: of all sizes, 1: like latencies, 2: nearly all equal. */
static uint64_t value_of(int kind)
{
	uint64_t v = any();

	if (kind == 0)
		return v >> any() % 64;
	if (kind == 1)
		return 200 + v % 100 + (v >> 32) % 100 / 99 * (v % 100000);
	return v % 1000 ? 5000 : v % 1000000000;
}

START_TEST(should_give_percentiles_never_below_and_barely_above)
{
	enum { N = 100000 };
	static const double asked[] = {0.001, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999};
	uint64_t *v = malloc(N * sizeof(*v));

	ck_assert_ptr_nonnull(v);
	empty();
	for (size_t i = 0; i < N; i++) {
		v[i] = value_of(_i);
		hist_record(&one, v[i]);
	}
	qsort(v, N, sizeof(*v), by_value);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		/* N * asked / 100, rounded up, in whole numbers. */
		uint64_t rank = (N * (uint64_t)lround(asked[i] * 1000) + 99999) / 100000;
		uint64_t exact = v[rank - 1], got = hist_percentile(&one, asked[i]);

		ck_assert_uint_ge(got, exact);
		ck_assert_uint_le(got - exact, exact / HIST_SUB);
	}
	ck_assert_uint_eq(hist_percentile(&one, 0), v[0]);
	ck_assert_uint_eq(hist_percentile(&one, 100), v[N - 1]);
	ck_assert_uint_eq(hist_min(&one), v[0]);
	ck_assert_uint_eq(one.max, v[N - 1]);
	ck_assert_uint_eq(hist_total(&one), N);
	free(v);
}
END_TEST

START_TEST(should_not_round_the_rank_of_a_percentile_up)
{
	empty();
	for (uint64_t v = 1; v <= 100; v++)
		hist_record(&one, v);
	/* 7 % of 100 is 7, though 0.07 * 100 is more in binary. */
	for (uint64_t p = 1; p <= 100; p++)
		ck_assert_uint_eq(hist_percentile(&one, (double)p), p);
	ck_assert_uint_eq(hist_percentile(&one, 98.5), 99);
}
END_TEST

START_TEST(should_keep_the_mean_within_the_bound)
{
	double sum = 0;

	empty();
	for (size_t i = 0; i < 10000; i++) {
		uint64_t v = value_of(1);

		hist_record(&one, v);
		sum += (double)v;
	}
	ck_assert_double_le(fabs(hist_mean(&one) - sum / 10000), BOUND * sum / 10000);
}
END_TEST

START_TEST(should_merge_as_if_recorded_in_one)
{
	empty();
	for (size_t i = 0; i < 50000; i++) {
		uint64_t v = value_of((int)(i % 3));

		hist_record(i % 7 ? &one : &two, v);
		hist_record(&all, v);
	}
	hist_merge(&one, &two);
	ck_assert_mem_eq(&one, &all, sizeof(all));
}
END_TEST

START_TEST(should_change_nothing_by_merging_an_empty_one)
{
	empty();
	hist_record(&one, 7);
	all = one;
	hist_merge(&one, &two);
	ck_assert_mem_eq(&one, &all, sizeof(all));
	hist_merge(&two, &all);
	ck_assert_mem_eq(&two, &all, sizeof(all));
}
END_TEST

START_TEST(should_be_all_zeros_when_empty)
{
	empty();
	ck_assert_uint_eq(hist_total(&one), 0);
	ck_assert_uint_eq(hist_min(&one), 0);
	ck_assert_uint_eq(hist_percentile(&one, 0), 0);
	ck_assert_uint_eq(hist_percentile(&one, 99), 0);
	ck_assert_uint_eq(hist_percentile(&one, 100), 0);
	ck_assert_double_eq(hist_mean(&one), 0);
}
END_TEST

static char *printed(const struct hist *h, double unit)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(f);
	hist_print(h, f, unit);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

START_TEST(should_write_the_distribution_as_text)
{
	char *text, *line, *rest;
	double value, percentile, inverse, before_value = 0, before_percentile = -1;
	unsigned long long count, before_count = 0;
	unsigned lines = 0;

	empty();
	for (size_t i = 0; i < 20000; i++)
		hist_record(&one, value_of(1));
	text = printed(&one, 1000);
	ck_assert_int_eq(
		strncmp(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n", 57),
		0);
	for (line = strtok_r(text + 57, "\n", &rest); line[0] != '#';
		line = strtok_r(NULL, "\n", &rest), lines++) {
		int n = sscanf(line, "%lf %lf %llu %lf", &value, &percentile, &count, &inverse);

		ck_assert_double_ge(value, before_value);
		ck_assert_double_gt(percentile, before_percentile);
		ck_assert_uint_ge(count, before_count);
		/* At least that part of them is at or below the value. */
		ck_assert_double_ge((double)count / 20000, percentile - 1e-9);
		if (percentile < 1) {
			ck_assert_int_eq(n, 4);
			ck_assert_double_le(fabs(inverse * (1 - percentile) - 1), 0.01);
		} else {
			ck_assert_int_eq(n, 3);
		}
		before_value = value;
		before_percentile = percentile;
		before_count = count;
	}
	/* Five for each halving, down to one in 20000. */
	ck_assert_uint_ge(lines, 5 * 14);
	ck_assert_double_eq(before_percentile, 1);
	ck_assert_uint_eq(before_count, 20000);
	ck_assert_double_le(fabs(before_value - (double)one.max / 1000), 0.001);
	ck_assert_int_eq(strncmp(line, "#[Mean    = ", 12), 0);
	line = strtok_r(NULL, "\n", &rest);
	ck_assert_int_eq(
		sscanf(line, "#[Max     = %lf, Total count    = %llu]", &value, &count), 2);
	ck_assert_uint_eq(count, 20000);
	line = strtok_r(NULL, "\n", &rest);
	ck_assert_int_eq(strncmp(line, "#[Buckets = ", 12), 0);
	free(text);
}
END_TEST

START_TEST(should_write_no_lines_when_empty)
{
	char *text;

	empty();
	text = printed(&one, 1);
	ck_assert_ptr_nonnull(strstr(text, "1/(1-Percentile)\n\n#[Mean    =        0.000"));
	free(text);
}
END_TEST

void add_tests(void)
{
	state = UINT64_C(0x9e3779b97f4a7c15);
	GROUP("histogram", NULL, NULL, should_keep_every_value_within_the_bound,
		should_keep_the_bound_around_every_power_of_two, should_cover_all_values_once,
		should_keep_small_values_exactly, should_not_round_the_rank_of_a_percentile_up,
		should_keep_the_mean_within_the_bound, should_merge_as_if_recorded_in_one,
		should_change_nothing_by_merging_an_empty_one, should_be_all_zeros_when_empty,
		should_write_the_distribution_as_text, should_write_no_lines_when_empty);
	GROUP_FOR(0, 3, "percentiles", NULL, NULL,
		should_give_percentiles_never_below_and_barely_above);
}
