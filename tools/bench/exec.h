/* SPDX-License-Identifier: MIT */
/*
 * Jobs: a child of /bin/true for each message, run by chanrecv (`chanrecv CHANNEL -- true`), or
 * for each line by xargs or GNU parallel.  chanrecv is the one beside this program, or else the
 * one in PATH.
 *
 * The kind BENCH_JOBS measures from the start of that program to its end; the CPU time is of
 * all its children, too.  BENCH_ASLEEP starts a child that sleeps for each message, and then
 * measures chanrecv itself, which has nothing to do; it has no rate.
 */
#ifndef SHMCHAN_BENCH_EXEC_H
#define SHMCHAN_BENCH_EXEC_H

#include "bench/job.h"
#include "bench/run.h"

/* Who runs the jobs.  These have a name only, and no links. */
extern const struct bench_peer bench_worker, bench_asleep, bench_xargs, bench_parallel;

/* Run such a job once: 0 or a negative errno, as bench_run() has them. */
int bench_exec_run(const struct bench_job *job, struct bench_result *ret, char why[BENCH_WHY]);

#endif
