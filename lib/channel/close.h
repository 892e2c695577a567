/* SPDX-License-Identifier: MIT */
/* The end of a channel: by chan_close(), or by the removal of its name. */
#ifndef CHAN_CLOSE_H
#define CHAN_CLOSE_H

#include "channel/wake.h"

/* End the channel for everybody: set bits of LAYOUT_ENDED, decide where it ends, and
 * wake all. */
void channel_end(struct layout_control *c, uint32_t bits);

/* The channel ended: decide where, if nobody has. */
static inline void channel_seal(struct chan *ch)
{
	channel_announced(ch);
	ring_seal(&ch->ring);
}

/* Did the channel end since receivers_visit(), and has no end yet?  Then what is in it
 * looked empty.  Decide its end and return true: look again. */
static inline bool channel_sealed_anew(struct chan *ch)
{
	if (likely(!(channel_state(ch) & LAYOUT_ENDED)) ||
		atomic_load_explicit(&ch->control->seal, memory_order_acquire))
		return false;
	channel_seal(ch);
	return true;
}

#endif
