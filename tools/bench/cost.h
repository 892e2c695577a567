/* SPDX-License-Identifier: MIT */
/*
 * What the calls of a worker cost on this machine, one message at a time: each of them is timed,
 * and nothing here is taken from the rate of a run.
 *
 * A process takes and acknowledges the messages of a large stock, first by itself, and then in
 * turn with a process on another CPU.  In turn there is no waiting for a lock, but each call finds
 * all that it touches in the cache of the other CPU.
 */
#ifndef SHMCHAN_BENCH_COST_H
#define SHMCHAN_BENCH_COST_H

#include "bench/cpus.h"

#include <stddef.h>

/* ns.  All are means over a group of calls, without the clock's own time, of which there is the
 * median; and of that the median of several rounds. */
struct bench_cost {
	double take, ack;	      /* by itself */
	double moved_take, moved_ack; /* in turn with another CPU */
	double steal; /* a take, more, in the lane behind the first one; NAN: no lanes */
};

/* Measure a queue and a channel with so many lanes, in turn, on the first two of the CPUs.  This
 * process stays pinned to the first: 0, or an error. */
int bench_cost_measure(struct bench_cost *queue, struct bench_cost *lane,
	const struct bench_cpus *cpus, unsigned lanes, size_t size);

/* Measure how long it takes from waking a process on another CPU until it runs, ns: 0, or an
 * error. */
int bench_cost_of_wake(double *ret, const struct bench_cpus *cpus);

#endif
