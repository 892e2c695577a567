/* SPDX-License-Identifier: MIT */
/*
 * One run of one job: forked workers, each pinned to a CPU, move the messages, and
 * every one of them is accounted for: a stamp says its sender and number; a
 * receiver checks the order and sums up, and the sums have to come out.  A run
 * that lost, repeated or changed a message fails.
 *
 * The clock starts when the warm-up has been received and stops at the last
 * receipt.
 */
#ifndef SHMCHAN_BENCH_RUN_H
#define SHMCHAN_BENCH_RUN_H

#include "bench/board.h"
#include "bench/hist.h"
#include "bench/job.h"

struct bench_result {
	uint64_t messages;		 /* measured, of all senders */
	int64_t elapsed;		 /* ns */
	int64_t cpu;			 /* ns, of all workers */
	uint64_t voluntary, involuntary; /* context switches of all workers */
	uint64_t futexes;		 /* if counted */
	int64_t sender_cpu;		 /* of these the senders' */
	uint64_t sender_futexes;
	int uncounted;		    /* negative errno: they could not be counted */
	struct bench_memory memory; /* of bursts, else 0 */
	/* When the first sender was done: what the slowest and the fastest had
	 * sent and received, where 1 is an equal share. */
	double sender_least, sender_most, receiver_least, receiver_most;
};

/*
 * Run the job once, and merge the latencies into `latency`.  Returns 0, or a
 * negative errno, and then `why` says it in a line:
 *   -EINTR       a signal of cli_signals()
 *   -ETIMEDOUT   nothing moved for the job's `stall` (watch.h)
 *   -EBADMSG     a message was lost, repeated or changed
 *   -ECHILD      a worker died
 * and any other of the peer or of the system.
 */
int bench_run(const struct bench_job *job, struct bench_result *ret, struct hist *latency,
	char why[BENCH_WHY]);

#endif
