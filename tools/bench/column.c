/* SPDX-License-Identifier: MIT */
#include "bench/column.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static double get_rate(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_RATE);
}

static double get_megabytes(const struct bench_row *row, double p)
{
	return get_rate(row, p) * (double)row->job.spec.size / 1e6;
}

static double get_percentile(const struct bench_row *row, double p)
{
	return bench_row_percentile(row, p);
}

static double get_mean(const struct bench_row *row, double p)
{
	return isnan(bench_row_percentile(row, p)) ? NAN : hist_mean(&row->latency);
}

static double get_cpu(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_CPU);
}

static double get_voluntary(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_VOLUNTARY);
}

static double get_involuntary(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_INVOLUNTARY);
}

/* Return what a message costs a sender. */
static double get_send_cpu(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_SEND_CPU);
}

static double get_send_futexes(const struct bench_row *row, double p)
{
	(void)p;
	return row->runs > 0 ? row->send_futexes : NAN;
}

/* Return what all workers do for a message. */
static double get_futexes(const struct bench_row *row, double p)
{
	(void)p;
	return row->runs > 0 ? row->futexes : NAN;
}

/* Return what the endpoint of either side had that had least, and most. */
static double get_least(const struct bench_row *row, double p)
{
	(void)p;
	return row->job.senders + row->job.receivers <= 2
		       ? NAN
		       : fmin(bench_row_median(row, BENCH_SENDER_LEAST),
				 bench_row_median(row, BENCH_RECEIVER_LEAST));
}

static double get_most(const struct bench_row *row, double p)
{
	(void)p;
	return row->job.senders + row->job.receivers <= 2
		       ? NAN
		       : fmax(bench_row_median(row, BENCH_SENDER_MOST),
				 bench_row_median(row, BENCH_RECEIVER_MOST));
}

/* Returns how many times as fast as this row shmchan is. */
static double get_faster(const struct bench_row *row, double p)
{
	if (!row->shmchan)
		return NAN;
	if (bench_job_rated(&row->job))
		return get_rate(row->shmchan, p) / get_rate(row, p);
	return bench_row_percentile(row, 50) / bench_row_percentile(row->shmchan, 50);
}

/* Returns what part of the floor's rate it is, or what multiple of its latency. */
static double get_floor(const struct bench_row *row, double p)
{
	if (!row->floor)
		return NAN;
	if (bench_job_rated(&row->job))
		return get_rate(row, p) / get_rate(row->floor, p);
	return bench_row_percentile(row, 50) / bench_row_percentile(row->floor, 50);
}

static double get_floor_p99(const struct bench_row *row, double p)
{
	(void)p;
	if (!row->floor || bench_job_rated(&row->job))
		return NAN;
	return bench_row_percentile(row, 99) / bench_row_percentile(row->floor, 99);
}

static const struct bench_column before[] = {
	{"msgs/s", "msgs_per_s", BENCH_PER_SECOND, get_rate, 0},
	{"MB/s", "mb_per_s", BENCH_PER_SECOND, get_megabytes, 0},
	{"min", "min_ns", BENCH_NANOSECONDS, get_percentile, 0},
};

static const struct bench_column after[] = {
	{"max", "max_ns", BENCH_NANOSECONDS, get_percentile, 100},
	{"mean", "mean_ns", BENCH_NANOSECONDS, get_mean, 0},
	{"cpu%", "cpu_percent", BENCH_NUMBER, get_cpu, 0},
	{"switches", "switches_per_msg", BENCH_RATIO, get_voluntary, 0},
	{"preempted", "preemptions_per_msg", BENCH_RATIO, get_involuntary, 0},
	{"futexes", "futexes_per_msg", BENCH_RATIO, get_futexes, 0},
	{"least", "least_share", BENCH_RATIO, get_least, 0},
	{"most", "most_share", BENCH_RATIO, get_most, 0},
	{"faster", "shmchan_times_faster", BENCH_RATIO, get_faster, 0},
	{"/floor", "of_floor", BENCH_RATIO, get_floor, 0},
	{"/floor.p99", "of_floor_p99", BENCH_RATIO, get_floor_p99, 0},
};

static double get_memory_start(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_MEMORY_START);
}

/* Return the most of all runs. */
static double get_memory_peak(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_over_runs(row, BENCH_MEMORY_PEAK, 100);
}

static double get_memory_left(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_over_runs(row, BENCH_MEMORY_LEFT, 100);
}

static const struct bench_column later[] = {
	{"send.cpu", "send_cpu_ns", BENCH_NANOSECONDS, get_send_cpu, 0},
	{"send.futexes", "send_futexes_per_msg", BENCH_RATIO, get_send_futexes, 0},
	{"mem.start", "memory_start_bytes", BENCH_BYTES, get_memory_start, 0},
	{"mem.peak", "memory_peak_bytes", BENCH_BYTES, get_memory_peak, 0},
	{"mem.left", "memory_left_bytes", BENCH_BYTES, get_memory_left, 0},
};

/* Return percentiles over the runs, where there are several. */
static double get_rate_over_runs(const struct bench_row *row, double p)
{
	return row->runs > 1 ? bench_row_over_runs(row, BENCH_RATE, p) : NAN;
}

static double get_p50_over_runs(const struct bench_row *row, double p)
{
	return row->runs > 1 ? bench_row_over_runs(row, BENCH_P50, p) : NAN;
}

static double get_steady(const struct bench_row *row, double p)
{
	return get_rate_over_runs(row, p) / get_rate_over_runs(row, 50);
}

static const struct bench_column spread[] = {
	{"rate.min", "msgs_per_s_min", BENCH_PER_SECOND, get_rate_over_runs, 0},
	{"rate.p10", "msgs_per_s_p10", BENCH_PER_SECOND, get_rate_over_runs, 10},
	{"rate.median", "msgs_per_s_median", BENCH_PER_SECOND, get_rate_over_runs, 50},
	{"rate.p90", "msgs_per_s_p90", BENCH_PER_SECOND, get_rate_over_runs, 90},
	{"rate.max", "msgs_per_s_max", BENCH_PER_SECOND, get_rate_over_runs, 100},
	{"steady", "msgs_per_s_p10_of_median", BENCH_RATIO, get_steady, 10},
	{"p50.min", "p50_ns_min", BENCH_NANOSECONDS, get_p50_over_runs, 0},
	{"p50.p10", "p50_ns_p10", BENCH_NANOSECONDS, get_p50_over_runs, 10},
	{"p50.median", "p50_ns_median", BENCH_NANOSECONDS, get_p50_over_runs, 50},
	{"p50.p90", "p50_ns_p90", BENCH_NANOSECONDS, get_p50_over_runs, 90},
	{"p50.max", "p50_ns_max", BENCH_NANOSECONDS, get_p50_over_runs, 100},
};

static struct bench_column percentile_column(double percentile)
{
	struct bench_column c = {
		.unit = BENCH_NANOSECONDS, .get = get_percentile, .percentile = percentile};

	snprintf(c.title, sizeof(c.title), "p%.12g", percentile);
	snprintf(c.name, sizeof(c.name), "p%.12g_ns", percentile);
	return c;
}

void bench_columns_make(struct bench_columns *ret, unsigned percentiles, const double percentile[])
{
	ret->n = 0;
	for (unsigned i = 0; i < COUNT(before); i++)
		ret->column[ret->n++] = before[i];
	for (unsigned i = 0; i < percentiles; i++)
		ret->column[ret->n++] = percentile_column(percentile[i]);
	for (unsigned i = 0; i < COUNT(after); i++)
		ret->column[ret->n++] = after[i];
}

void bench_columns_add_later(struct bench_columns *ret)
{
	for (unsigned i = 0; i < COUNT(later); i++)
		ret->column[ret->n++] = later[i];
}

void bench_columns_of_spread(struct bench_columns *ret)
{
	ret->n = 0;
	for (unsigned i = 0; i < COUNT(spread); i++)
		ret->column[ret->n++] = spread[i];
}

double bench_column_get(const struct bench_column *column, const struct bench_row *row)
{
	return row->runs > 0 && row->error == 0 ? column->get(row, column->percentile) : NAN;
}

static bool column_titled(const struct bench_column *c, const char *title, size_t len)
{
	return strlen(c->title) == len && !strncmp(c->title, title, len);
}

/* Set *ret to the column of any percentile, pN. */
static int column_percentile(struct bench_column *ret, const char *title, size_t len)
{
	char number[16], *end;
	double percentile;

	if (len < 2 || len > sizeof(number) || title[0] != 'p' || !strchr("0123456789.", title[1]))
		return -EINVAL;
	memcpy(number, title + 1, len - 1);
	number[len - 1] = '\0';
	percentile = strtod(number, &end);
	if (end == number || *end || !(percentile >= 0 && percentile <= 100))
		return -EINVAL;
	*ret = percentile_column(percentile);
	return 0;
}

int bench_column_find(struct bench_column *ret, const char *title, size_t len)
{
	const struct bench_column *const table[] = {before, after, later, spread};
	const size_t count[] = {COUNT(before), COUNT(after), COUNT(later), COUNT(spread)};

	for (unsigned t = 0; t < COUNT(table); t++)
		for (unsigned i = 0; i < count[t]; i++)
			if (column_titled(&table[t][i], title, len)) {
				*ret = table[t][i];
				return 0;
			}
	return column_percentile(ret, title, len);
}

static void text_duration(char *text, size_t size, double ns)
{
	if (ns < 10e3)
		snprintf(text, size, "%.0fns", ns);
	else if (ns < 10e6)
		snprintf(text, size, "%.1fus", ns / 1e3);
	else if (ns < 10e9)
		snprintf(text, size, "%.1fms", ns / 1e6);
	else
		snprintf(text, size, "%.1fs", ns / 1e9);
}

void bench_column_text(char *text, size_t size, const struct bench_column *column, double value)
{
	if (isnan(value))
		snprintf(text, size, "-");
	else if (column->unit == BENCH_NANOSECONDS)
		text_duration(text, size, value);
	else if (column->unit == BENCH_RATIO && value < 10)
		snprintf(text, size, "%.3f", value);
	else if (column->unit == BENCH_RATIO)
		snprintf(text, size, "%.1f", value);
	else
		snprintf(text, size, "%.0f", value);
}
