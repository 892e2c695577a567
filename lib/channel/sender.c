/* SPDX-License-Identifier: MIT */
/* The parts of sending that few messages reach; the model is in sender.h. */
#include "channel/sender.h"

#include "channel/grow.h"
#include "channel/lanes.h"
#include "channel/name.h"
#include "channel/overflow.h"
#include "channel/reclaim.h"
#include "channel/rest.h"
#include "channel/wait.h"
#include "core/cpu.h"
#include "segment/endpoint.h"

#include <inttypes.h>

/* Pauses of a sender that never waits: from when on one is long; and how many bytes lie
 * between two at most, or messages, if these are large. */
#define PAUSE_LONG INT64_C(20000000)
#define PAUSE_MOST (UINT64_C(16) << 10)
#define PAUSE_LARGE 16
/* How long a rendezvous that may not wait gives a woken receiver. */
#define HANDSHAKE INT64_C(10000000)

/* The question is a system call, so it is not asked for each of a thousand messages in a
 * row: a killed receiver is noticed a few milliseconds later at most. */
int sender_needs_receivers(struct chan *ch, bool look)
{
	int64_t now;
	bool any;
	int err;

	if (ch->roles & CHAN_RECV || !(channel_state(ch) & LAYOUT_HAD_RECEIVER))
		return 0;
	now = clock_coarse();
	if (!look &&
		now - atomic_load_explicit(&ch->receivers_seen, memory_order_relaxed) < LOOK_EVERY)
		return 0;
	err = endpoint_any(&ch->segment.own, CHAN_RECV, &any);
	if (err < 0)
		return err;
	if (!any)
		return -EPIPE;
	atomic_store_explicit(&ch->receivers_seen, now, memory_order_relaxed);
	return 0;
}

static bool nobody_receives(struct chan *ch)
{
	return ch->segment.header.options & CHAN_NEED_RECEIVERS &&
	       sender_needs_receivers(ch, true) < 0;
}

/*
 * A sender that always finds room never waits, so it looks for the name here.  The check
 * for room is also the check for the pause, so a message without a pause pays nothing.
 * Pauses are so rare that the clock costs nothing either (one in 256 messages, or in
 * PAUSE_MOST bytes, or in PAUSE_LARGE messages if those are more); where messages come slowly,
 * every message has one.  So a sender that slows down goes on without a look for that long at most.
 */
int sender_paced(struct chan *ch, uint64_t pos, uint64_t length)
{
	int64_t now = clock_coarse();
	uint64_t after, most;

	ch->pace = now - ch->paused > PAUSE_LONG ? 0 : ch->pace < 128 ? 2 * ch->pace + 1 : 256;
	ch->paused = now;
	most = PAUSE_LARGE * ring_size(length);
	if (most < PAUSE_MOST)
		most = PAUSE_MOST;
	after = ch->pace * ring_size(length);
	ring_pause(&ch->ring, pos, after < most ? after : most);
	if (channel_look_for_name(ch, now))
		return -EIDRM;
	return unlikely(ch->ring.ladder) && channel_settle(ch) ? SENDER_MOVED : 0;
}

bool sender_readers_there(struct chan *ch)
{
	int64_t now = clock_coarse();
	bool any = true;

	if (now - atomic_load_explicit(&ch->readers_seen, memory_order_relaxed) < LOOK_EVERY)
		return atomic_load_explicit(&ch->readers, memory_order_relaxed);
	endpoint_any_reader(&ch->segment.own, &any);
	atomic_store_explicit(&ch->readers, any, memory_order_relaxed);
	atomic_store_explicit(&ch->readers_seen, now, memory_order_relaxed);
	return any;
}

/* In a stream, a tick of the clock ago was less than STREAM_TICK, ns, and STREAM_LEAST messages
 * were sent since. */
#define STREAM_TICK INT64_C(11000000)
#define STREAM_LEAST 1000
#define STREAM_STAMPED 31 /* messages without a look */

void sender_look_around(struct chan *ch)
{
	int64_t now = clock_read(CLOCK_REALTIME_COARSE), since = now - ch->stamp.at;

	if (since != 0) {
		ch->stamp.streams =
			since > 0 && since < STREAM_TICK && ch->stamp.sent >= STREAM_LEAST;
		ch->stamp.at = now;
		ch->stamp.sent = 0;
	}
	ch->stamp.left = ch->stamp.streams ? STREAM_STAMPED : 0;
	ch->stamp.sent += 1 + ch->stamp.left;
	ch->ring.fresh = broadcast_fresh(now);
	sender_readers_there(ch);
}

/* ---- among subscribers ---- */

/* Stay away for a moment, if that paid lately.  A full ring gives room for one message each time
 * that the slowest subscriber moves, and to look for it each time slows down both (lag.h). */
static void lag_behind(struct chan *ch)
{
	int64_t now = clock_monotonic(), end;

	end = now + lag_next(&ch->send_spin.lag, now, ch->ring.freed);
	while (now < end) {
		cpu_relax();
		now = clock_monotonic();
	}
}

/* Move the start of what is kept on, if the subscribers allow it: 0; or -EAGAIN, and the one
 * to wait for; or an error of receivers_enter().  The senders' lock is held.  `patient`: as in
 * broadcast_make_room(). */
static int pass_subscribers(struct chan *ch, uint64_t pos, uint64_t length, bool patient,
	struct limit *limit, struct broadcast_holder *ret)
{
	int err;

	if (ch->close && !patient && limit->timeout != 0 && cpu_several())
		lag_behind(ch);
	err = receivers_enter(ch, limit);
	if (err < 0)
		return err;
	err = broadcast_make_room(&ch->ring, pos, length, patient, slot_abandoned, ch, ret);
	receivers_leave(ch);
	if (err == 0 || !patient)
		ch->close = err == 0 && ret->close;
	/* Those that wait for the one that was freed are waked by nobody else, and this sender
	 * may use all the room. */
	if (ret->released)
		channel_broadcast(ch, &ch->control->not_full);
	return err;
}

bool sender_makes_room(struct chan *ch, const struct ring_cursor *at, uint64_t length)
{
	struct limit at_once = limit_of(0);
	struct broadcast_holder unused;

	return ch->kind->subscribed &&
	       pass_subscribers(ch, at->pos, length, ch->ring.ladder, &at_once, &unused) == 0 &&
	       ring_room(&ch->ring, at, length) >= 0;
}

/* Returns true if the subscriber that a sender waits for is not at `seen` any more, or holds
 * nothing, or the channel ended.  Another thread of this endpoint may note another one
 * meanwhile: if that is there, too, the wait goes on as well. */
static bool holder_moved(struct chan *ch, uint64_t seen)
{
	const struct layout_subscriber *e = atomic_load_explicit(&ch->holder, memory_order_relaxed);

	return atomic_load_explicit(&e->position, memory_order_relaxed) != seen ||
	       atomic_load_explicit(&e->state, memory_order_relaxed) != SUBSCRIBER_HOLDS ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Find room among subscribers: 0 (try again); or -EAGAIN, and the one to wait for; or an error.
 * A ring that may grow does that before it evicts anybody or waits. */
static int room_among_subscribers(struct chan *ch, uint64_t length, uint32_t policy,
	struct limit *limit, struct broadcast_holder *ret)
{
	struct ring_cursor at;
	int err = ring_begin(&ch->ring, &at), grown = -EAGAIN;

	if (err == 0 && ch->ring.ladder) {
		err = pass_subscribers(ch, at.pos, length, true, limit, ret);
		if (err == -EAGAIN) {
			grown = channel_grow(ch, length, policy != CHAN_FAIL);
			if (grown == 0)
				return 0;
			err = 0;
		} else if (err == 0) {
			return 0;
		}
	}
	if (err == 0)
		err = pass_subscribers(ch, at.pos, length, false, limit, ret);
	if (err != -EAGAIN)
		return err;
	if (!ret->entry && ret->released) /* a larger ring is free now */
		return 0;
	/* Nobody is to be waited for if it is memory that lacks. */
	return grown == -EAGAIN && !ret->entry ? -EBADMSG : grown;
}

/* ---- waiting for room ---- */

/* How long to keep away at most, and up to when the receivers' rate was seen lately, ns. */
#define AWAY_MOST 4000
#define AWAY_LATELY 64000
#define AWAY_REST 1000 /* times, about the most that it is left out */

/*
 * A sender right behind the receivers in a full ring finds room for a few messages at each look,
 * takes the line of their position and those that they read next, and slows them down.  If it
 * keeps away until they have freed a part of the ring, as fast as they did lately, both sides
 * have cache lines of their own meanwhile, and the receivers the rest of the ring to go on with.
 * If nobody freed anything meanwhile, it was in vain, and is left out the next times, each time
 * twice as often: they are slow, or in this thread.
 */
void sender_keeps_away(struct chan *ch, uint64_t pos, const struct limit *limit)
{
	uint64_t part = ch->ring.tx.capacity / RING_CLOSE_PART;
	uint64_t wanted = 2 * part - ring_room_left(&ch->ring, pos), bytes;
	int64_t now, ns, end;

	if (ch->away.left > 0) {
		ch->away.left--;
		return;
	}
	if (ch->indirect || limit->timeout == 0 || !cpu_several() ||
		atomic_load_explicit(&ch->overflow, memory_order_relaxed) != CHAN_BLOCK)
		return;
	now = clock_monotonic();
	ns = now - ch->away.since;
	bytes = ch->ring.freed - ch->away.freed;
	ch->away.since = now;
	ch->away.freed = ch->ring.freed;
	if (ns > AWAY_LATELY)
		return;
	ns = bytes ? (int64_t)(wanted * (uint64_t)ns / bytes) : AWAY_MOST;
	end = now + (ns < AWAY_MOST ? ns : AWAY_MOST);
	while (now < end) {
		cpu_relax();
		now = clock_monotonic();
	}
	if (ring_head(&ch->ring) != ch->ring.freed)
		ch->away.rest = 0;
	else if (ch->away.rest < AWAY_REST)
		ch->away.rest = 2 * ch->away.rest + 1;
	ch->away.left = ch->away.rest;
}

/* Returns true if space was freed since the receivers' position was `seen`, or the channel
 * ended. */
static bool space_or_end(struct chan *ch, uint64_t seen)
{
	return atomic_load_explicit(&ch->control->receivers.position, memory_order_relaxed) !=
		       seen ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Note how much room this sender needs, before it arms, the lock held.  If senders that
 * wait need different amounts, one wake-up may reach one that can't use it: see
 * channel_freed().  Returns true if they do since now: whoever freed room without knowing
 * may have woken the wrong one, so all have to look. */
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

/* Do as sender_try(), for a sender that keeps away at its next message, if at all. */
static int try_room(struct chan *ch, uint64_t length, bool look, struct ring_cursor *at)
{
	int err = sender_try(ch, length, look, at);

	return err == RING_CLOSE ? 0 : err;
}

/* Do the same, for any length. */
static int try_any(struct chan *ch, uint64_t length, bool look, struct ring_cursor *at)
{
	int err;

	if (likely(length <= ch->ring.fits_always))
		return try_room(ch, length, look, at);
	err = sendable(ch, look);
	if (err == 0)
		err = ring_begin(&ch->ring, at);
	if (err < 0)
		return err;
	if (ring_least_capacity(length) <= ch->ring.tx.capacity)
		return try_room(ch, length, look, at);
	ch->ring.freed = ring_head(&ch->ring);
	return -EAGAIN;
}

int sender_find_any_entered(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at)
{
	int err = try_any(ch, length, false, at);

	return err < 0 ? sender_wait(ch, limit, length, in_place, at, err) : 0;
}

int sender_find_any(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at)
{
	int err = senders_enter(ch, limit);

	return err < 0 ? err : sender_find_any_entered(ch, limit, length, in_place, at);
}

int sender_wait(struct chan *ch, struct limit *limit, uint64_t length, bool in_place,
	struct ring_cursor *at, int err)
{
	struct condition room = {.cond = &ch->control->not_full,
		.spin = &ch->send_spin,
		.changed = space_or_end,
		.lags = true,
		.abandoned = nobody_receives,
		.pollable = &ch->to_send};
	uint32_t policy = atomic_load_explicit(&ch->overflow, memory_order_relaxed);
	struct limit at_once = limit_of(0);
	struct broadcast_holder holder;
	bool turned;

	if (ch->kind->subscribed)
		room.changed = holder_moved;
	for (;;) {
		/* The lock is held, and err says why there is no room. */
		if (err == -EAGAIN && ch->kind->subscribed)
			err = room_among_subscribers(ch, length, policy, limit, &holder);
		else if (err == -EAGAIN && ch->ring.ladder)
			err = channel_grow(ch, length, policy != CHAN_FAIL);
		if (err == -EAGAIN && policy != CHAN_BLOCK)
			err = channel_look_for_name(ch, clock_coarse())
				      ? -EIDRM
				      : overflow_apply(ch, policy, limit, in_place);
		if (err == CHAN_DROPPED)
			return err;
		if (err == 0) {
			err = try_any(ch, length, true, at);
			if (err == 0)
				return 0;
			continue;
		}
		room.seen = ch->ring.freed;
		if (ch->kind->subscribed && err == -EAGAIN) {
			atomic_store_explicit(&ch->holder, holder.entry, memory_order_relaxed);
			room.seen = holder.position;
			room.at_most = holder.left;
		}
		turned = err == -EAGAIN && note_need(ch, length);
		senders_leave(ch);
		if (turned)
			channel_broadcast(ch, &ch->control->not_full);
		if (channel_checked(ch, err) != -EAGAIN)
			break;
		err = channel_wait(ch, &room, policy == CHAN_BLOCK ? limit : &at_once);
		if (err == 0)
			err = senders_enter(ch, limit);
		if (err < 0)
			break;
		err = try_any(ch, length, true, at);
		if (err == 0)
			return 0;
	}
	/* It got nothing, and may have taken another sender's wake-up. */
	if (limit->slept)
		channel_pass_on(ch, &ch->control->not_full);
	return err;
}

/* ---- rendezvous ---- */

static bool handed_over(struct chan *ch, uint64_t pos)
{
	return ch->kind->handed_over(&ch->ring, pos) ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Wait, the senders' lock held, until a receiver has the record at `pos`. */
static int await_receiver(struct chan *ch, uint64_t pos, struct limit *limit)
{
	struct limit brief = limit_of(HANDSHAKE);
	struct condition receiver = {.cond = &ch->control->not_full,
		.spin = &ch->send_spin,
		.changed = handed_over,
		.abandoned = nobody_receives,
		.seen = pos};
	int err = 0;

	while (err == 0 && !ch->kind->handed_over(&ch->ring, pos)) {
		err = sendable(ch, true);
		if (err == 0)
			err = channel_wait(ch, &receiver, limit->timeout ? limit : &brief);
	}
	if (err < 0 && ch->kind->withdraw(&ch->ring, pos))
		return err == -ETIMEDOUT && limit->timeout == 0 ? -EAGAIN : err;
	return ch->kind->purged(&ch->ring, pos) ? -ECANCELED : 0;
}

/* Returns true if a receiver waits, as far as known, or the channel ended. */
static bool receiver_waits(struct chan *ch, uint64_t unused)
{
	(void)unused;
	return cond_hinted(&ch->control->not_empty) ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

int sender_hand_over(
	struct chan *ch, uint64_t old, const struct ring_cursor *at, struct limit *limit)
{
	struct condition receiver = {.cond = &ch->control->not_full,
		.changed = receiver_waits,
		.abandoned = nobody_receives,
		.pollable = &ch->to_send};
	uint32_t policy = atomic_load_explicit(&ch->overflow, memory_order_relaxed);
	int err = -EAGAIN;

	if (policy != CHAN_BLOCK)
		limit->timeout = 0;
	/* If it may not wait, a receiver has to be there already. */
	if (limit->timeout != 0 || cond_waited(&ch->control->not_empty)) {
		ring_publish(&ch->ring, at);
		atomic_thread_fence(memory_order_seq_cst); /* no lock is released here */
		err = sender_published(ch, at->pos);
		if (err == 0)
			err = await_receiver(ch, old, limit);
	}
	if (err == -EAGAIN)
		err = overflow_apply(ch, policy, limit, false);
	senders_leave(ch);
	if (err == -EAGAIN)
		pollable_rest(ch, &receiver);
	return err;
}

int sender_ready(struct chan *ch, size_t len, struct limit *limit)
{
	uint32_t policy = atomic_load_explicit(&ch->overflow, memory_order_relaxed);
	struct ring_cursor at;
	int err;

	ch = lanes_home(ch);
	if (len > ch->segment.header.max_message)
		return send_too_long(ch, len);
	if (ch->headed) /* whatever header it gets */
		len += LAYOUT_META_MOST;
	if (policy == CHAN_DROP_NEWEST || policy == CHAN_DROP_OLDEST)
		return sendable(ch, true);
	if (ch->kind->write) { /* it always has room */
		err = senders_enter(ch, limit);
		if (err < 0)
			return err;
		err = sendable(ch, true);
		senders_leave(ch);
		return channel_checked(ch, err);
	}
	err = sender_find_any(ch, limit, len, true, &at);
	if (err < 0)
		return err;
	if (ch->kind->hands_over && !cond_waited(&ch->control->not_empty))
		err = -EAGAIN;
	senders_leave(ch);
	return err;
}

int send_too_long(const struct chan *ch, size_t len)
{
	uint64_t most = ch->segment.header.max_message;

	return error_of_size(-EMSGSIZE, most,
		"the message has %zu bytes, and the channel takes %" PRIu64 " at most", len, most);
}
