/* SPDX-License-Identifier: MIT */
/*
 * What all ways to send have in common: lock, while full wait, [write,] publish, unlock,
 * wake.  A call is
 *
 *   sender_check()   may this endpoint send?
 *   sender_find()    lock; while full wait, or do as the overflow policy says
 *   ring_append()    write
 *   sender_commit()  publish, unlock, wake
 */
#ifndef CHAN_SENDER_H
#define CHAN_SENDER_H

#include "channel/side.h"
#include "channel/wake.h"
#include "kind/broadcast.h"

#include <limits.h>

/*
 * The calls of those that don't send records as they are, because their kind keeps a value
 * (value.c) or their messages have a header (headed.c).  Such an endpoint has not the role
 * CHAN_SEND in chan.ring_roles, so the hot path finds out where it would have failed.  Each does
 * as the call of its name, but for the check of the endpoint and of the arguments, and within a
 * limit that other calls may share.
 */
struct sending_calls {
	int (*send)(struct chan *ch, const void *msg, size_t len, struct limit *limit);
	int (*send_batch)(
		struct chan *ch, const struct iovec *msg, unsigned n, struct limit *limit);
	/* Also set *place, unless that is NULL.  NULL: messages have no header. */
	int (*send_meta)(struct chan *ch, const void *msg, size_t len, const struct chan_meta *meta,
		struct limit *limit, struct headed_place *place);
};

extern const struct sending_calls sending_values, sending_headed, sending_lanes;

/* Returns true if the endpoint sends by this table. */
static inline bool sends_otherwise(const struct chan *ch)
{
	return ch->roles & ~ch->ring_roles & CHAN_SEND;
}

/* Return why a call of such an endpoint fails at once, or 0: as sender_check(). */
static inline int sending_check(const struct chan *ch, int64_t timeout)
{
	if (unlikely(is_orphan(ch)))
		return -ENOTCONN;
	if (unlikely(reserving(ch)))
		return -EDEADLK;
	return unlikely(timeout < CHAN_WAIT) ? error_of_timeout(timeout) : 0;
}

/*
 * Check that this endpoint may send, with this timeout.  Returns 0, or
 *
 *   -EBADF     it was not opened to send, or sends no messages (value.h)
 *   -EDEADLK   this thread has a reservation open
 *   -ENOTCONN  the endpoint is the parent's
 *   -EINVAL    the number is no timeout
 */
ALWAYS_INLINE int sender_check(const struct chan *ch, int64_t timeout)
{
	if (unlikely(!(ch->ring_roles & CHAN_SEND)))
		return -EBADF;
	if (unlikely(reserving(ch)))
		return is_orphan(ch) ? -ENOTCONN : -EDEADLK;
	return unlikely(timeout < CHAN_WAIT) ? error_of_timeout(timeout) : 0;
}

/*
 * Check, for a channel with CHAN_NEED_RECEIVERS, that there are receivers or never were
 * any.  `look`: ask the kernel, however lately that was done.  Returns 0, or
 *
 *   -EPIPE   there were receivers, and all are gone
 *   -EBADFD  the program closed the endpoint's descriptor: the kernel can't be asked
 */
int sender_needs_receivers(struct chan *ch, bool look);

/*
 * Check that a message can be sent at all.  Returns 0, or
 *
 *   -EPIPE    the channel is closed, or as sender_needs_receivers()
 *   -EIDRM    the channel was removed
 *   -EBADMSG  the channel is damaged
 *   -EBADFD   as sender_needs_receivers()
 */
ALWAYS_INLINE int sendable(struct chan *ch, bool look)
{
	uint32_t state = channel_state(ch);

	if (unlikely(state & (LAYOUT_ENDED | LAYOUT_DAMAGED)))
		return state & LAYOUT_DAMAGED ? -EBADMSG : channel_over(state);
	if (unlikely(ch->segment.header.options & CHAN_NEED_RECEIVERS))
		return sender_needs_receivers(ch, look);
	return 0;
}

#define SENDER_MOVED 3

/* Look for the name, since ring_room() returned RING_PAUSED, and set the next pause: 0; or
 * SENDER_MOVED if that was a time to go back to a smaller ring, so that the cursor is none any
 * more; or -EIDRM if the name is gone. */
int sender_paced(struct chan *ch, uint64_t pos, uint64_t length) OUT_OF_LINE;

/* Keep away from the receivers for a moment, if this call may wait: ring_room() returned
 * RING_CLOSE for `pos`. */
void sender_keeps_away(struct chan *ch, uint64_t pos, const struct limit *limit) OUT_OF_LINE;

/* Find room for a record of `length`, at most fits_always, the lock held: 0 or RING_CLOSE, and
 * the cursor; -EAGAIN if there is none; or an error of sendable().  `look`: as there. */
ALWAYS_INLINE int sender_try(struct chan *ch, uint64_t length, bool look, struct ring_cursor *at)
{
	int err = sendable(ch, look);

	if (likely(err == 0))
		err = ring_begin(&ch->ring, at);
	if (likely(err == 0))
		err = ring_room(&ch->ring, at, length);
	if (likely(err == 0))
		return 0;
	if (err == RING_PAUSED)
		err = sender_paced(ch, at->pos, length);
	if (unlikely(err == SENDER_MOVED)) {
		if (length > ch->ring.fits_always)
			return -EAGAIN; /* a ring that takes it has to be found first */
		err = ring_begin(&ch->ring, at);
		if (err == 0)
			err = ring_room(&ch->ring, at, length);
	}
	return err == RING_PAUSED ? 0 : err;
}

/* Wait, or do as the policy says, after sender_try() gave `err`: as sender_find(). */
int sender_wait(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at, int err);

/*
 * Find room for a record of `length`, at most fits_always, after senders_enter() gave `err`: 0
 * and the cursor, or CHAN_DROPPED (not if in_place), the lock held; or an error, without
 * it.
 */
ALWAYS_INLINE int sender_find_entered(struct chan *ch, struct limit *limit, uint64_t length,
	bool in_place, struct ring_cursor *at, int err)
{
	*at = (struct ring_cursor){.pos = 0}; /* the compiler warns otherwise */
	if (likely(err == 0)) {
		err = sender_try(ch, length, false, at);
		if (unlikely(err == RING_CLOSE)) {
			sender_keeps_away(ch, at->pos, limit);
			err = 0;
		} else if (unlikely(err < 0)) {
			struct ring_cursor found = {.pos = 0}; /* `at` may stay in registers */

			err = sender_wait(ch, limit, length, in_place, &found, err);
			*at = found;
		}
	}
	return err;
}

/* Take the senders' lock and do the same. */
ALWAYS_INLINE int sender_find(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at)
{
	return sender_find_entered(ch, limit, length, in_place, at, senders_enter(ch, limit));
}

/* Do the same for any length up to max_message, the lock held; or after taking it. */
int sender_find_any_entered(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at);
int sender_find_any(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at) OUT_OF_LINE;

/* Leave after a success.  A sender that slept for room passes the wake-up on if there is
 * room left for another message: of the same length, or of any if lengths differ. */
ALWAYS_INLINE void sender_done(struct chan *ch, const struct limit *limit, uint64_t length)
{
	struct ring_cursor at;
	bool more = false;

	if (unlikely(limit->slept)) {
		cond_rearm(&ch->control->not_full);
		more = ring_begin(&ch->ring, &at) == 0 &&
		       ring_room(&ch->ring, &at, channel_uneven(ch) ? 0 : length) >= 0;
	}
	senders_leave(ch);
	if (more)
		channel_pass_on(ch, &ch->control->not_full);
}

/* Set what the records say that are appended from now on, and look for readers. */
void sender_look_around(struct chan *ch) OUT_OF_LINE;

/*
 * Call before records are appended, the lock held.  Where the kind keeps their times, that is a
 * look at the clock; but in a stream (sender.c), whose messages cost as little as the clock
 * does, only for each 32nd.  So after a stream the times of that many messages may be old,
 * unless a receiver waits for them.
 */
ALWAYS_INLINE void sender_stamp(struct chan *ch)
{
	if (likely(!ch->indirect) || !ch->kind->subscribed)
		return;
	if (unlikely(ch->stamp.left == 0 || cond_hinted(&ch->control->not_empty) ||
		     atomic_load_explicit(&ch->readers, memory_order_relaxed)))
		sender_look_around(ch);
	else
		ch->stamp.left--;
}

/*
 * Records up to `pos` were published, and a full fence followed: wake a receiver and
 * return 0, or -EPIPE or -EIDRM if the channel had ended before.  The fence pairs with the
 * seq_cst RMW in chan_close(), see ring_seal(), and with the fence in cond_arm().
 */
ALWAYS_INLINE int sender_published(struct chan *ch, uint64_t pos)
{
	if (unlikely(channel_state(ch) & LAYOUT_ENDED) && !ring_inside_end(&ch->ring, pos))
		return channel_over(channel_state(ch));
	channel_signal_fenced(ch, &ch->control->not_empty);
	return 0;
}

/* Do the same where every receiver wants it: wake all, and also those that may not write
 * (value.h), if `readers`. */
ALWAYS_INLINE int sender_published_to_all(struct chan *ch, uint64_t pos, bool readers)
{
	struct layout_cond *c = &ch->control->not_empty;

	if (unlikely(channel_state(ch) & LAYOUT_ENDED) && !ring_inside_end(&ch->ring, pos))
		return channel_over(channel_state(ch));
	if (unlikely(readers || cond_hinted(c)))
		channel_wake(ch, c, INT_MAX);
	if (unlikely(readers))
		bell_ring(&ch->segment);
	return 0;
}

/* Find out whether a receiver that may not write can be asleep; the kernel is asked once in a
 * while. */
bool sender_readers_there(struct chan *ch);

/* Do as sender_commit() does where kind.hands_over, and wait until the message is taken. */
int sender_hand_over(
	struct chan *ch, uint64_t old, const struct ring_cursor *at, struct limit *limit);

/* Publish what was appended from position `old` to `at`, and leave; `length` is a
 * message's. */
ALWAYS_INLINE int sender_commit(struct chan *ch, uint64_t old, const struct ring_cursor *at,
	struct limit *limit, uint64_t length)
{
	if (unlikely(ch->indirect) && ch->kind->hands_over) {
		struct ring_cursor end = *at; /* `at` may stay in registers */

		return sender_hand_over(ch, old, &end, limit);
	}
	ring_publish(&ch->ring, at);
	sender_done(ch, limit, length); /* a full fence */
	return unlikely(ch->indirect) && ch->kind->subscribed
		       ? sender_published_to_all(ch, at->pos,
				 atomic_load_explicit(&ch->readers, memory_order_relaxed))
		       : sender_published(ch, at->pos);
}

/* Do as chan_send() after sender_check(), within a limit that other calls share. */
int channel_send(struct chan *ch, const void *msg, size_t len, struct limit *limit);

/* Of a batch that is being appended, where ring_room() found none for a message of `length`
 * at `at`: returns true if subscribers leave some. */
bool sender_makes_room(struct chan *ch, const struct ring_cursor *at, uint64_t length) OUT_OF_LINE;

/* Find out whether a message of `len` bytes could be sent: 0, or the error. */
int sender_ready(struct chan *ch, size_t len, struct limit *limit);

/* Return -EMSGSIZE, and set the detail. */
int send_too_long(const struct chan *ch, size_t len) OUT_OF_LINE;

#endif
