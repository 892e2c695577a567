/* SPDX-License-Identifier: MIT */
/*
 * Pausing: receivers find nothing, as if the channel were empty, until it goes on.
 *
 * LAYOUT_PAUSED is the only bit of `state` that is ever cleared.  One operation on `state` is
 * the commit of either; a process that is killed before it wakes the receivers leaves that to
 * their next look.  A sender that publishes meanwhile wakes a receiver for nothing.
 */
#include "channel/receive.h"
#include "channel/receiver.h"

int chan_pause(chan_t *ch, int on)
{
	if (!ch->kind->purge)
		return receiving_refused(ch);
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	for (uint32_t i = 0; i < ch->segment.geometry.lanes; i++) {
		struct layout_control *c = &segment_layout(&ch->segment, i)->control;

		/* Pairs with the fence in cond_arm(): who arms after this sees the bit cleared. */
		if (on)
			atomic_fetch_or_explicit(&c->state, LAYOUT_PAUSED, memory_order_seq_cst);
		else
			atomic_fetch_and_explicit(
				&c->state, ~(uint32_t)LAYOUT_PAUSED, memory_order_seq_cst);
		if (!on)
			channel_broadcast(ch, &c->not_empty);
	}
	return 0;
}
