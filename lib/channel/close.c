/* SPDX-License-Identifier: MIT */
/* The model is in close.h; where a channel ends is in ring.c. */
#include "channel/close.h"

static void end_lane(struct layout_control *c, uint32_t bits)
{
	struct ring ring = {.control = c};

	/* One store ends both sides.  seq_cst: pairs with the fence after a
	 * publication, see ring_seal(), and with those of the condition variables. */
	if (atomic_fetch_or_explicit(&c->state, bits, memory_order_seq_cst) & LAYOUT_LIGHT)
		fence_heavy(); /* as channel_announced() does */
	/* The bit is stored before ring_seal() reads the position. */
	atomic_thread_fence(memory_order_seq_cst);
	ring_seal(&ring);
}

/* If this is killed after the first lane, whoever finds that one ended ends the others
 * (lanes.c). */
void channel_end(const struct segment *s, uint32_t bits)
{
	for (uint32_t i = 0; i < s->geometry.lanes; i++)
		end_lane(&segment_layout(s, i)->control, bits);
	channel_wake_all(s);
}

int chan_close(const chan_t *ch, unsigned how)
{
	if (how > CHAN_DISCARD)
		return error_because(-EINVAL, "how: is neither CHAN_DRAIN nor CHAN_DISCARD");
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	channel_end(&ch->segment, LAYOUT_CLOSED | (how == CHAN_DISCARD ? LAYOUT_DISCARD : 0));
	return 0;
}
