/* SPDX-License-Identifier: MIT */
/*
 * What all ways to receive have in common: lock, while empty wait, [read,] unlock, wake.
 * A call is
 *
 *   receiver_check()  may this endpoint receive?
 *   receiver_find()   lock; while empty wait
 *   consume or lease
 *   receiver_done()   unlock, wake
 */
#ifndef CHAN_RECEIVE_H
#define CHAN_RECEIVE_H

#include "channel/side.h"
#include "channel/wake.h"

/*
 * Check that this endpoint may receive, with this timeout.  Returns 0, or
 *
 *   -EBADF   it was not opened to receive, or receives no messages (value.h)
 *   -EINVAL  the number is no timeout
 */
ALWAYS_INLINE int receiver_check(const struct chan *ch, int64_t timeout)
{
	if (unlikely(!(ch->ring_roles & CHAN_RECV)))
		return -EBADF;
	return unlikely(timeout < CHAN_WAIT) ? error_of_timeout(timeout) : 0;
}

#define RECEIVER_PAUSED (-EINPROGRESS)

/*
 * Find the first ready record, the lock held.  Returns 0, or
 *
 *   -EAGAIN   there is none
 *   RECEIVER_PAUSED   it was not looked, because the channel is paused
 *   -EPIPE    the channel was closed, and what was in it discarded
 *   -EBADMSG  the channel is damaged
 */
ALWAYS_INLINE int receiver_try(struct chan *ch, struct ring_item *it)
{
	uint32_t state = channel_state(ch);

	if (unlikely(state & (LAYOUT_DISCARD | LAYOUT_PAUSED))) {
		if (state & LAYOUT_DISCARD)
			return -EPIPE;
		if (channel_paused(state))
			return RECEIVER_PAUSED;
	}
	return ring_next(&ch->ring, ring_first(&ch->ring), it);
}

/* Wait or give up after receiver_try() gave `err`: as receiver_find(). */
int receiver_wait(struct chan *ch, struct limit *limit, struct ring_item *it, int err);

/* Find the first ready record, after receivers_enter() gave `err`: 0, the lock held; or an
 * error, without it. */
ALWAYS_INLINE int receiver_find_entered(
	struct chan *ch, struct limit *limit, struct ring_item *it, int err)
{
	*it = (struct ring_item){.pos = 0}; /* the compiler warns otherwise */
	if (likely(err == 0)) {
		err = receiver_try(ch, it);
		if (unlikely(err < 0)) {
			struct ring_item found = {.pos = 0}; /* `it` may stay in registers */

			err = receiver_wait(ch, limit, &found, err);
			*it = found;
		}
	}
	return err;
}

/* Take the receivers' lock and do the same. */
ALWAYS_INLINE int receiver_find(struct chan *ch, struct limit *limit, struct ring_item *it)
{
	return receiver_find_entered(ch, limit, it, receivers_enter(ch, limit));
}

/* Leave the lock after a success: wake a sender if space was freed.  A receiver that
 * slept passes the wake-up on if anything is left. */
ALWAYS_INLINE void receiver_done(struct chan *ch, const struct limit *limit, bool freed)
{
	receivers_leave(ch);
	if (freed)
		channel_freed(ch);
	if (unlikely(limit->slept)) {
		cond_rearm(&ch->control->not_empty);
		/* Beside an exclusive receiver no other one sleeps here, so the message does not
		 * wait for the heavy fence. */
		if (!exclusive(ch, CHAN_RECV))
			channel_announced(ch, &ch->control->not_empty);
		if (ring_any(&ch->ring))
			channel_signal(ch, &ch->control->not_empty);
	}
}

/* Do as chan_recv() and chan_take() after receiver_check(), within a limit that other calls
 * share. */
ssize_t channel_receive(struct chan *ch, void *buf, size_t size, struct limit *limit);
int channel_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit);

/* End a lease as `end` does, chan_ack() or another, though chan_interrupt() be in force: it is the
 * library's own, and nobody would try again. */
int lease_end_surely(struct chan *ch, const struct chan_lease *lease,
	int (*end)(chan_t *, const struct chan_lease *, unsigned));

/* Forget what is known of the message that was last taken; the lock is held. */
void receiver_forget_taken(struct chan *ch);

/* Do as chan_ack(), chan_release() and chan_untake() in a queue, after the checks; n is not 0. */
int leases_ack(struct chan *ch, const struct chan_lease *lease, unsigned n);
int leases_release(struct chan *ch, const struct chan_lease *lease, unsigned n);
int leases_untake(struct chan *ch, const struct chan_lease *lease, unsigned n);

/* Returns true if this thread has a reservation in the channel: nobody could send what it
 * is about to wait for. */
bool receiver_waits_for_itself(struct chan *ch, const struct limit *limit);

/* Find out whether a receive could go on: 0, or its error. */
int receiver_ready(struct chan *ch, struct limit *limit);

#endif
