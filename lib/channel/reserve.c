/* SPDX-License-Identifier: MIT */
/* Sending in place: a reservation keeps the senders' lock until it is committed or
 * aborted. */
#include "channel/sender.h"
#include "channel/value.h"

#include <inttypes.h>

int chan_reserve(chan_t *ch, void **ret, size_t len, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;
	int err = sender_check(ch, timeout);

	if (err < 0)
		return value_checked(ch, CHAN_SEND, err);
	if (len > ch->ring.max_message)
		return send_too_long(ch, len);
	if (unlikely(thread_locks >= THREAD_LOCKS_MAX) && !exclusive(ch, CHAN_SEND))
		return sides_too_many();
	err = sender_find(ch, &limit, len, true, &at);
	if (err < 0)
		return err;
	thread_locks += !exclusive(ch, CHAN_SEND);
	ch->reserve_at = at;
	ch->reserve_length = len;
	ch->reserve_limit = limit;
	*ret = ring_append(&ch->ring, &at, (uint32_t)len);
	atomic_store_explicit(&ch->reserver, thread_self(), memory_order_relaxed);
	thread_reservations++;
	return 0;
}

/*
 * Check that this thread has the reservation.  Returns 0, or
 *
 *   -ENOTCONN  the endpoint is the parent's
 *   -EPERM     another thread has it
 *   -EINVAL    none is open
 */
static int reservation_check(const struct chan *ch)
{
	if (is_orphan(ch))
		return -ENOTCONN;
	if (reserving(ch))
		return 0;
	return atomic_load_explicit(&ch->reserver, memory_order_relaxed) ? -EPERM : -EINVAL;
}

int chan_commit(chan_t *ch, size_t len)
{
	struct limit limit;
	struct ring_cursor at;
	uint64_t old;
	int err = reservation_check(ch);

	if (err < 0)
		return err == -EINVAL ? error_because(err, "no reservation is open") : err;
	if (len > ch->reserve_length)
		return error_because(-EINVAL, "len: %zu is more than the %" PRIu64 " reserved", len,
			(uint64_t)ch->reserve_length);
	limit = ch->reserve_limit;
	at = ch->reserve_at;
	old = at.pos;
	atomic_store_explicit(&ch->reserver, 0, memory_order_relaxed);
	thread_locks -= !exclusive(ch, CHAN_SEND);
	thread_reservations--;
	err = sendable(ch, false);
	if (err < 0) {
		sender_done(ch, &limit, len);
		return err;
	}
	ring_append(&ch->ring, &at, (uint32_t)len); /* anew, with its final length */
	return sender_commit(ch, old, &at, &limit, len);
}

void chan_abort(chan_t *ch)
{
	bool slept;

	if (reservation_check(ch) < 0)
		return;
	atomic_store_explicit(&ch->reserver, 0, memory_order_relaxed);
	thread_locks -= !exclusive(ch, CHAN_SEND);
	thread_reservations--;
	slept = ch->reserve_limit.slept;
	senders_leave(ch);
	if (slept) /* for room that is left unused */
		channel_pass_on(ch, &ch->control->not_full);
}
