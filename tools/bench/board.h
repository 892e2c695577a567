/* SPDX-License-Identifier: MIT */
/*
 * The board: what the workers of a run note, in memory that they and their parent
 * share.  A worker writes its own lines of it, and while messages flow only `progress`.
 */
#ifndef SHMCHAN_BENCH_BOARD_H
#define SHMCHAN_BENCH_BOARD_H

#include <stdatomic.h>
#include <sys/types.h>

#include "bench/hist.h"
#include "bench/job.h"

/* Where a worker is.  It stores this when it begins something else, but not for each
 * message, unless it waits for the message anyway. */
enum bench_phase {
	BENCH_STARTING, /* is pinned and attaches */
	BENCH_COUNTING, /* opens its counter of futex calls */
	BENCH_READY,	/* waits until all are ready */
	BENCH_WARM,	/* sent the warm-up and waits until it was received */
	BENCH_MOVING,	/* sends or receives */
	BENCH_PLANNED,	/* sleeps until the planned time of a message */
	BENCH_SLEEPERS, /* waits until all receivers sleep */
	BENCH_SETTLING, /* waits until the channel has given its memory back */
	BENCH_CLOSING,	/* drops its links */
	BENCH_LEFT,	/* is done, but for its counter and its end */
};

struct bench_usage {
	int64_t cpu;
	uint64_t voluntary, involuntary, futexes;
};

/* Bytes that a channel had: at first, most, and when it was quiet again. */
struct bench_memory {
	uint64_t start, peak, end;
};

struct bench_worker {
	/* Messages sent or received so far.  It has its lines for itself: everything
	 * else is written before or after. */
	_Alignas(128) _Atomic uint64_t progress;
	_Alignas(128) _Atomic enum bench_phase phase;
	unsigned index;
	bool sender;
	pid_t pid; /* written by the parent; 0: it ended */
	int64_t end;
	int64_t busy; /* ns that count, if not all up to the last receipt */
	struct bench_memory memory;
	struct bench_usage used;
	uint64_t sum, count; /* of the stamps received */
	uint64_t lost;	     /* messages, as told */
	uint64_t had;	     /* progress when the first sender was done */
	int uncounted;	     /* negative errno: its futex calls could not be counted */
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

static inline void bench_phase_set(struct bench_worker *w, enum bench_phase phase)
{
	atomic_store_explicit(&w->phase, phase, memory_order_relaxed);
}

static inline enum bench_phase bench_phase_of(const struct bench_worker *w)
{
	return atomic_load_explicit(&w->phase, memory_order_relaxed);
}

/* Message `number` of a sender. */
#define BENCH_NUMBER_BITS 48
static inline uint64_t bench_stamp(unsigned sender, uint64_t number)
{
	return (uint64_t)sender << BENCH_NUMBER_BITS | number;
}

#endif
