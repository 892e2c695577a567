/* SPDX-License-Identifier: MIT */
/* How many messages a run moves, and what comes out of several runs. */
#include "bench/row.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/exec.h"
#include "bench/floor.h"
#include "bench/run.h"

/* A run that is so much shorter than wanted still shows the rate well enough. */
#define TRIAL_PART 8
#define TRIAL_FIRST 64
#define GROWTH_MAX 16

/* Returns the warm-up, unless an option says another: a tenth of the messages, but not
 * more than what fills the channel twice, after which all its memory was touched.  A backlog
 * needs enough for the channel to grow to the ring that holds it, and for two laps of that. */
static uint64_t warmup_for(const struct bench_job *job)
{
	uint64_t enough = 2 * job->spec.capacity / job->spec.size, tenth = job->messages / 10;

	if (job->kind == BENCH_BURSTS || job->kind == BENCH_STOCK)
		return 0;
	if (job->backlog > 0)
		return 12 * job->backlog;
	return (tenth < enough ? tenth : enough) + 1;
}

static int row_once(struct bench_row *row, struct bench_result *ret, struct hist *latency)
{
	if (bench_job_executed(&row->job))
		return bench_exec_run(&row->job, ret, row->why);
	if (!row->warmup_given || row->job.backlog > 0 || row->job.kind == BENCH_BURSTS ||
		row->job.kind == BENCH_STOCK)
		row->job.warmup = warmup_for(&row->job);
	return bench_run(&row->job, ret, latency, row->why);
}

/* Set the number of messages for the wanted time, by runs of growing length. */
static int row_calibrate(struct bench_row *row)
{
	double trial = row->seconds / TRIAL_PART * 1e9, counting = bench_job_counting(&row->job);
	struct bench_result res = {0};

	if (row->job.rate > 0 && row->job.kind != BENCH_LOOK) {
		row->job.messages = (uint64_t)(row->job.rate * row->seconds) + 1;
		return 0;
	}
	for (double n = TRIAL_FIRST; (double)res.elapsed < trial;) {
		struct hist unused = {0};
		double growth;
		int r;

		row->job.messages = (uint64_t)n;
		r = row_once(row, &res, &unused);
		if (r < 0)
			return r;
		growth = trial / (double)(res.elapsed + 1) * 1.1;
		n *= growth < GROWTH_MAX ? growth : GROWTH_MAX;
	}
	row->job.messages = (uint64_t)((double)res.messages / counting / (double)res.elapsed *
				       row->seconds * 1e9) +
			    1;
	return 0;
}

static void row_add(
	struct bench_row *row, const struct bench_result *res, const struct hist *latency)
{
	double n = res->messages ? (double)res->messages : NAN, elapsed = (double)res->elapsed;
	double start = (double)res->memory.start;
	double figure[BENCH_FIGURES] = {
		[BENCH_RATE] = n * 1e9 / elapsed,
		[BENCH_P50] = hist_total(latency) > 0 ? (double)hist_percentile(latency, 50) : NAN,
		[BENCH_CPU] = 100 * (double)res->cpu / elapsed,
		[BENCH_SEND_CPU] = (double)res->sender_cpu / n,
		[BENCH_VOLUNTARY] = (double)res->voluntary / n,
		[BENCH_INVOLUNTARY] = (double)res->involuntary / n,
		[BENCH_SENDER_LEAST] = res->sender_least,
		[BENCH_SENDER_MOST] = res->sender_most,
		[BENCH_RECEIVER_LEAST] = res->receiver_least,
		[BENCH_RECEIVER_MOST] = res->receiver_most,
		[BENCH_MEMORY_START] = start > 0 ? start : NAN,
		[BENCH_MEMORY_PEAK] = start > 0 ? (double)res->memory.peak : NAN,
		[BENCH_MEMORY_LEFT] = start > 0 ? (double)res->memory.end - start : NAN,
	};

	if (bench_job_executed(&row->job)) { /* nothing is known of any one worker */
		for (unsigned f = BENCH_SENDER_LEAST; f <= BENCH_RECEIVER_MOST; f++)
			figure[f] = NAN;
		figure[BENCH_SEND_CPU] = NAN;
	}
	for (unsigned f = 0; f < BENCH_FIGURES; f++)
		row->figure[f][row->runs] = figure[f];
	row->runs++;
	hist_merge(&row->latency, latency);
}

static void row_copying(struct bench_row *row)
{
	for (unsigned f = 0; f < BENCH_FIGURES; f++)
		row->figure[f][row->runs] = NAN;
	row->figure[BENCH_RATE][row->runs++] =
		row->job.bursts > 0 ? bench_fresh_rate(row->job.spec.size, row->job.messages)
				    : bench_memcpy_rate(row->job.spec.size, row->job.spec.capacity);
}

int bench_row_run(struct bench_row *row)
{
	struct bench_result res;
	struct hist latency = {0};

	if (row->error < 0 || row->runs == BENCH_RUNS_MAX)
		return row->error;
	if (!row->job.peer) {
		row_copying(row);
		return 0;
	}
	row->job.futex_event = -1;
	if (row->runs == 0) {
		row->futexes = row->send_futexes = NAN;
		if (row->seconds > 0 && row->job.kind != BENCH_BURSTS &&
			row->job.kind != BENCH_ASLEEP)
			row->error = row_calibrate(row);
	}
	if (row->error == 0)
		row->error = row_once(row, &res, &latency);
	if (row->error == 0)
		row_add(row, &res, &latency);
	return row->error;
}

int bench_row_count(struct bench_row *row, int event)
{
	struct bench_result res;
	struct hist unused = {0};

	if (row->error < 0 || !row->job.peer || bench_job_executed(&row->job) || event < 0)
		return row->error;
	row->job.futex_event = event;
	row->error = row_once(row, &res, &unused);
	if (row->error == 0 && res.uncounted == 0) {
		row->futexes = (double)res.futexes / (double)res.messages;
		row->send_futexes = (double)res.sender_futexes / (double)res.messages;
	}
	row->uncounted = row->error == 0 ? res.uncounted : 0;
	return row->error;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_row_over_runs(const struct bench_row *row, enum bench_figure figure, double percentile)
{
	double sorted[BENCH_RUNS_MAX], place, part;
	unsigned n = row->runs, below;

	if (n == 0)
		return NAN;
	memcpy(sorted, row->figure[figure], n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	place = percentile / 100 * (n - 1);
	below = (unsigned)place;
	if (below + 1 >= n)
		return sorted[n - 1];
	part = place - below;
	return (1 - part) * sorted[below] + part * sorted[below + 1];
}

double bench_row_median(const struct bench_row *row, enum bench_figure figure)
{
	return bench_row_over_runs(row, figure, 50);
}

double bench_row_percentile(const struct bench_row *row, double percentile)
{
	if (hist_total(&row->latency) == 0)
		return NAN;
	return (double)hist_percentile(&row->latency, percentile);
}
