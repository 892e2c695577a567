/* SPDX-License-Identifier: MIT */
/*
 * Sleeping in a channel that chand watches.
 *
 * chand sees each death of an endpoint and then wakes everybody, so a sleeper need not look
 * each second for a wake-up that died; but only while chand lives.  The channel says by a
 * mark whose guard stands for that (guard_file.h), and the sleeper sleeps on the guard too
 * (core/guard.h).
 *
 * chand stores the mark when it has begun to see deaths and has woken all that slept before.
 * Before it watches no more and lives on, it clears the mark, and then wakes all.  A sleeper
 * looks for the mark after it armed: if it finds one, each death that could concern it is
 * still to be seen.  If the sleeper finds no mark, or no guard, or one that is gone, it
 * sleeps for a second, as it does without chand.
 *
 * The mark is a hint: nobody is hurt by one that is stale, for its guard is gone.
 */
#ifndef CHAN_WATCHED_H
#define CHAN_WATCHED_H

#include "core/guard.h"

#include <pthread.h>

struct segment;

/* The guard as an endpoint, or an observer, has it. */
struct watched {
	pthread_mutex_t lock; /* of this process: no other one has this handle */
	struct guard_view view;
	uint64_t mark;	  /* that `view` is of; 0 none */
	uint64_t refused; /* it has no guard, or that is gone */
};

void watched_init(struct watched *w);

/* Free it.  In a child of fork() it is not mapped. */
void watched_destroy(struct watched *w, bool mapped);

/* How long a sleep lasts at most while the guard holds, ns: that is what bounds it if chand
 * is stopped, or dies together with those that should pass its end on. */
#define WATCHED_SLICE INT64_C(120000000000)

/* Returns true if the guard that the segment's mark means holds, and then sets where the
 * endpoint in `slot` sleeps. */
bool watched_place(struct watched *w, const struct segment *s, uint64_t mark, int slot,
	struct guard_place *ret);

/* That guard is gone, or can't be slept on: don't come back to it. */
void watched_leave(struct watched *w, uint64_t guard);

#endif
