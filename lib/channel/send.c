/* SPDX-License-Identifier: MIT */
/* Sending: lock, while full wait, write, publish, unlock, wake. */
#define _GNU_SOURCE 1
#include "channel/channel.h"

#include <inttypes.h>
#include <limits.h>

/* Pauses of a sender that never waits: one is long, and bytes between two at most. */
#define PAUSE_LONG INT64_C(20000000)
#define PAUSE_MOST (UINT64_C(16) << 10)
/* How long a rendezvous that may not wait gives a woken receiver. */
#define HANDSHAKE INT64_C(10000000)

hot int sender_check(const struct chan *ch, int64_t timeout)
{
	if (unlikely(!(ch->roles & CHAN_SEND)))
		return -EBADF;
	if (unlikely(reserving(ch)))
		return atomic_load_explicit(&ch->orphan, memory_order_relaxed) ? -ENOTCONN
									       : -EDEADLK;
	return unlikely(timeout < CHAN_WAIT) ? error_of_timeout(timeout) : 0;
}

/* ---- may a message be sent at all? ---- */

/* Are they? 1, 0, or an error.  A system call, so not for each of a thousand messages
 * in a row: a killed receiver is noticed a few milliseconds later at most. */
static int receivers_gone(struct chan *ch, bool look)
{
	int64_t now;
	int any;

	if (ch->roles & CHAN_RECV || !(channel_state(ch) & LAYOUT_HAD_RECEIVER))
		return 0;
	now = clock_coarse();
	if (!look &&
		now - atomic_load_explicit(&ch->receivers_seen, memory_order_relaxed) < LOOK_EVERY)
		return 0;
	any = endpoint_any(&ch->segment.own, CHAN_RECV);
	if (any <= 0)
		return any < 0 ? any : 1;
	atomic_store_explicit(&ch->receivers_seen, now, memory_order_relaxed);
	return 0;
}

hot int sendable(struct chan *ch, bool look)
{
	uint32_t state = channel_state(ch);

	if (unlikely(state & (LAYOUT_ENDED | LAYOUT_DAMAGED)))
		return state & LAYOUT_DAMAGED ? -EBADMSG : channel_over(state);
	if (unlikely(ch->segment.header.options & CHAN_NEED_RECEIVERS)) {
		int gone = receivers_gone(ch, look);

		return gone > 0 ? -EPIPE : gone;
	}
	return 0;
}

/* The same as a waiter asks it. */
static bool nobody_receives(struct chan *ch)
{
	return ch->segment.header.options & CHAN_NEED_RECEIVERS && receivers_gone(ch, true) != 0;
}

/* ---- room ---- */

static bool space_or_end(struct chan *ch, uint64_t seen)
{
	return atomic_load_explicit(&ch->control->receivers.position, memory_order_relaxed) !=
		       seen ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Drop the message at hand, and count it: that store is the commit of a drop. */
static int drop_this(_Atomic uint64_t *dropped)
{
	atomic_store_explicit(dropped, atomic_load_explicit(dropped, memory_order_relaxed) + 1,
		memory_order_relaxed);
	return CHAN_DROPPED;
}

static int drop_newest(struct chan *ch, bool in_place)
{
	/* In place there is no message yet. */
	return in_place ? -EAGAIN : drop_this(&ch->control->senders.dropped);
}

static int drop_oldest(struct chan *ch, struct limit *limit, bool in_place)
{
	int err, given_back;

	if (in_place) /* nothing is dropped for what may be aborted */
		return -EAGAIN;
	err = receivers_visit(ch, limit);
	if (err < 0)
		return err;
	err = ring_drop(&ch->ring);
	if (err == RING_LEASED) {
		/* Sleeping receivers learn of what is given back by the send. */
		given_back = reclaim_front(ch);
		if (given_back)
			err = given_back < 0 ? given_back : ring_drop(&ch->ring);
	}
	receivers_leave(ch);
	if (err == 0)
		limit->slept = true; /* more may be free than is needed: pass it on */
	/* What a living receiver has leased can't be dropped, and what is behind it
	 * frees nothing. */
	return err == RING_LEASED ? drop_this(&ch->control->senders.dropped_leased) : err;
}

/*
 * The ring says RING_PAUSED.  A sender that always finds room never waits, and looks for
 * the name here: as the check for room is the check for the pause, that costs the others
 * nothing.  Pauses come so rarely that the clock costs nothing either (one in 256
 * messages, or PAUSE_MOST bytes), and with every message where messages come slowly: a
 * sender that slows down goes on for that long at most.
 */
static __attribute__((noinline, cold)) int sender_paced(
	struct chan *ch, uint64_t pos, uint64_t length)
{
	int64_t now = clock_coarse();
	uint64_t after;

	ch->pace = now - ch->paused > PAUSE_LONG ? 0 : ch->pace < 128 ? 2 * ch->pace + 1 : 256;
	ch->paused = now;
	after = ch->pace * ring_size(length);
	ring_pause(&ch->ring, pos, after < PAUSE_MOST ? after : PAUSE_MOST);
	return channel_look_for_name(ch, now) ? -EIDRM : 0;
}

/* Room for a record of `length`, the lock held: 0 and the cursor; -EAGAIN full;
 * -EPIPE, -EIDRM, -EBADMSG.  `look`: for receivers, too. */
hot int sender_look(struct chan *ch, uint64_t length, bool look, struct ring_cursor *at)
{
	int err = sendable(ch, look);

	if (likely(err == 0))
		err = ring_begin(&ch->ring, at);
	if (likely(err == 0))
		err = ring_room(&ch->ring, at, length);
	if (likely(err == 0))
		return 0;
	return err == RING_PAUSED ? sender_paced(ch, at->pos, length) : err;
}

/* Do the senders that wait for room need different amounts?  Then one wake-up may
 * reach one who can't use it: see channel_freed().  Noted by who goes to wait, the
 * lock held, before it arms.  True if they do since now: whoever freed room and
 * did not know yet may have woken the wrong one, so all have to look. */
static bool note_need(struct chan *ch, uint64_t length)
{
	struct layout_senders *tx = &ch->control->senders;
	uint32_t need = (uint32_t)ring_size(length);
	uint32_t last = atomic_load_explicit(&tx->need, memory_order_relaxed);

	if (last == need)
		return false;
	atomic_store_explicit(&tx->need, need, memory_order_relaxed);
	if (!last || channel_uneven(ch))
		return false;
	atomic_store_explicit(&tx->uneven, 1, memory_order_relaxed);
	return true;
}

/* sender_look() gave `err`: do as the policy says. */
static int sender_wait(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at, int err)
{
	struct awaited room = {.cond = &ch->control->not_full,
		.spin = &ch->send_spin,
		.changed = space_or_end,
		.position = &ch->control->receivers.position,
		.ended = nobody_receives};
	uint32_t policy = atomic_load_explicit(&ch->overflow, memory_order_relaxed);
	bool turned;

	for (;;) {
		/* The lock is held, and err says why there is no room. */
		if (err == -EAGAIN && policy != CHAN_BLOCK &&
			channel_look_for_name(ch, clock_coarse()))
			err = -EIDRM;
		if (err == -EAGAIN && policy == CHAN_DROP_NEWEST)
			err = drop_newest(ch, in_place);
		else if (err == -EAGAIN && policy == CHAN_DROP_OLDEST)
			err = drop_oldest(ch, limit, in_place);
		if (err == CHAN_DROPPED)
			return err;
		if (err == 0) {
			err = sender_look(ch, length, true, at);
			if (err == 0)
				return 0;
			continue;
		}
		room.seen = ch->ring.tx.seen;
		turned = err == -EAGAIN && note_need(ch, length);
		senders_leave(ch);
		if (turned)
			cond_broadcast(&ch->control->not_full);
		if (channel_checked(ch, err) != -EAGAIN || policy != CHAN_BLOCK)
			break;
		err = wait_for(ch, &room, limit);
		if (err == 0)
			err = senders_enter(ch, limit);
		if (err < 0)
			break;
		err = sender_look(ch, length, true, at);
		if (err == 0)
			return 0;
	}
	/* Leaving empty-handed, perhaps with somebody's wake-up. */
	if (limit->slept)
		cond_pass_on(&ch->control->not_full);
	return err;
}

/*
 * Take the senders' lock and find room for a record of `length`: 0 and the
 * cursor, or CHAN_DROPPED (not if in_place), the lock held; or an error, without
 * it.
 */
hot int sender_find(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at)
{
	int err = senders_enter(ch, limit);

	if (likely(err == 0)) {
		err = sender_look(ch, length, false, at);
		if (unlikely(err < 0))
			err = sender_wait(ch, limit, length, in_place, at, err);
	}
	return err;
}

/* Leave after a success.  Who slept for room passes the wake-up on if there is
 * room left for another: of its own length, or of any if lengths differ. */
hot void sender_done(struct chan *ch, const struct limit *limit, uint64_t length)
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
		cond_pass_on(&ch->control->not_full);
}

/*
 * Records up to `pos` were published, and a full fence followed: 0 and a receiver
 * is woken, or -EPIPE if the channel was closed before.  The fence pairs with the
 * seq_cst RMW in chan_close(), see ring_seal(), and with the fence in cond_arm().
 */
hot int published(struct chan *ch, uint64_t pos)
{
	if (unlikely(channel_state(ch) & LAYOUT_ENDED) && !ring_settle(&ch->ring, pos))
		return channel_over(channel_state(ch));
	cond_signal_fenced(&ch->control->not_empty);
	return 0;
}

/* ---- rendezvous ---- */

static bool handed_over(struct chan *ch, uint64_t pos)
{
	return ring_handed_over(&ch->ring, pos) ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Wait, the senders' lock held, until a receiver has the record at `pos`. */
static int await_receiver(struct chan *ch, uint64_t pos, struct limit *limit)
{
	struct limit brief = limit_of(HANDSHAKE);
	struct awaited receiver = {.cond = &ch->control->not_full,
		.spin = &ch->send_spin,
		.changed = handed_over,
		.ended = nobody_receives,
		.seen = pos};
	int err = 0;

	while (err == 0 && !ring_handed_over(&ch->ring, pos)) {
		err = sendable(ch, true);
		if (err == 0)
			err = wait_for(ch, &receiver, limit->timeout ? limit : &brief);
	}
	if (err < 0 && ring_withdraw(&ch->ring, pos))
		return err == -ETIMEDOUT && limit->timeout == 0 ? -EAGAIN : err;
	return ring_purged(&ch->ring, pos) ? -ECANCELED : 0;
}

static int meet(struct chan *ch, uint64_t old, const struct ring_cursor *at, struct limit *limit)
{
	uint32_t policy = atomic_load_explicit(&ch->overflow, memory_order_relaxed);
	int err = -EAGAIN;

	if (policy != CHAN_BLOCK)
		limit->timeout = 0;
	/* Without waiting, it needs a receiver that is there. */
	if (limit->timeout != 0 || cond_waited(&ch->control->not_empty)) {
		ring_publish(&ch->ring, at);
		atomic_thread_fence(memory_order_seq_cst); /* no lock is released here */
		err = published(ch, at->pos);
		if (err == 0)
			err = await_receiver(ch, old, limit);
	}
	if (err == -EAGAIN && policy == CHAN_DROP_NEWEST)
		err = drop_newest(ch, reserving(ch));
	senders_leave(ch);
	return err;
}

/* ---- the commit, for every way to send ---- */

/* Publish what was appended from position `old` to `at`, and leave; `length` is a
 * message's. */
hot int commit(struct chan *ch, uint64_t old, const struct ring_cursor *at, struct limit *limit,
	uint64_t length)
{
	if (unlikely(ch->ring.rendezvous))
		return meet(ch, old, at, limit);
	ring_publish(&ch->ring, at);
	sender_done(ch, limit, length); /* a full fence */
	return published(ch, at->pos);
}

static int send_too_long(const struct chan *ch, size_t len) __attribute__((cold, noinline));
static int send_too_long(const struct chan *ch, size_t len)
{
	uint64_t most = ch->ring.max_message;

	return error_of_size(-EMSGSIZE, most,
		"the message has %zu bytes, and the channel takes %" PRIu64 " at most", len, most);
}

int chan_send(chan_t *ch, const void *msg, size_t len, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;
	uint64_t old;
	void *to;
	int err = sender_check(ch, timeout);

	if (unlikely(err < 0))
		return err;
	if (unlikely(len > ch->ring.max_message))
		return send_too_long(ch, len);
	err = sender_find(ch, &limit, len, false, &at);
	if (unlikely(err < 0))
		return err;
	if (unlikely(err == CHAN_DROPPED)) {
		senders_leave(ch);
		return err;
	}
	old = at.pos;
	to = ring_append(&ch->ring, &at, (uint32_t)len);
	ring_fetch_room(to, len);
	copy_bytes(to, msg, len);
	return commit(ch, old, &at, &limit, len);
}

/* One after the other: each needs its own receiver. */
static int send_each(struct chan *ch, const struct iovec *msg, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	unsigned sent;
	int err = 0;

	for (sent = 0; sent < n && err >= 0; sent += err >= 0) {
		int64_t deadline = limit_deadline(&limit), left = timeout;

		if (timeout > 0) { /* 0 would be another question */
			left = deadline - clock_monotonic();
			left = left > 0 ? left : 1;
		}
		err = chan_send(ch, msg[sent].iov_base, msg[sent].iov_len, left);
	}
	return sent ? (int)sent : err;
}

int chan_send_batch(chan_t *ch, const struct iovec *msg, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;
	uint64_t old;
	unsigned sent = 0;
	int err = sender_check(ch, timeout);

	if (err < 0 || n == 0 || n > INT_MAX)
		return err < 0 ? err : error_because(-EINVAL, "n: is 0 or above INT_MAX");
	if (ch->ring.rendezvous)
		return send_each(ch, msg, n, timeout);
	if (msg[0].iov_len > ch->ring.max_message)
		return send_too_long(ch, msg[0].iov_len);
	err = sender_find(ch, &limit, msg[0].iov_len, false, &at);
	if (err < 0)
		return err;
	if (err == CHAN_DROPPED) {
		senders_leave(ch);
		return 1;
	}
	old = at.pos;
	do {
		void *to = ring_append(&ch->ring, &at, (uint32_t)msg[sent].iov_len);

		ring_fetch_room(to, msg[sent].iov_len);
		copy_bytes(to, msg[sent].iov_base, msg[sent].iov_len);
		sent++;
	} while (sent < n && msg[sent].iov_len <= ch->ring.max_message &&
		 ring_room(&ch->ring, &at, msg[sent].iov_len) >= 0);
	err = commit(ch, old, &at, &limit, msg[0].iov_len);
	return err < 0 ? err : (int)sent;
}

/* ---- in place ---- */

int chan_reserve(chan_t *ch, void **ret, size_t len, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;
	int err = sender_check(ch, timeout);

	if (err < 0)
		return err;
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

/* Is there a reservation, and is it this thread's? */
static int reservation_check(const struct chan *ch)
{
	if (atomic_load_explicit(&ch->orphan, memory_order_relaxed))
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
	return commit(ch, old, &at, &limit, len);
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
		cond_pass_on(&ch->control->not_full);
}
