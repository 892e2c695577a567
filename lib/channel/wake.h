/* SPDX-License-Identifier: MIT */
/* Which sleepers are woken when space or a message appears, and the fence that light
 * endpoints leave to their peers. */
#ifndef CHAN_WAKE_H
#define CHAN_WAKE_H

#include "channel/handle.h"
#include "core/condvar.h"
#include "core/fence.h"

/* Call after announcing something that light endpoints must not miss: it makes their
 * fence. */
static inline void channel_announced(const struct chan *ch)
{
	if (channel_state(ch) & LAYOUT_LIGHT)
		fence_heavy();
}

/* Wake all that wait for a message or for room. */
static inline void channel_wake_all(struct chan *ch)
{
	cond_broadcast(&ch->control->not_empty);
	cond_broadcast(&ch->control->not_full);
}

/* Returns true if the senders that wait need different amounts of room (sender.c). */
static inline bool channel_uneven(const struct chan *ch)
{
	return atomic_load_explicit(&ch->control->senders.uneven, memory_order_relaxed);
}

/*
 * Space was freed, and a full fence followed: wake a sender that waits for room.  All of
 * them are woken if one might not be able to use it: where they need different amounts,
 * and where the sender that waits for its receiver (kind.hands_over) is not the one that
 * waits for room.  (`uneven` is stored before the waiter's fence in cond_arm(): either
 * we see it, or that waiter sees the room.)
 */
static inline void channel_freed(struct chan *ch)
{
	struct layout_cond *c = &ch->control->not_full;

	if (likely(!atomic_load_explicit(&c->waiting, memory_order_relaxed)))
		return;
	if (ch->kind->hands_over || channel_uneven(ch))
		cond_broadcast(c);
	else
		cond_wake(c, 1);
}

#endif
