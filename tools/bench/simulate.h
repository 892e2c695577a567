/* SPDX-License-Identifier: MIT */
/*
 * What lanes would give on more CPUs than this machine has: a simulation of workers, each on a CPU
 * of its own, that take messages one at a time and acknowledge them.
 *
 * A worker takes a message under the lock of the queue, or of its lane, and acknowledges it
 * without. Both times are measured here, by one process alone.  What else a message costs follows
 * from the rates of the two rows: of one queue, where all CPUs meet at the lock, what it takes to
 * come over from another CPU; of lanes, what each worker does by itself, as fetching the message's
 * bytes.  So with the CPUs that there are it gives the measured rates; with more it says what
 * follows if nothing else becomes scarce, no memory that all share, and no scheduler.  With lanes a
 * worker whose own is empty goes round to the next one that is not.
 */
#ifndef SHMCHAN_BENCH_SIMULATE_H
#define SHMCHAN_BENCH_SIMULATE_H

#include <stdio.h>

#include "bench/rows.h"

/* Print it after the rows, of which the first two are one queue and lanes: 0, or an error. */
int bench_simulate(FILE *f, const struct bench_rows *rows, unsigned cpus);

#endif
