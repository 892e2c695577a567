/* SPDX-License-Identifier: MIT */
/*
 * The percentiles over runs are those of row.h, on values whose percentiles are known:
 * the smallest is 0, the largest 100, those between are at equal distances, and from one
 * to the next it goes in a straight line.  The columns show them, and only where there
 * are several runs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/assertion.h"
#include "bench/column.h"
#include "bench/row.h"
#include "support/suite.h"

static struct bench_row *row;

static void make_row(void)
{
	row = calloc(1, sizeof(*row));
	ck_assert_ptr_nonnull(row);
	row->mode = "thr";
	row->label = "shmchan";
}

static void free_row(void)
{
	free(row);
}

/* A run of this rate; of no latency. */
static void add(double rate)
{
	row->figure[BENCH_RATE][row->runs] = rate;
	row->figure[BENCH_P50][row->runs++] = NAN;
}

static double rate(double percentile)
{
	return bench_row_over_runs(row, BENCH_RATE, percentile);
}

static double column(const char *title)
{
	struct bench_column c;

	ck_assert_int_eq(bench_column_find(&c, title, strlen(title)), 0);
	return bench_column_get(&c, row);
}

#define is(got, wanted) ck_assert_double_eq_tol(got, wanted, 1e-9)

START_TEST(should_be_nothing_without_a_run)
{
	ck_assert(isnan(rate(50)));
	ck_assert(isnan(column("rate.median")));
}
END_TEST

START_TEST(should_be_the_value_of_a_single_run)
{
	add(7);
	is(rate(0), 7);
	is(rate(10), 7);
	is(rate(50), 7);
	is(rate(100), 7);
	is(column("msgs/s"), 7);
	ck_assert(isnan(column("rate.min")));
	ck_assert(isnan(column("steady")));
}
END_TEST

START_TEST(should_go_in_a_straight_line_from_one_run_to_the_other)
{
	add(30);
	add(10);
	is(rate(0), 10);
	is(rate(10), 12);
	is(rate(50), 20);
	is(rate(90), 28);
	is(rate(100), 30);
	is(column("msgs/s"), 20);
}
END_TEST

/* 100, 200 ... 1100, not in this order: each tenth is a value of its own. */
START_TEST(should_be_the_values_themselves_of_eleven_runs)
{
	for (unsigned i = 0; i < 11; i++)
		add(100 * (1 + i * 7 % 11));
	for (unsigned i = 0; i <= 10; i++)
		is(rate(10 * i), 100 * (i + 1));
	is(column("rate.min"), 100);
	is(column("rate.p10"), 200);
	is(column("rate.median"), 600);
	is(column("rate.p90"), 1000);
	is(column("rate.max"), 1100);
	is(column("steady"), 200.0 / 600);
}
END_TEST

/* 1 to 40: the tenth percentile is at place 3.9 of 0 to 39. */
START_TEST(should_be_between_two_values_of_forty_runs)
{
	for (unsigned i = 0; i < 40; i++)
		add(1 + i * 17 % 40);
	is(rate(10), 4.9);
	is(rate(50), 20.5);
	is(rate(90), 36.1);
	is(column("steady"), 4.9 / 20.5);
}
END_TEST

START_TEST(should_keep_equal_values)
{
	for (unsigned i = 0; i < BENCH_RUNS_MAX; i++)
		add(i < 2 ? 1 : 5);
	is(rate(0), 1);
	is(rate(10), 5);
	is(rate(100), 5);
}
END_TEST

/* Of the runs' medians, not of all latencies together: one run in four was slow. */
START_TEST(should_show_the_median_latency_of_each_run)
{
	for (unsigned i = 0; i < 5; i++) {
		add(1);
		row->figure[BENCH_P50][i] = i == 2 ? 9000 : 1000 + i;
	}
	is(column("p50.min"), 1000);
	is(column("p50.p10"), 1000.4);
	is(column("p50.median"), 1003);
	is(column("p50.p90"), 1004 + 0.6 * (9000 - 1004));
	is(column("p50.max"), 9000);
}
END_TEST

START_TEST(should_show_no_latency_that_was_not_measured)
{
	add(1);
	add(2);
	ck_assert(isnan(column("p50.min")));
	ck_assert(isnan(column("p50.median")));
}
END_TEST

START_TEST(should_be_asserted_about)
{
	struct bench_assertion a;
	char why[BENCH_WHY];

	add(50);
	add(100);
	ck_assert_int_eq(bench_assertion_parse(&a, "steady>=0.73", why), 0);
	ck_assert(bench_assertion_holds(&a, row, why)); /* 55 of 75 is 0.7333 */
	ck_assert_int_eq(bench_assertion_parse(&a, "steady>=0.74", why), 0);
	ck_assert(!bench_assertion_holds(&a, row, why));
	ck_assert_int_eq(bench_assertion_parse(&a, "rate.p10<55.5", why), 0);
	ck_assert(bench_assertion_holds(&a, row, why));
}
END_TEST

void add_tests(void)
{
	GROUP("spread", make_row, free_row, should_be_nothing_without_a_run,
		should_be_the_value_of_a_single_run,
		should_go_in_a_straight_line_from_one_run_to_the_other,
		should_be_the_values_themselves_of_eleven_runs,
		should_be_between_two_values_of_forty_runs, should_keep_equal_values,
		should_show_the_median_latency_of_each_run,
		should_show_no_latency_that_was_not_measured, should_be_asserted_about);
}
