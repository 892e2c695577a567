/* SPDX-License-Identifier: MIT */
/*
 * The two sides of a channel.  Each has a lock, which an endpoint takes for each call;
 * an exclusive endpoint is the only one of its side and keeps it for life.
 */
#ifndef CHAN_SIDE_H
#define CHAN_SIDE_H

#include "channel/handle.h"
#include "core/lock.h"
#include "core/thread.h"

/* Take the side's lock after lock_try() gave `err`: as senders_enter(). */
int senders_enter_slow(struct chan *ch, int err, struct limit *limit);
int receivers_enter_slow(struct chan *ch, int err, struct limit *limit);

ALWAYS_INLINE int side_enter(struct chan *ch, struct layout_lock *lock,
	int (*slow)(struct chan *, int, struct limit *), struct limit *limit)
{
	int err;

	if (unlikely(is_orphan(ch)))
		return -ENOTCONN;
	err = lock_try(lock);
	return likely(err == 0) ? 0 : slow(ch, err, limit);
}

/* Returns true if the endpoint is the only one of its side: it has the lock for life. */
ALWAYS_INLINE bool exclusive(const struct chan *ch, unsigned role)
{
	return (ch->roles & (CHAN_EXCLUSIVE | role)) == (CHAN_EXCLUSIVE | role);
}

/* Check that this thread has the exclusive endpoint: 0, -ENOTCONN or -EPERM, as
 * senders_enter(). */
ALWAYS_INLINE int exclusive_check(const struct chan *ch)
{
	if (unlikely(is_orphan(ch)))
		return -ENOTCONN;
	return likely(ch->thread == thread_self()) ? 0 : -EPERM;
}

/* Returns true if this thread has a reservation open, and so the senders' lock. */
ALWAYS_INLINE bool reserving(const struct chan *ch)
{
	return atomic_load_explicit(&ch->reserver, memory_order_relaxed) == thread_self();
}

/*
 * Take a side's lock.  Returns 0, or
 *
 *   -ENOTCONN   the endpoint is the parent's
 *   -EPERM      another thread has this exclusive endpoint
 *   -ETIMEDOUT  the time is over
 *   -EINTR      chan_interrupt()
 *   -EPIPE      the side is over (-EIDRM: by a removal)
 *   -EDEADLK    this thread has the lock already
 *   -EBADMSG    the channel is damaged
 *   -EBUSY      the timeout is 0 and the lock was not free within a moment: nothing can
 *               be said of the channel
 *   -EAGAIN     the timeout is 0, and the senders' lock belongs to a rendezvous sender
 *               that waits for its receiver
 */
ALWAYS_INLINE int senders_enter(struct chan *ch, struct limit *limit)
{
	if (exclusive(ch, CHAN_SEND))
		return exclusive_check(ch);
	return side_enter(ch, &ch->control->senders.lock, senders_enter_slow, limit);
}

ALWAYS_INLINE int receivers_enter(struct chan *ch, struct limit *limit)
{
	if (exclusive(ch, CHAN_RECV))
		return exclusive_check(ch);
	return side_enter(ch, &ch->control->receivers.lock, receivers_enter_slow, limit);
}

/* Release a side's lock.  This is also a full fence, or the light side of one (fence.h). */
ALWAYS_INLINE void side_leave(struct chan *ch, struct layout_lock *lock, unsigned role)
{
	if (!exclusive(ch, role))
		lock_release(lock);
	else if (likely(ch->light && !(channel_state(ch) & LAYOUT_HEAVY_MISSING)))
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

ALWAYS_INLINE void senders_leave(struct chan *ch)
{
	side_leave(ch, &ch->control->senders.lock, CHAN_SEND);
}

ALWAYS_INLINE void receivers_leave(struct chan *ch)
{
	side_leave(ch, &ch->control->receivers.lock, CHAN_RECV);
}

/*
 * Take a side's lock without being of that side: an observer does, or a drop-oldest sender
 * whose time limit is `outer`.  Errors as senders_enter(), and
 *
 *   -EBUSY   the lock was not free
 *   -EDEADLK (senders_visit() only) this thread has it
 *
 * receivers_visit() waits a second at most, and seals a channel that ended.
 * senders_visit() does not wait: it only finds out whether the owner has died.
 */
int receivers_visit(struct chan *ch, struct limit *outer);
int senders_visit(struct chan *ch);

/* Check that this thread may use the endpoint for `role`, which is the caller's number: 0,
 * -EINVAL or -EBADF with the detail, -ENOTCONN or -EPERM. */
int side_check(const struct chan *ch, unsigned role);

/* Returns -ENOLCK: this thread keeps as many locks as its death is sure to release. */
int sides_too_many(void);

/* Take an exclusive endpoint's locks, for life: 0, or an error of senders_enter() or of
 * sides_too_many(). */
int sides_keep(struct chan *ch);

/* Release them, if this thread has them. */
void sides_release(struct chan *ch);

#endif
