/* SPDX-License-Identifier: MIT */
/*
 * A row of results: one job, run several times.  Of figures that each run has
 * one of (rate, CPU time) the row has the median, and how they spread over the
 * runs; latencies of all runs are merged into one histogram, whose percentiles
 * are the row's.
 */
#ifndef SHMCHAN_BENCH_ROW_H
#define SHMCHAN_BENCH_ROW_H

#include "bench/hist.h"
#include "bench/job.h"

#define BENCH_RUNS_MAX 1000

/* Values that each run has. */
enum bench_figure {
	BENCH_RATE,	   /* messages a second */
	BENCH_P50,	   /* ns, the median of the latencies; NAN: none was measured */
	BENCH_CPU,	   /* percent of one CPU, all workers */
	BENCH_SEND_CPU,	   /* ns of the senders' CPU time a message */
	BENCH_VOLUNTARY,   /* context switches a message, */
	BENCH_INVOLUNTARY, /* these by preemption */
	BENCH_SENDER_LEAST,
	BENCH_SENDER_MOST,
	BENCH_RECEIVER_LEAST,
	BENCH_RECEIVER_MOST,
	BENCH_MEMORY_START, /* bytes of the channel at first, */
	BENCH_MEMORY_PEAK,  /* at most, */
	BENCH_MEMORY_LEFT,  /* and more than at first, when it was quiet again */
	BENCH_FIGURES
};

struct bench_row {
	const char *mode;  /* lat, thr, fan, wake */
	const char *label; /* shmchan, shmchan-exclusive, pipe, ... */
	char counted[32];  /* a label that says how many channels there are */
	struct bench_job
		job;	/* without a peer: the bound of copying, with bursts into fresh pages */
	double seconds; /* how long a run is to take; 0: `messages` is given */
	bool warmup_given;
	/* What it is compared with, or NULL. */
	const struct bench_row *shmchan, *floor;

	int error; /* negative errno: it could not run, */
	char why[BENCH_WHY];
	unsigned runs;
	double figure[BENCH_FIGURES][BENCH_RUNS_MAX];
	double send_futexes; /* of the senders a message, as the next one */
	double futexes;	     /* a message, from a run of its own; NAN: not counted, */
	int uncounted;	     /* if not 0, because of this negative errno */
	struct hist latency;
};

/* Run it once more; the first time it finds out how many messages that takes.
 * Returns 0, or a negative errno, which the row keeps: it is not run again. */
int bench_row_run(struct bench_row *row);

/* Run it once more only to count futex calls; `event` is of bench_count_event(), and if
 * that is negative nothing is done.  Returns as bench_row_run(). */
int bench_row_count(struct bench_row *row, int event);

/*
 * Returns a percentile of the runs, or NAN if there is none.  The runs are sorted; the
 * smallest value is percentile 0, the largest 100, those between are at equal distances,
 * and from one to the next it goes in a straight line.  So the 10th percentile of 11 runs
 * is the second smallest, and of 2 runs a tenth of the way from one to the other.
 */
double bench_row_over_runs(
	const struct bench_row *row, enum bench_figure figure, double percentile);

/* Returns the 50th of these. */
double bench_row_median(const struct bench_row *row, enum bench_figure figure);

/* Returns a percentile of all latencies in ns, or NAN if none was measured. */
double bench_row_percentile(const struct bench_row *row, double percentile);

#endif
