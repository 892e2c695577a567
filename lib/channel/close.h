/* SPDX-License-Identifier: MIT */
/* The end of a channel, by chan_close() or by the removal of its name. */
#ifndef CHAN_CLOSE_H
#define CHAN_CLOSE_H

#include "channel/wake.h"

/* End the channel for all its endpoints: set bits of LAYOUT_ENDED, decide where it ends,
 * and wake all. */
void channel_end(const struct segment *s, uint32_t bits);

/* Decide where a channel that has ended ends, if that is not decided yet. */
static inline void channel_seal(struct chan *ch)
{
	channel_announced(ch, &ch->control->not_empty);
	ring_seal(&ch->ring);
}

/* Returns true if the channel ended since receivers_visit() and it was not decided where:
 * it looked empty then.  Decides where it ends; the caller looks again. */
static inline bool channel_sealed_anew(struct chan *ch)
{
	if (likely(!(channel_state(ch) & LAYOUT_ENDED)) ||
		atomic_load_explicit(&ch->control->seal, memory_order_acquire))
		return false;
	channel_seal(ch);
	return true;
}

#endif
