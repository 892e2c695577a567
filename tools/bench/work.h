/* SPDX-License-Identifier: MIT */
/* What a worker does, and what it notes on the board (see job.h). */
#ifndef SHMCHAN_BENCH_WORK_H
#define SHMCHAN_BENCH_WORK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "bench/job.h"

struct bench_usage {
	int64_t cpu;
	uint64_t voluntary, involuntary, futexes;
};

struct bench_worker {
	/* Sent or received so far.  It has its lines for itself: everything else
	 * is written before or after. */
	_Alignas(128) _Atomic uint64_t progress;
	_Alignas(128) unsigned index;
	bool sender;
	pid_t pid; /* the parent's; 0: ended */
	int64_t end;
	struct bench_usage used;
	uint64_t sum, count; /* of the stamps received */
	uint64_t had;	     /* progress when the first sender was done */
	int error;
	char why[BENCH_WHY / 2];
	struct hist latency;
};

struct bench_board {
	_Atomic int64_t start;		    /* ns of the clock; 0: still warming up */
	_Atomic unsigned done;		    /* senders */
	_Alignas(128) _Atomic int64_t sent; /* wake: when the message was sent, */
	_Alignas(128) _Atomic uint64_t got; /* and how many were received */
	struct bench_worker worker[];
};

/* Message `number` of a sender. */
#define BENCH_NUMBER_BITS 48
static inline uint64_t bench_stamp(unsigned sender, uint64_t number)
{
	return (uint64_t)sender << BENCH_NUMBER_BITS | number;
}

/* Note what went wrong and end the process; `err` 0: it is in the messages. */
_Noreturn void bench_worker_fail(struct bench_worker *w, const char *what, int err);

/* Attach to the job's links for the worker's part. */
void bench_worker_attach(
	const struct bench_job *job, struct bench_worker *w, struct bench_link *const link[2]);

/* Do the worker's part of the job. */
void bench_work(const struct bench_job *job, struct bench_board *board, struct bench_worker *w,
	struct bench_link *const link[2]);

#endif
