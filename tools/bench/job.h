/* SPDX-License-Identifier: MIT */
/*
 * One run of one job: forked workers, each pinned to a CPU, move a fixed number
 * of messages over a peer, and every one of them is accounted for: a stamp says
 * its sender and number; a receiver checks the order and sums up, and the sums
 * have to come out.  A run that lost, repeated or changed a message fails.
 *
 * Kinds:
 *   stream      senders send as fast as they can, or with `rate` each message at
 *               a planned time (open loop); then latency runs from that planned
 *               time to the receipt, so that a stall is not left out of it
 *   round trip  one sender, one echo over a second link; latency is the whole
 *               way, in an open loop from the planned time too
 *   wake        one message at a time to receivers that are all asleep (so says
 *               the kernel, see /proc/PID/stat); latency is from just before the
 *               send to just after the receive
 *
 * The clock starts when the warm-up has been received and stops at the last
 * receipt.
 */
#ifndef SHMCHAN_BENCH_JOB_H
#define SHMCHAN_BENCH_JOB_H

#include <stdint.h>

#include "bench/hist.h"
#include "bench/peer.h"

#define BENCH_WORKERS_MAX 512
#define BENCH_CPUS_MAX 1024
#define BENCH_WHY 200

enum bench_kind { BENCH_STREAM, BENCH_ROUND_TRIP, BENCH_WAKE };

struct bench_cpus {
	unsigned n;
	unsigned short cpu[BENCH_CPUS_MAX];
};

struct bench_job {
	enum bench_kind kind;
	const struct bench_peer *peer;
	struct bench_spec spec;
	unsigned senders, receivers;
	uint64_t messages; /* measured, of each sender */
	uint64_t warmup;   /* before them, of each sender */
	double rate;	   /* a second, of each sender; 0: closed loop */
	const struct bench_cpus *cpus;
	int futex_event; /* of bench_count_event(), or negative: don't count */
};

struct bench_result {
	uint64_t messages;		 /* measured, of all senders */
	int64_t elapsed;		 /* ns */
	int64_t cpu;			 /* ns, of all workers */
	uint64_t voluntary, involuntary; /* context switches of all workers */
	uint64_t futexes;		 /* if counted */
	/* When the first sender was done: what the slowest and the fastest had
	 * sent and received, where 1 is an equal share. */
	double sender_least, sender_most, receiver_least, receiver_most;
};

/*
 * Run it once, and merge the latencies into `latency`.  On failure, a negative
 * errno, and `why` says it in a line; -EINTR is a signal of cli_signals().
 * -EMSGSIZE, -ENOSYS and the like from making the link: this peer can't.
 */
int bench_run(const struct bench_job *job, struct bench_result *ret, struct hist *latency,
	char why[BENCH_WHY]);

#endif
