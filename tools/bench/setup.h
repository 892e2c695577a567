/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef SHMCHAN_BENCH_SETUP_H
#define SHMCHAN_BENCH_SETUP_H

#include "bench/assertion.h"
#include "bench/cpus.h"
#include "bench/out.h"
#include "bench/peer.h"

#define BENCH_SIZES_MAX 16
#define BENCH_ASSERTIONS_MAX 16
#define BENCH_PEERS_MAX 8
#define BENCH_WAYS_MAX 8

enum bench_mode {
	MODE_LAT,
	MODE_THR,
	MODE_FAN,
	MODE_WAKE,
	MODE_SELECT,
	MODE_LATEST,
	MODE_BCAST,
	MODE_GROW,
	MODE_EXEC,
	MODE_CALL,
	MODE_LANES,
	MODE_COMPARE,
	MODES
};

extern const char *const bench_mode_name[MODES];

/* How messages go to a receiver, and how it waits for them. */
struct bench_way {
	const char *name, *label;
	const struct bench_peer *peer;
	enum bench_via via;
};

/* As many CPUs as the simulation goes up to. */
#define BENCH_SIMULATED_MAX 64

struct bench_setup {
	enum bench_mode mode;
	bool compared[MODES];
	unsigned sizes;
	size_t size[BENCH_SIZES_MAX];
	uint64_t messages, warmup, runs, senders, receivers, capacity;
	uint64_t backlog, burst, bursts; /* grow: bytes, bytes, and how many small ones */
	double seconds, rate;
	int64_t stall;
	unsigned send_batch, recv_batch, buffers;
	unsigned channels; /* that a receiver waits for: select and set */
	unsigned ways;
	const struct bench_way *way[BENCH_WAYS_MAX];
	bool warmup_given, exclusive, in_place, simulate;
	enum bench_wait wait;
	struct bench_cpus cpus;
	const char *against; /* --versus, or NULL */
	unsigned versus;
	const struct bench_peer *peer[BENCH_PEERS_MAX];
	const char *hdr;
	unsigned assertions;
	struct bench_assertion assertion[BENCH_ASSERTIONS_MAX];
	struct bench_out out;
};

/* Set *setup from the arguments, with defaults for what they leave open; a command line
 * that makes no sense ends the process with a usage error. */
void bench_setup_read(struct bench_setup *setup, int argc, char **argv);

#endif
