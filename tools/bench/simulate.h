/* SPDX-License-Identifier: MIT */
/*
 * What lanes would give on more CPUs than this machine has: a simulation of workers, each on a CPU
 * of its own, that take messages one at a time and acknowledge them, until a stock is empty.
 *
 * It goes from event to event.  A take has the lock of the queue, or of its lane, for as long as
 * such a call lasts (cost.h), and longer if another CPU had the lock last; the acknowledgement
 * has no lock.  A worker that finds the lock taken stays away for a pause and tries again, as
 * the library does, and after a while sleeps and has to be woken.  In lanes it begins with its own,
 * now and then with another one, and passes by those that are empty or in which another worker
 * has a message.
 *
 * Nothing is fitted: all costs were measured by themselves, not taken from the rates that it is
 * about.  So it can be wrong, and at as many CPUs as there are the same is measured, to show by
 * how much.  Of what more CPUs would share it knows the locks and their lines only: no memory that
 * becomes scarce, no other processes, and a line comes from any CPU at the same cost.
 */
#ifndef SHMCHAN_BENCH_SIMULATE_H
#define SHMCHAN_BENCH_SIMULATE_H

#include <stdio.h>

#include "bench/rows.h"

/* Print it after the rows, of which the last two are one queue and lanes with a worker for each
 * CPU: 0, or an error. */
int bench_simulate(FILE *f, const struct bench_rows *rows, const struct bench_cpus *cpus);

#endif
