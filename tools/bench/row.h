/* SPDX-License-Identifier: MIT */
/*
 * A row of results: one job, run several times.  Of figures that each run has
 * one of (rate, CPU time) the row has the median; latencies of all runs are
 * merged into one histogram, whose percentiles are the row's.
 */
#ifndef SHMCHAN_BENCH_ROW_H
#define SHMCHAN_BENCH_ROW_H

#include "bench/hist.h"
#include "bench/job.h"

#define BENCH_RUNS_MAX 99

/* Values that each run has. */
enum bench_figure {
	BENCH_RATE,	   /* messages a second */
	BENCH_CPU,	   /* percent of one CPU, all workers */
	BENCH_VOLUNTARY,   /* context switches a message, */
	BENCH_INVOLUNTARY, /* these by preemption */
	BENCH_SENDER_LEAST,
	BENCH_SENDER_MOST,
	BENCH_RECEIVER_LEAST,
	BENCH_RECEIVER_MOST,
	BENCH_FIGURES
};

struct bench_row {
	const char *mode;     /* lat, thr, fan, wake */
	const char *label;    /* shmchan, shmchan-exclusive, pipe, ... */
	struct bench_job job; /* without a peer: the bound of copying */
	double seconds;	      /* how long a run is to take; 0: `messages` is given */
	bool warmup_given;
	/* What it is compared with, or NULL. */
	const struct bench_row *shmchan, *floor;

	int error; /* negative errno: it could not run, */
	char why[BENCH_WHY];
	unsigned runs;
	double figure[BENCH_FIGURES][BENCH_RUNS_MAX];
	double futexes; /* a message, from a run of its own; NAN: not counted */
	struct hist latency;
};

/* One more run, the first with finding out how many messages it takes.  0, or a
 * negative errno, which the row keeps: it is not run again. */
int bench_row_run(struct bench_row *row);

/* A run for counting futex calls only, if the job's event allows it. */
int bench_row_count(struct bench_row *row, int event);

/* The median of the runs, or NAN if there is none. */
double bench_row_median(const struct bench_row *row, enum bench_figure figure);

/* A percentile in ns, or NAN if no latency was measured. */
double bench_row_percentile(const struct bench_row *row, double percentile);

#endif
