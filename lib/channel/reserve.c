/* SPDX-License-Identifier: MIT */
/* Sending in place: a reservation keeps the senders' lock until it is committed or
 * aborted. */
#include "channel/lanes.h"
#include "channel/receiver.h"
#include "channel/sender.h"

#include <inttypes.h>

/* Remember the reservation.  Each number by itself: a copy of a structure loads pairs of
 * what has just been stored one by one, and so waits for the whole store buffer. */
ALWAYS_INLINE void remember(struct chan *ch, struct layout_record *rec,
	const struct ring_cursor *at, size_t len, const struct limit *limit)
{
	ch->reserve_record = rec;
	ch->reserve_at.pos = at->pos;
	ch->reserve_at.seq = at->seq;
	ch->reserve_length = len;
	if (unlikely(ch->indirect || limit->slept))
		ch->reserve_limit = *limit;
	else
		ch->reserve_limit.slept = false; /* all that sender_commit() asks for */
}

/* ---- the short way ---- */

/* Reserve on the senders' side, which this thread has, if there is room and nothing else to
 * do.  Returns false, and nothing is changed, if the long way has to be gone. */
ALWAYS_INLINE bool reserve_near(struct chan *ch, void **ret, size_t len, uint64_t thread)
{
	struct layout_record *rec;
	struct ring_cursor at;

	if (unlikely(len > ch->ring.fits_always ||
		     channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED)))
		return false;
	if (unlikely(ring_begin_near(&ch->ring, &at) || !ring_room_known(&ch->ring, &at, len)))
		return false;
	rec = ring_place(&ch->ring, &at, len);
	*ret = ring_payload(rec);
	ch->reserve_record = rec;
	ch->reserve_at.pos = at.pos;
	ch->reserve_at.seq = at.seq;
	ch->reserve_length = len;
	ch->reserve_limit.slept = false;
	atomic_store_explicit(&ch->reserver, thread, memory_order_relaxed);
	thread_reservations++;
	return true;
}

/* Publish this thread's reservation.  Returns the position behind it; or 0, and nothing is
 * changed, if the long way has to be gone. */
ALWAYS_INLINE uint64_t commit_near(struct chan *ch, size_t len, uint32_t unusual)
{
	struct ring_cursor at;

	if (unlikely(len > ch->reserve_length || ch->reserve_limit.slept ||
		     channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED | unusual)))
		return 0;
	at.pos = ch->reserve_at.pos;
	at.seq = ch->reserve_at.seq;
	ring_finish(&ch->ring, ch->reserve_record, &at, (uint32_t)len);
	ring_publish(&ch->ring, &at);
	atomic_store_explicit(&ch->reserver, 0, memory_order_relaxed);
	thread_reservations--;
	return at.pos;
}

/* Do either as an exclusive sender. */
ALWAYS_INLINE bool reserve_alone(struct chan *ch, void **ret, size_t len)
{
	return thread_is(ch->sender) && likely(!is_orphan(ch)) &&
	       likely(!atomic_load_explicit(&ch->reserver, memory_order_relaxed)) &&
	       reserve_near(ch, ret, len, ch->sender);
}

ALWAYS_INLINE uint64_t commit_alone(struct chan *ch, size_t len)
{
	uint64_t pos;

	if (!thread_is(ch->sender) || unlikely(is_orphan(ch)) ||
		unlikely(!atomic_load_explicit(&ch->reserver, memory_order_relaxed)))
		return 0;
	pos = commit_near(ch, len, LAYOUT_HEAVY_MISSING);
	atomic_signal_fence(memory_order_seq_cst); /* its peers make the fence */
	return pos;
}

/* Open the reservation at `at`, where sender_find() found room, of `len` bytes behind `front`
 * more. */
ALWAYS_INLINE void reserve_found(struct chan *ch, void **ret, const struct ring_cursor *at,
	size_t len, size_t front, const struct limit *limit)
{
	struct layout_record *rec = ring_place(&ch->ring, at, front + len);

	thread_locks += !exclusive(ch, CHAN_SEND);
	*ret = (char *)ring_payload(rec) + front;
	remember(ch, rec, at, len, limit);
	atomic_store_explicit(&ch->reserver, thread_self(), memory_order_relaxed);
	thread_reservations++;
}

/* Reserve `len` bytes behind `front` more, after the checks of the endpoint. */
ALWAYS_INLINE int reserve(struct chan *ch, void **ret, size_t len, size_t front, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;
	int err;

	if (unlikely(thread_locks >= THREAD_LOCKS_MAX) && !exclusive(ch, CHAN_SEND))
		return sides_too_many();
	if (likely(front + len <= ch->ring.fits_always)) {
		err = sender_find(ch, &limit, front + len, true, &at);
	} else {
		struct ring_cursor found = {.pos = 0}; /* `at` may stay in registers */

		err = front + len > ch->ring.max_message
			      ? send_too_long(ch, len)
			      : sender_find_any(ch, &limit, front + len, true, &found);
		at = found;
	}
	if (unlikely(err < 0))
		return err;
	reserve_found(ch, ret, &at, len, front, &limit);
	return 0;
}

/* Do as a shared sender, after lock_try() of the senders' lock gave `err`; `len` is at most
 * fits_always. */
static LONG_WAY int reserve_tried(struct chan *ch, void **ret, size_t len, int64_t timeout, int err)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;

	if (err != 0)
		err = senders_enter_slow(ch, err, &limit);
	err = sender_find_entered(ch, &limit, len, true, &at, err);
	if (unlikely(err < 0))
		return err;
	reserve_found(ch, ret, &at, len, 0, &limit);
	return 0;
}

/* Reserve by the table, after sender_check() gave `err`. */
static int reserve_otherwise(
	struct chan *ch, void **ret, size_t len, int64_t timeout, int err) OUT_OF_LINE;
static int reserve_otherwise(struct chan *ch, void **ret, size_t len, int64_t timeout, int err)
{
	if (!sends_otherwise(ch))
		return err;
	if (!ch->headed)
		return receiving_refused(ch);
	err = sending_check(ch, timeout);
	if (err == 0 && len > ch->segment.header.max_message)
		err = send_too_long(ch, len);
	ch = lanes_home(ch);
	if (err == 0 && reserving(ch))
		err = -EDEADLK;
	return err < 0 ? err : reserve(ch, ret, len, sizeof(struct layout_meta), timeout);
}

static LONG_WAY int reserve_any(struct chan *ch, void **ret, size_t len, int64_t timeout)
{
	int err = sender_check(ch, timeout);

	if (unlikely(err < 0))
		return reserve_otherwise(ch, ret, len, timeout, err);
	return reserve(ch, ret, len, 0, timeout);
}

static LONG_WAY int reserve_shared(struct chan *ch, void **ret, size_t len, int64_t timeout)
{
	int err;

	if (unlikely(timeout < CHAN_WAIT || !ch->sends_near || !thread_number || reserving(ch) ||
		     is_orphan(ch) || len > ch->ring.fits_always ||
		     thread_locks >= THREAD_LOCKS_MAX))
		return reserve_any(ch, ret, len, timeout);
	err = lock_try(&ch->control->senders.lock);
	if (unlikely(err != 0 || !reserve_near(ch, ret, len, thread_number)))
		return reserve_tried(ch, ret, len, timeout, err);
	thread_locks++;
	return 0;
}

int chan_reserve(chan_t *ch, void **ret, size_t len, int64_t timeout)
{
	if (timeout >= CHAN_WAIT && reserve_alone(ch, ret, len))
		return 0;
	return reserve_shared(ch, ret, len, timeout);
}

/* After the short way: wake a receiver, or find that the channel has ended. */
static int published(struct chan *ch, uint64_t pos) OUT_OF_LINE;
static int published(struct chan *ch, uint64_t pos)
{
	return sender_published(ch, pos);
}

/*
 * Check that this thread has the reservation.  Returns 0, or
 *
 *   -ENOTCONN  the endpoint is the parent's
 *   -EPERM     another thread has it
 *   -EINVAL    none is open
 */
ALWAYS_INLINE int reservation_check(const struct chan *ch)
{
	if (unlikely(is_orphan(ch)))
		return -ENOTCONN;
	if (likely(reserving(ch)))
		return 0;
	return atomic_load_explicit(&ch->reserver, memory_order_relaxed) ? -EPERM : -EINVAL;
}

/* Of a kind that is not the plain queue: what has to be done before the reservation is appended.
 * Returns the length of its record. */
static size_t before_commit(struct chan *ch, size_t len) OUT_OF_LINE;
static size_t before_commit(struct chan *ch, size_t len)
{
	sender_stamp(ch);
	if (!ch->headed)
		return len;
	envelope_write(ring_payload(ch->reserve_record), NULL, &ch->who);
	return len + sizeof(struct layout_meta);
}

static LONG_WAY int commit_any(struct chan *ch, size_t len)
{
	struct ring_cursor at;
	uint64_t old;
	int err;

	if (unlikely(is_orphan(ch)))
		return -ENOTCONN;
	ch = lanes_home(ch);
	err = reservation_check(ch);
	if (unlikely(err < 0))
		return err == -EINVAL ? error_because(err, "no reservation is open") : err;
	if (unlikely(len > ch->reserve_length))
		return error_because(-EINVAL, "len: %zu is more than the %" PRIu64 " reserved", len,
			(uint64_t)ch->reserve_length);
	old = at.pos = ch->reserve_at.pos;
	at.seq = ch->reserve_at.seq;
	atomic_store_explicit(&ch->reserver, 0, memory_order_relaxed);
	thread_locks -= !exclusive(ch, CHAN_SEND);
	thread_reservations--;
	err = sendable(ch, false);
	if (unlikely(err < 0)) {
		sender_done(ch, &ch->reserve_limit, len);
		return err;
	}
	if (unlikely(ch->indirect))
		len = before_commit(ch, len);
	ring_finish(&ch->ring, ch->reserve_record, &at, (uint32_t)len);
	return sender_commit(ch, old, &at, &ch->reserve_limit, len);
}

/* Returns true if there is nothing to do after a commit on the short way. */
ALWAYS_INLINE bool nobody_waits(const struct chan *ch)
{
	return likely(!(channel_state(ch) & LAYOUT_ENDED) && !cond_hinted(&ch->control->not_empty));
}

static LONG_WAY int commit_shared(struct chan *ch, size_t len)
{
	uint64_t pos;

	if (unlikely(!ch->sends_near ||
		     !thread_is(atomic_load_explicit(&ch->reserver, memory_order_relaxed)) ||
		     is_orphan(ch)))
		return commit_any(ch, len);
	pos = commit_near(ch, len, 0);
	if (unlikely(!pos))
		return commit_any(ch, len);
	thread_locks--;
	lock_release(&ch->control->senders.lock); /* a full fence */
	return nobody_waits(ch) ? 0 : published(ch, pos);
}

int chan_commit(chan_t *ch, size_t len)
{
	uint64_t pos = commit_alone(ch, len);

	if (!pos)
		return commit_shared(ch, len);
	return nobody_waits(ch) ? 0 : published(ch, pos);
}

void chan_abort(chan_t *ch)
{
	bool slept;

	if (is_orphan(ch))
		return;
	ch = lanes_home(ch);
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
