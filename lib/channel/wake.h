/* SPDX-License-Identifier: MIT */
/* Which sleepers are woken when space or a message appears, and the fence that light
 * endpoints leave to their peers. */
#ifndef CHAN_WAKE_H
#define CHAN_WAKE_H

#include "channel/handle.h"
#include "core/condvar.h"
#include "core/fence.h"
#include "segment/bell.h"

/* Returns true if there may be light endpoints that make what is waited for at `c`.
 * Acknowledgements make only room. */
static inline bool channel_light(const struct chan *ch, const struct layout_cond *c)
{
	return channel_state(ch) &
	       (c == &ch->control->not_empty ? LAYOUT_LIGHT : LAYOUT_LIGHT | LAYOUT_LIGHT_ACK);
}

/* Call after announcing at `c` what light endpoints must not miss: it makes their fence. */
static inline void channel_announced(const struct chan *ch, const struct layout_cond *c)
{
	if (channel_light(ch, c))
		fence_heavy();
}

/* Ring the bell if a call of condvar.h says so.  If that fails, the next signaller does. */
static inline void channel_ring(const struct segment *s, struct layout_cond *c, cond_bell bell)
{
	if (unlikely(bell) && bell_ring(s))
		cond_rung(c, bell);
}

/* What condvar.h has, for a condition of this channel. */
static inline void channel_wake(const struct chan *ch, struct layout_cond *c, int how_many)
{
	channel_ring(&ch->segment, c, cond_wake(c, how_many));
}

static inline void channel_signal(const struct chan *ch, struct layout_cond *c)
{
	channel_ring(&ch->segment, c, cond_signal(c));
}

ALWAYS_INLINE void channel_signal_fenced(const struct chan *ch, struct layout_cond *c)
{
	if (unlikely(cond_hinted(c)))
		channel_wake(ch, c, 1);
}

static inline void channel_pass_on(const struct chan *ch, struct layout_cond *c)
{
	channel_ring(&ch->segment, c, cond_pass_on(c));
}

static inline void channel_broadcast(const struct chan *ch, struct layout_cond *c)
{
	channel_ring(&ch->segment, c, cond_broadcast(c));
}

/* Wake all that wait for a message or for room. */
static inline void channel_wake_all(const struct segment *s)
{
	for (uint32_t i = 0; i < s->geometry.lanes; i++) {
		struct layout_control *control = &segment_layout(s, i)->control;

		channel_ring(s, &control->not_empty, cond_broadcast(&control->not_empty));
		channel_ring(s, &control->not_full, cond_broadcast(&control->not_full));
	}
}

/* A receiver has announced that it waits: where a sender goes on only if there is one, those
 * that look out for it look again. */
static inline void channel_receiver_came(const struct chan *ch, const struct layout_cond *c)
{
	if (unlikely(ch->kind->hands_over) && c == &ch->control->not_empty)
		channel_signal(ch, &ch->control->not_full);
}

/* Announce a waiter, or one that the bell wakes, as condvar.h does.  Of a reader senders
 * know in another way (value.h). */
static inline uint32_t channel_arm(const struct chan *ch, struct layout_cond *c)
{
	return likely(ch->segment.writable) ? cond_arm(c) : cond_key(c);
}

/* Where messages come in a channel with lanes, that is in each of them. */
static inline void channel_arm_bell(const struct chan *ch, struct layout_cond *c)
{
	uint32_t n = likely(c != &ch->control->not_empty) ? 1 : ch->segment.geometry.lanes;

	if (unlikely(!ch->segment.writable))
		return;
	cond_arm_bell(c);
	for (uint32_t i = 1; i < n; i++)
		cond_arm_bell(&segment_layout(&ch->segment, i)->control.not_empty);
}

/* Returns true if the senders that wait need different amounts of room (sender.c). */
static inline bool channel_uneven(const struct chan *ch)
{
	return atomic_load_explicit(&ch->control->senders.uneven, memory_order_relaxed);
}

/* Returns true if a sender may sleep until there is room. */
static inline bool channel_room_waited(const struct chan *ch)
{
	return cond_hinted(&ch->control->not_full);
}

/*
 * Space was freed, and a full fence followed: wake a sender that waits for room.  All of
 * them are woken if one might not be able to use it: where they need different amounts,
 * and where the sender that waits for its receiver (kind.hands_over) is not the one that
 * waits for room; and where they wait for a subscriber.  (`uneven` is stored before the waiter's
 * fence in cond_arm(): either we see it, or that waiter sees the room.)
 */
static inline void channel_freed(struct chan *ch)
{
	struct layout_cond *c = &ch->control->not_full;

	if (likely(!channel_room_waited(ch)))
		return;
	if (ch->kind->hands_over || ch->kind->subscribed || channel_uneven(ch))
		channel_broadcast(ch, c);
	else
		channel_wake(ch, c, 1);
}

#endif
