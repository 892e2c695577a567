/* SPDX-License-Identifier: MIT */
/*
 * When nothing moves: what is known of each worker, and what follows from it.  That a
 * message or a wake-up was lost is said only if every worker that is not done sleeps or
 * runs, and so could go on: one that was stopped, gets no CPU, or is held in the kernel
 * explains the silence by itself.
 */
#ifndef SHMCHAN_BENCH_STALL_H
#define SHMCHAN_BENCH_STALL_H

#include "bench/board.h"
#include "bench/proc.h"

/* A worker that is not done. */
struct bench_stand {
	unsigned index;
	bool sender;
	enum bench_phase phase;
	uint64_t progress;
	pid_t pid;
	struct bench_proc proc;
	double cpu; /* seconds of CPU time that it used while nothing moved */
};

/* Returns why nothing moves for `quiet` seconds, as far as it is known, in words. */
const char *bench_stall_cause(const struct bench_stand *stand, unsigned n, double quiet);

/* Put in words where a worker stands. */
void bench_stall_line(char *text, size_t size, const struct bench_stand *stand);

#endif
