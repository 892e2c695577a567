/* SPDX-License-Identifier: MIT */
/*
 * Channels that keep a value in place of messages (kind.read): a send replaces the value,
 * and receivers copy it without a lock.
 *
 * Each endpoint remembers which value it received last, and a receive waits for a newer
 * one.  So every endpoint gets every value that is still there when it looks; those that
 * were replaced before are nobody's.
 *
 * Readers.  A receiver without the right to write maps the segment read-only: the kernel
 * keeps it from harming anybody.  It can't announce its sleep, so it has a read lock on the
 * byte LAYOUT_LOCK_READERS for as long as it lives; a sender that finds that byte locked
 * wakes all with each value, announced or not.  A sender asks the kernel once in a
 * millisecond at most, so a new reader sleeps briefly at first (wait.c).
 *
 * A reader can't seal a channel that was closed (ring_seal()) and leaves that to the
 * closer and the senders.  If all of them died in the middle, nothing is decided: then the
 * reader takes the value that is there for the last one.
 */
#ifndef CHAN_VALUE_H
#define CHAN_VALUE_H

#include "channel/handle.h"

/* ---- the short way of chan_peek() ---- */

/* Note in the cursor which value it has shown.  Returns its length. */
ALWAYS_INLINE ssize_t value_shown(struct chan_cursor *at, uint64_t pos, uint32_t length)
{
	at->pos = pos;
	at->seq = latest_generation(pos);
	at->attempt = 0;
	at->flags &= ~(uint32_t)CHAN_IS_LEASED;
	return (ssize_t)length;
}

/* Find the slot of a value at a position above `after` in an open channel, as nearly every
 * look does; false if there is anything else to it. */
ALWAYS_INLINE bool value_find(
	const struct chan *ch, uint64_t after, uint64_t *pos, const struct layout_slot **slot)
{
	const struct layout_control *control = ch->look.control;
	uint32_t state;

	/* Another kind; a handle that is the parent's has no mapping. */
	if (unlikely(!control || is_orphan(ch)))
		return false;
	/* Acquire: as in receiver_newest().  The state after it, as there. */
	*pos = atomic_load_explicit(&control->senders.position, memory_order_acquire);
	state = atomic_load_explicit(&control->state, memory_order_relaxed);
	if (unlikely(state & LAYOUT_ENDED || *pos <= after || !latest_word_valid(*pos)))
		return false;
	*slot = ch->look.slot[latest_slot(*pos)];
	/* Acquire: as in latest_copy_out(). */
	return likely(atomic_load_explicit(&(*slot)->generation, memory_order_acquire) ==
		      latest_generation(*pos));
}

/* Go on with a value of more than LATEST_SHORT bytes. */
ssize_t value_peek_long(struct chan *ch, void *buf, size_t size, struct chan_cursor *at,
	uint64_t pos, const struct layout_slot *s) LONG_WAY;

#endif
