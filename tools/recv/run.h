/* SPDX-License-Identifier: MIT */
/*
 * A run of chanrecv: how many messages are still wanted, how long a receiver may wait for
 * one, what was received, and whether all have to stop.
 */
#ifndef SHMCHAN_RUN_H
#define SHMCHAN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "recv/options.h"

struct run {
	const struct recv_options *options;

	/* private */
	bool stopped, reader_gone;
	uint64_t wanted; /* messages until the limit */
	uint64_t received, bytes, lost;
	int64_t active; /* when the last message came */
};

void run_init(struct run *ret, const struct recv_options *options);

/* End all receivers: each finishes what it does, and waits no more. */
void run_stop(struct run *run);
/* The same, since the reader of stdout went away. */
void run_lose_reader(struct run *run);
/* Returns true after these, and after a signal. */
bool run_stopping(const struct run *run);

/* Returns how many messages are wanted before the limit. */
uint64_t run_wanted(const struct run *run);
/* Count off those of n messages taken that are still wanted: returns how many. */
unsigned run_claim(struct run *run, unsigned n);

/* Count n messages of so many bytes as received. */
void run_count(struct run *run, unsigned n, uint64_t bytes);
/* Count messages that were lost. */
void run_note_lost(struct run *run, uint64_t n);
uint64_t run_lost(const struct run *run);
uint64_t run_received(const struct run *run);
uint64_t run_bytes(const struct run *run);

/* Returns true if the reader went away before all came that was wanted. */
bool run_lost_its_reader(const struct run *run);

/* Note that a message came. */
void run_note_activity(struct run *run);
/* Returns how long to wait for the next message, as for chan_recv(). */
int64_t run_patience(const struct run *run);
/* Returns true once the whole run has taken too long. */
bool run_is_over(const struct run *run);
/* Returns true if --idle-exit, and no other limit, is why run_patience() is 0. */
bool run_is_idle(const struct run *run);

#endif
