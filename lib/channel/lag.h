/* SPDX-License-Identifier: MIT */
/*
 * Lag: how long a side stays away from its peer's cache lines before it looks.
 *
 * A side that polls right behind its peer fights it for the same lines, and both slow
 * down.  If it stays away for a few microseconds, the peer runs, and the side then finds
 * several messages (or room for several).  In a dialogue the same moment is only lost.
 * No time tells the two apart on every processor, so it is tried: some waits as they are,
 * then some with a lag (or without, if it lags), and whatever moved more bytes in the
 * same time stays.
 *
 *   - A trial that gave nothing is repeated after twice as many waits, up to some
 *     thousands, so a dialogue is lagged twice in all of them.
 *   - A lagged wait that finds less than twice what one without lag finds gave nothing.
 *     The second in a row ends the lag: a stream became a dialogue.
 *   - A cycle, from one wait's start to the next, does not count if a sleep or a long
 *     pause is in it: that says nothing about cache lines.
 *
 * Pure arithmetic: the caller has the clock and the position.  The threads that share an
 * endpoint share what was learned, and take no lock for it: an update that is lost costs
 * a trial.
 */
#ifndef CHAN_LAG_H
#define CHAN_LAG_H

#include <stdatomic.h>
#include <stdint.h>

struct lag {
	_Atomic uint32_t chosen; /* what was found to be better, ns */
	_Atomic uint32_t phase;
	_Atomic uint32_t left;	/* cycles of this phase */
	_Atomic uint32_t rest;	/* cycles between two trials */
	_Atomic uint32_t poor;	/* lagged waits in a row that gave nothing */
	_Atomic uint64_t plain; /* bytes that a wait finds without lag */
	_Atomic uint64_t position;
	_Atomic int64_t since;	   /* the start of the cycle, 0 if it does not count */
	_Atomic uint64_t bytes[2]; /* before the trial, in the trial */
	_Atomic int64_t ns[2];
};

void lag_init(struct lag *lag);

/* End a cycle and begin the next: a wait starts at `now`, ns, which saw the other side at
 * `position`.  Returns how long it stays away, ns. */
uint32_t lag_next(struct lag *lag, int64_t now, uint64_t position);

/* Take the cycle under way out of the count: the wait sleeps. */
void lag_interrupt(struct lag *lag);

#endif
