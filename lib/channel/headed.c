/* SPDX-License-Identifier: MIT */
/* The model is in headed.h. */
#include "channel/headed.h"

#include "base/bytes.h"
#include "channel/dead.h"
#include "channel/delay.h"
#include "channel/inbox.h"
#include "channel/lanes.h"
#include "channel/receive.h"
#include "channel/receiver.h"
#include "channel/reclaim.h"
#include "channel/sender.h"
#include "channel/serve.h"

#include <inttypes.h>

/* ---- sending ---- */

static struct ids_now now_for_ids(const struct chan *ch)
{
	return ch->ids.age ? (struct ids_now){clock_coarse(), ch->who.clock} : (struct ids_now){0};
}

/* Returns true if the message's id is that of one of those before `next`, and counts it then. */
static bool is_duplicate(struct chan *ch, const struct chan_meta *meta, uint64_t next)
{
	_Atomic uint64_t *n = &ch->control->senders.duplicates;

	if (!ids_has(&ch->ids, next, meta->id, now_for_ids(ch)))
		return false;
	atomic_store_explicit(
		n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
	return true;
}

/* Do as sender_find_any(), for a message whose id must be new: also CHAN_DUPLICATE, the lock
 * held.  It looks before it waits for room, and again after that: others sent meanwhile. */
static int find_for_new(struct chan *ch, struct limit *limit, uint64_t length,
	const struct chan_meta *meta, struct ring_cursor *at)
{
	uint64_t looked;
	int err = senders_enter(ch, limit);

	if (err < 0)
		return err;
	err = sendable(ch, false);
	if (err == 0)
		err = ring_begin(&ch->ring, at);
	if (err < 0) {
		senders_leave(ch);
		return channel_checked(ch, err);
	}
	looked = at->seq;
	if (is_duplicate(ch, meta, looked))
		return CHAN_DUPLICATE;
	err = sender_find_any_entered(ch, limit, length, false, at);
	return err == 0 && at->seq != looked && is_duplicate(ch, meta, at->seq) ? CHAN_DUPLICATE
										: err;
}

static int headed_send_meta(struct chan *ch, const void *msg, size_t len,
	const struct chan_meta *meta, struct limit *limit, struct headed_place *place)
{
	bool compares = ch->ids.slot && meta && meta->flags & CHAN_META_HAS_ID;
	uint32_t front = envelope_size(meta);
	struct ring_cursor at;
	uint64_t old;
	char *to;
	int err;

	if (unlikely(len > ch->segment.header.max_message))
		return send_too_long(ch, len);
	err = compares ? find_for_new(ch, limit, front + len, meta, &at)
		       : sender_find_any(ch, limit, front + len, false, &at);
	if (err < 0)
		return err;
	if (err == CHAN_DUPLICATE) {
		sender_done(ch, limit, 0);
		return err;
	}
	if (err == CHAN_DROPPED) {
		senders_leave(ch);
		return err;
	}
	sender_stamp(ch);
	if (compares)
		ids_put(&ch->ids, at.seq, meta->id, now_for_ids(ch));
	old = at.pos;
	if (place)
		*place = (struct headed_place){at.pos, at.seq};
	to = ring_append(&ch->ring, &at, (uint32_t)(front + len));
	envelope_write(to, meta, &ch->who);
	copy_bytes(to + front, msg, len);
	return sender_commit(ch, old, &at, limit, front + len);
}

static int headed_send(struct chan *ch, const void *msg, size_t len, struct limit *limit)
{
	return headed_send_meta(ch, msg, len, NULL, limit, NULL);
}

static int headed_send_batch(
	struct chan *ch, const struct iovec *msg, unsigned n, struct limit *limit)
{
	const uint64_t front = sizeof(struct layout_meta);
	uint64_t old, most = ch->segment.header.max_message;
	struct ring_cursor at;
	unsigned sent = 0;
	int err;

	if (msg[0].iov_len > most || front + msg[0].iov_len > ch->ring.fits_always) {
		err = headed_send_meta(ch, msg[0].iov_base, msg[0].iov_len, NULL, limit, NULL);
		return err < 0 ? err : 1;
	}
	err = sender_find(ch, limit, front + msg[0].iov_len, false, &at);
	if (err < 0)
		return err;
	if (err == CHAN_DROPPED) {
		senders_leave(ch);
		return 1;
	}
	sender_stamp(ch);
	old = at.pos;
	do {
		const struct iovec *m = &msg[sent++];
		char *to = ring_append(&ch->ring, &at, (uint32_t)(front + m->iov_len));

		envelope_write(to, NULL, &ch->who);
		copy_bytes(to + front, m->iov_base, m->iov_len);
	} while (sent < n && msg[sent].iov_len <= most &&
		 front + msg[sent].iov_len <= ch->ring.fits_always &&
		 (ring_room(&ch->ring, &at, front + msg[sent].iov_len) >= 0 ||
			 sender_makes_room(ch, &at, front + msg[sent].iov_len)));
	err = sender_commit(ch, old, &at, limit, front + msg[0].iov_len);
	return err < 0 ? err : (int)sent;
}

int chan_send_meta(
	chan_t *ch, const void *msg, size_t len, const struct chan_meta *meta, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int err;

	error_forget();
	if (!(ch->roles & CHAN_SEND))
		return -EBADF;
	err = sending_check(ch, timeout);
	if (err == 0)
		err = headed_check(ch);
	if (err == 0)
		err = lanes_check_given(ch->lanes, meta);
	if (err == 0 && meta && meta->delay && ch->kind->subscribed)
		err = error_because(-EINVAL,
			"meta: delay is not for a broadcast, where each subscriber is at another "
			"place");
	if (err == 0 && meta && meta->reply_to[0])
		err = inbox_check(meta->reply_to, ch->who.uid);
	return err < 0 ? err : ch->sending->send_meta(ch, msg, len, meta, &limit, NULL);
}

const struct sending_calls sending_headed = {
	.send = headed_send,
	.send_batch = headed_send_batch,
	.send_meta = headed_send_meta,
};

/* ---- what a message is ---- */

enum headed_fate headed_look(const struct chan *ch, struct headed *h)
{
	const char *from = ring_payload(h->it.record);

	if (envelope_read(from, h->it.length, ch->segment.header.max_message, &h->meta) < 0)
		return HEADED_MALFORMED;
	h->data = from + h->meta.length;
	h->length = h->it.length - h->meta.length;
	h->wait = envelope_wait(&h->meta, ch->who.clock);
	if (unlikely(h->wait != 0))
		return h->wait < 0 ? HEADED_EXPIRED : HEADED_EARLY;
	return h->meta.flags & CHAN_META_ONCE && record_attempts(h->it.state) > 0 ? HEADED_BROKEN
										  : HEADED_DELIVER;
}

int headed_show(
	const struct chan *ch, const struct headed *h, uint32_t attempt, struct chan_meta *ret)
{
	const char *from = (const char *)h->data - h->meta.length;

	ret->seq = h->it.seq;
	ret->attempt = attempt;
	return envelope_show(from, &h->meta, ch->who.clock, ret);
}

/* ---- receiving ---- */

/* It is a request that must not be delivered again; or an expired message that goes elsewhere. */
#define TELL_CLIENT (-ECONNRESET)
#define SEND_AWAY (-ETIME)

/* Find the first message that is to be delivered, the lock held, and remove those that nobody
 * gets: 0, or TELL_CLIENT or SEND_AWAY, or an error of receiver_try().  Sets *freed if that freed
 * space. */
static int try_headed(struct chan *ch, struct limit *limit, struct headed *h, bool *freed)
{
	enum headed_fate fate;
	int err;

	delay_look(ch);
	while ((err = receiver_try(ch, &h->it)) == 0) {
		fate = headed_look(ch, h);
		if (likely(fate == HEADED_DELIVER))
			break;
		if (fate == HEADED_EARLY) {
			delay_first(ch, &h->it, h->wait);
			limit->slept = true; /* another one may have to know, see done() */
			continue;
		}
		if (fate == HEADED_BROKEN)
			return TELL_CLIENT;
		if (fate == HEADED_EXPIRED && dead_letters_wanted(ch) && ch->ring.sets_aside)
			return SEND_AWAY;
		*freed |= ch->kind->discard(
			&ch->ring, &h->it, fate == HEADED_EXPIRED ? KIND_EXPIRED : KIND_MALFORMED);
	}
	return err;
}

static struct chan_lease lease_of(struct chan *ch, struct headed *h)
{
	atomic_store_explicit(&ch->leases, true, memory_order_relaxed);
	ch->kind->lease(&ch->ring, &h->it, (uint32_t)ch->slot);
	return (struct chan_lease){.data = h->data,
		.len = h->length,
		.seq = h->it.seq,
		.pos = h->it.pos,
		.attempt = record_attempts(h->it.state),
		.reserved = h->meta.length};
}

static void send_away(
	struct chan *ch, const struct headed *h, const struct chan_lease *lease, uint32_t attempts)
{
	struct chan_meta meta = {.size = sizeof(meta)};

	dead_expired(ch, lease, headed_show(ch, h, attempts, &meta) == 0 ? &meta : NULL, attempts);
}

/* After TELL_CLIENT or SEND_AWAY: do so, without the lock. */
static int do_outside(struct chan *ch, struct limit *limit, struct headed *h, bool *freed, int what)
{
	uint32_t attempts = record_attempts(h->it.state);
	struct chan_lease lease = lease_of(ch, h);

	receivers_leave(ch);
	if (*freed)
		channel_freed(ch);
	*freed = false;
	if (what == TELL_CLIENT)
		reply_broken(ch, &lease);
	else
		send_away(ch, h, &lease, attempts);
	return receivers_enter(ch, limit);
}

/* Returns true if another endpoint that lives has a lease, so that nobody else gets what would
 * overtake it (lanes.h); the lock is held. */
static bool kept_out(struct chan *ch)
{
	uint32_t holder;

	while (ring_leased(&ch->ring) &&
		(holder = ch->kind->other_holder(&ch->ring, (uint32_t)ch->slot)) != UINT32_MAX)
		if (!slot_abandoned(holder, ch) || reclaim_leases(ch) <= 0)
			return true;
	return false;
}

/* Do as receiver_done(): who slept, and goes off, lets another one know for how long to sleep.  It
 * looks behind the rearming: a wake-up before that may have counted it. */
static void done(struct chan *ch, const struct limit *limit, bool freed)
{
	receiver_done(ch, limit, freed);
	if (unlikely(limit->slept && delay_any(ch)))
		channel_signal(ch, &ch->control->not_empty);
}

/* Take the lock and find it, waiting if need be: as receiver_find(). */
static int find_headed(struct chan *ch, struct limit *limit, struct headed *h, bool *freed)
{
	int err = receivers_enter(ch, limit);

	*freed = false;
	while (err == 0) {
		/* Each time: the lock was free in between. */
		if (unlikely(ch->ordered) && kept_out(ch)) {
			receivers_leave(ch);
			return -EAGAIN;
		}
		err = try_headed(ch, limit, h, freed);
		if (err == 0)
			return 0;
		if (unlikely(err == TELL_CLIENT || err == SEND_AWAY)) {
			err = do_outside(ch, limit, h, freed, err);
			continue;
		}
		if (*freed) { /* a sender may wait for it */
			receivers_leave(ch);
			channel_freed(ch);
			*freed = false;
			err = receivers_enter(ch, limit);
			continue;
		}
		err = receiver_wait(ch, limit, &h->it, err);
	}
	return err;
}

/* Return which delivery of the message it is, if it is received now. */
static uint32_t attempt_now(const struct headed *h)
{
	return record_attempts(record_leased(h->it.state, 0));
}

/* Receive a message, and its header unless `ret` is NULL. */
static ssize_t headed_recv_meta(
	struct chan *ch, void *buf, size_t size, struct chan_meta *ret, struct limit *limit)
{
	struct headed h;
	bool freed;
	int err;

	while ((err = find_headed(ch, limit, &h, &freed)) == 0) {
		if (h.length > size) {
			limit->slept = true; /* pass it on */
			done(ch, limit, freed);
			return receive_too_long(h.length, size);
		}
		copy_bytes(buf, h.data, h.length);
		if (!ret || headed_show(ch, &h, attempt_now(&h), ret) == 0) {
			kind_consume(&ch->kind, false, &ch->ring, h.it.pos, h.it.end);
			done(ch, limit, true);
			return (ssize_t)h.length;
		}
		/* A peer has just spoiled it. */
		ch->kind->discard(&ch->ring, &h.it, KIND_MALFORMED);
		done(ch, limit, true);
	}
	return err;
}

static ssize_t headed_recv(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	return headed_recv_meta(ch, buf, size, NULL, limit);
}

static int headed_recv_batch(struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit)
{
	struct headed h;
	unsigned got = 0;
	bool freed;
	int err = find_headed(ch, limit, &h, &freed);

	if (err < 0)
		return err;
	do {
		if (h.length > buf[got].iov_len)
			break;
		copy_bytes(buf[got].iov_base, h.data, h.length);
		buf[got++].iov_len = h.length;
		kind_consume(&ch->kind, false, &ch->ring, h.it.pos, h.it.end);
	} while (got < n && try_headed(ch, limit, &h, &freed) == 0);
	if (!got)
		limit->slept = true;
	done(ch, limit, freed || got);
	return got ? (int)got : receive_too_long(h.length, buf[0].iov_len);
}

static int headed_ready(struct chan *ch, struct limit *limit)
{
	struct headed h;
	bool freed;
	int err = find_headed(ch, limit, &h, &freed);

	if (err < 0)
		return err;
	done(ch, limit, freed);
	return 0;
}

static int headed_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	struct headed h;
	unsigned got = 0;
	bool freed;
	int err = find_headed(ch, limit, &h, &freed);

	if (err < 0)
		return err;
	do
		ret[got++] = lease_of(ch, &h);
	while (got < n && try_headed(ch, limit, &h, &freed) == 0);
	done(ch, limit, freed);
	return (int)got;
}

const struct receiving receiving_headed = {
	.recv = headed_recv,
	.recv_batch = headed_recv_batch,
	.recv_meta = headed_recv_meta,
	.ready = headed_ready,
	.take = headed_take,
	.ack = leases_ack,
	.give_back = leases_release,
	.untake = leases_untake,
};

/* ---- headers ---- */

ssize_t chan_recv_meta(chan_t *ch, void *buf, size_t size, struct chan_meta *ret, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int err;

	error_forget();
	if (!(ch->roles & CHAN_RECV))
		return -EBADF;
	err = receiving_check(ch, timeout);
	if (err == 0)
		err = headed_check(ch);
	if (err == 0)
		err = envelope_check_wanted(ret);
	return err < 0 ? err : ch->receiving->recv_meta(ch, buf, size, ret, &limit);
}

int chan_lease_meta(const chan_t *ch, const struct chan_lease *lease, struct chan_meta *ret)
{
	struct headed h = {.data = lease->data, .length = lease->len, .it.seq = lease->seq};
	const char *from = (const char *)lease->data - lease->reserved;
	int err;

	error_forget();
	if (is_orphan(ch))
		return -ENOTCONN;
	err = headed_check(ch);
	if (err == 0)
		err = envelope_check_wanted(ret);
	if (err < 0)
		return err;
	if (envelope_read(from, lease->len + lease->reserved, lease->len, &h.meta) < 0 ||
		h.meta.length != lease->reserved || headed_show(ch, &h, lease->attempt, ret) < 0)
		return error_because(-EBADMSG, "a peer has spoiled the message's header");
	return 0;
}
