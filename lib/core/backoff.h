/* SPDX-License-Identifier: MIT */
/*
 * Backoff: how long a thread that found a lock taken stays away before it tries again.
 *
 * Each try takes the lock's cache line away from the owner, and whoever gets the lock
 * takes all lines of that side.  Two threads that are at the same side all the time thus
 * pass these lines to and fro for each message, and both together are slower than one
 * alone.  If the one that comes too late stays away for a moment, the other one goes on at
 * full speed, and then they change places.
 *
 * So a pause grows while the lock is found taken again and again: it is doubled if it was
 * found taken a few pauses ago, and halved otherwise.  A thread that meets another one now
 * and then hardly pauses.
 *
 * Pure arithmetic: the caller has the clock.  The threads that share an endpoint share
 * what was learned, and take no lock for it: an update that is lost costs a try.
 */
#ifndef CHAN_BACKOFF_H
#define CHAN_BACKOFF_H

#include <stdatomic.h>
#include <stdint.h>

/* The longest pause, ns; 1 to 8 us give the same. */
#define BACKOFF_MAX 2000u

struct backoff {
	_Atomic uint32_t pause; /* ns */
	_Atomic int64_t last;	/* when the lock was last waited for, ns */
};

/* The lock is found taken at `now`.  Returns how long to stay away before each try, ns. */
uint32_t backoff_begin(struct backoff *backoff, int64_t now);

/* The lock was got at `now`, or not. */
void backoff_end(struct backoff *backoff, int64_t now);

#endif
