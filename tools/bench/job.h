/* SPDX-License-Identifier: MIT */
/*
 * What a run is to do: workers move a fixed number of messages over a peer.
 *
 * Kinds:
 *   stream      senders send as fast as they can, or with `rate` each message at
 *               a planned time (open loop); then latency runs from that planned
 *               time to the receipt, so that no stall is left out of it
 *   round trip  one sender, one echo over a second link; latency is the whole
 *               way, in an open loop from the planned time too
 *   wake        one message at a time to receivers that are all asleep (as the
 *               kernel says in /proc/PID/stat); latency is from just before the
 *               send to just after the receive
 *   look        receivers look at the latest value, as fast as they can, while the
 *               sender replaces it; `messages` and `warmup` are looks of each receiver
 *   bursts      the sender sends `messages` in so many bursts; the receiver takes each
 *               burst when all of it is sent.  Only sending counts.  At the end both wait
 *               until the channel has given its memory back
 *   stock       the senders send all before the clock starts; the receivers take it
 *   jobs        another program runs a child for each message (exec.h), `receivers` at once
 *   asleep      the same, and each child sleeps: what the program itself costs
 */
#ifndef SHMCHAN_BENCH_JOB_H
#define SHMCHAN_BENCH_JOB_H

#include <stdint.h>

#include "bench/cpus.h"
#include "bench/peer.h"
#include "shmchan.h"

#define BENCH_WORKERS_MAX 512
#define BENCH_WHY 200

enum bench_kind {
	BENCH_STREAM,
	BENCH_ROUND_TRIP,
	BENCH_WAKE,
	BENCH_LOOK,
	BENCH_BURSTS,
	BENCH_STOCK,
	BENCH_JOBS,
	BENCH_ASLEEP,
};

struct bench_job {
	enum bench_kind kind;
	const struct bench_peer *peer;
	struct bench_spec spec;
	unsigned senders, receivers;
	uint64_t messages; /* measured, of each sender */
	uint64_t warmup;   /* before them, of each sender */
	double rate;	   /* a second, of each sender; 0: closed loop */
	/* A stream of one sender and one receiver: the messages that the receiver leaves in
	 * the channel, and the most that the sender lets there be; 0: no limit. */
	uint64_t backlog, most;
	uint64_t bursts;
	const struct bench_cpus *cpus;
	int64_t stall;	 /* ns without a message after which a run hangs; CHAN_WAIT: never */
	int futex_event; /* of bench_count_event(), or negative: don't count */
};

/* Returns how many workers have `messages` of their own to count. */
static inline unsigned bench_job_counting(const struct bench_job *job)
{
	return job->kind == BENCH_LOOK ? job->receivers : job->senders;
}

/* Returns true if it is not this program's workers that do it. */
static inline bool bench_job_executed(const struct bench_job *job)
{
	return job->kind == BENCH_JOBS || job->kind == BENCH_ASLEEP;
}

/* Returns true if what counts is the rate: there are no latencies in a closed loop. */
static inline bool bench_job_rated(const struct bench_job *job)
{
	return job->kind != BENCH_ROUND_TRIP && job->kind != BENCH_WAKE;
}

#endif
