/* SPDX-License-Identifier: MIT */
/*
 * The parent's look at its workers: does something move?  If nothing did for the job's
 * `stall`, it reports where each worker stands (stall.h).
 *
 * Only time counts in which the parent looked on: one that was stopped, alone or with its
 * workers, has not seen them stand still.  Nor does time count in which a worker opens
 * its counter, which waits for all CPUs and not for a message.
 */
#ifndef SHMCHAN_BENCH_WATCH_H
#define SHMCHAN_BENCH_WATCH_H

#include "bench/board.h"

struct bench_watch {
	const struct bench_job *job;
	const struct bench_board *board;
	unsigned workers;
	double patience;	       /* ns, or infinity */
	uint64_t moved;		       /* changes whenever a worker gets on */
	int64_t looked;		       /* when */
	double quiet;		       /* ns of looking on without a change */
	double sampled;		       /* `quiet` when the workers' CPU time was read; 0: not yet */
	double cpu[BENCH_WORKERS_MAX]; /* seconds */
};

/* Begin to watch the workers of a job on its board; `more` ns of silence than the job's
 * `stall` are nothing unusual. */
void bench_watch_begin(struct bench_watch *watch, const struct bench_job *job,
	const struct bench_board *board, double more);

/* Look whether something moved.  Returns 0, or
 *   -ETIMEDOUT   nothing did, for too long: `why` says so in a line, and standard error
 *                where each worker stands */
int bench_watch_look(struct bench_watch *watch, char why[BENCH_WHY]);

/* Returns how long to sleep between two looks, ns. */
long bench_watch_pause(const struct bench_watch *watch);

/* Returns true if all workers have done their part, though they may not have ended. */
bool bench_watch_over(const struct bench_watch *watch);

#endif
