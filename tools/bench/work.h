/* SPDX-License-Identifier: MIT */
/* What a worker does, and what it notes on the board. */
#ifndef SHMCHAN_BENCH_WORK_H
#define SHMCHAN_BENCH_WORK_H

#include "bench/board.h"
#include "bench/job.h"

/* Note what went wrong and end the process; `err` 0: it is in the messages. */
_Noreturn void bench_worker_fail(struct bench_worker *w, const char *what, int err);

/* Attach to the job's links for the worker's part. */
void bench_worker_attach(
	const struct bench_job *job, struct bench_worker *w, struct bench_link *const link[2]);

/* Start counting the worker's futex calls, if the job wants it: a descriptor for
 * bench_count_stop(), or negative.  That it can't is noted on the board. */
int bench_worker_count(const struct bench_job *job, struct bench_worker *w);

/* Do the worker's part of the job; `counter` is of bench_worker_count(). */
void bench_work(const struct bench_job *job, struct bench_board *board, struct bench_worker *w,
	struct bench_link *const link[2], int counter);

#endif
