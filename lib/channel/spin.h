/* SPDX-License-Identifier: MIT */
/*
 * Spinning: looking again and again for a moment, before a sleep.
 *
 * A wake-up costs 5 to 30 us, a hot hand-over less than one, so a short look pays while
 * the other side is at work.  The budget doubles when a spin was rewarded, or would have
 * been at its longest, because the sleep was shorter than that.  (Otherwise two that once
 * put each other to sleep would do so for each message.)  It halves when the sleep was
 * longer.
 */
#ifndef CHAN_SPIN_H
#define CHAN_SPIN_H

#include "channel/lag.h"

#include <stdbool.h>
#include <stdint.h>

struct chan;

/* What a side learned: how long to spin, ns, and how long to lag first. */
struct spin {
	_Atomic uint32_t budget;
	struct lag lag;
};

void spin_init(struct spin *spin);

/* Spin until changed(ch, seen) or the budget is used up, and learn from that.  `lags`: it
 * may lag first, because `seen` is a position of the other side.  Returns true if it
 * changed. */
bool spin_until(struct spin *spin, bool (*changed)(struct chan *, uint64_t), struct chan *ch,
	uint64_t seen, bool lags);

/* Learn from a sleep of `ns` after a spin in vain. */
void spin_slept(struct spin *spin, int64_t ns);

#endif
