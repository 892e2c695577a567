/* SPDX-License-Identifier: MIT */
/* The model is in subscriber.h. */
#include "channel/subscriber.h"

#include "base/bytes.h"
#include "channel/receive.h"
#include "channel/reclaim.h"
#include "channel/wait.h"
#include "core/lock.h"
#include "core/window.h"

#include <inttypes.h>
#include <stdlib.h>

/* A batch moves the position after this share of the ring. */
#define PARTS 8
/* How often in a row a look may be lapped before that is damage. */
#define LOOKS 10000
/* How long a thread sleeps at most that waits for its turn, ns. */
#define TURN_SLICE INT64_C(50000000)

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static uint32_t state_of(const struct subscription *s)
{
	return s->entry ? load(&s->entry->state) : SUBSCRIBER_LOSES;
}

/* Copy a message that a sender may be about to overwrite; broadcast_kept() says afterwards
 * whether the copy is good. */
#ifdef LATEST_TSAN
/* That sanitizer knows no sequence lock: it does not see these reads. */
__attribute__((noinline, no_sanitize("thread"))) static void copy_out(
	void *to, const struct ring_item *it)
{
	const char *from = ring_payload(it->record);

	for (size_t i = 0; i < it->length; i++) {
		((char *)to)[i] = from[i];
		__asm__("" : "+r"(i)); /* or it becomes a memcpy(), which is seen */
	}
}
#else
static inline void copy_out(void *to, const struct ring_item *it)
{
	copy_bytes(to, ring_payload(it->record), it->length);
}
#endif

/* Do as ring_read(), for one that the tail may pass: 0, and the message copied to `buf` if it
 * fits and `buf` is not NULL. */
static int look_at(struct ring *r, uint64_t pos, void *buf, size_t size, struct ring_item *it)
{
	int err = window_read(r, pos, it);

	if (err == 0 && buf && it->length <= size) {
		if (window_needed(r, &r->rx))
			window_copy_out(r, it, buf);
		else
			copy_out(buf, it);
	}
	return err;
}

/* Do the same for a subscriber. */
ALWAYS_INLINE int look(
	struct subscription *s, uint64_t pos, void *buf, size_t size, struct ring_item *it)
{
	int err;

	if (likely(!s->ring.window) || state_of(s) == SUBSCRIBER_HOLDS)
		err = ring_read(&s->ring, pos, it);
	else if (s->ring.rx.rung != 0 || (err = ring_read_near(&s->ring, pos, it)) == -EAGAIN)
		return look_at(&s->ring, pos, buf, size, it);
	if (likely(err == 0) && buf && it->length <= size) {
		ring_fetch(&s->ring, it);
		copy_out(buf, it);
	}
	return err;
}

/* ---- headers ---- */

/* The header of a message, in memory of this process. */
struct opened {
	struct layout_meta meta;
	_Alignas(struct layout_meta) char bytes[LAYOUT_META_MOST];
};

/* Nobody gets the message. */
#define NOT_FOR_ANYBODY (-ECANCELED)

/* Copy `n` of the record's bytes, from `offset` on, a multiple of RING_ALIGN. */
static void copy_part(
	struct ring *r, const struct ring_item *it, uint64_t offset, void *to, uint64_t n)
{
	struct ring_item part = {.record = it->record + offset / RING_ALIGN, .length = (uint32_t)n};

	if (window_needed(r, &r->rx) && r->window && it->end > r->window->end)
		window_copy(r, &r->rx, it->pos + sizeof(struct layout_record) + offset, to, n);
	else
		copy_out(to, &part);
}

/*
 * Open the record that was found: read the header, copy the message to `buf` if it fits and
 * `buf` is not NULL, and let the item be of the message alone.  Returns 0, NOT_FOR_ANYBODY and
 * *why, or -EOVERFLOW if it was overwritten meanwhile.
 */
static int open_record(const struct chan *ch, struct ring *r, struct ring_item *it, void *buf,
	size_t size, struct opened *o, enum kind_removed *why)
{
	const uint64_t fixed = sizeof(o->meta);
	uint64_t front = 0;
	int err = -EBADMSG;

	if (it->length >= fixed) {
		copy_part(r, it, 0, o->bytes, fixed);
		front = ((const struct layout_meta *)(const void *)o->bytes)->length;
	}
	if (front >= fixed && front <= sizeof(o->bytes) && front <= it->length) {
		copy_part(r, it, fixed, o->bytes + fixed, front - fixed);
		err = envelope_read(o->bytes, it->length, ch->segment.header.max_message, &o->meta);
	}
	if (err == 0 && buf && it->length - front <= size)
		copy_part(r, it, front, buf, it->length - front);
	if (unlikely(!broadcast_kept(r, it->pos)))
		return -EOVERFLOW;
	*why = err < 0 ? KIND_MALFORMED : KIND_EXPIRED;
	if (err < 0 || envelope_wait(&o->meta, ch->who.clock) < 0)
		return NOT_FOR_ANYBODY;
	it->record += front / RING_ALIGN;
	it->length -= (uint32_t)front;
	return 0;
}

/* Fill in what callers see of it. */
static int show_opened(const struct chan *ch, const struct opened *o, uint64_t seq,
	uint32_t attempt, struct chan_meta *ret)
{
	ret->seq = seq;
	ret->attempt = attempt;
	return envelope_show(o->bytes, &o->meta, ch->who.clock, ret);
}

/* ---- one thread at a time ---- */

static bool try_enter(struct subscription *s)
{
	uint32_t free = 0;

	return atomic_compare_exchange_strong_explicit(
		&s->busy, &free, 1, memory_order_acquire, memory_order_relaxed);
}

static void await_turn(struct subscription *s) OUT_OF_LINE;
static void await_turn(struct subscription *s)
{
	uint32_t key;

	do {
		key = cond_arm(&s->left);
		if (try_enter(s))
			return;
		cond_wait(&s->left, key, clock_monotonic() + TURN_SLICE);
	} while (!try_enter(s));
}

ALWAYS_INLINE void enter(struct subscription *s)
{
	if (unlikely(!try_enter(s)))
		await_turn(s);
}

/* This is also a full fence. */
ALWAYS_INLINE void leave(struct subscription *s)
{
	/* Release: pairs with the acquire in try_enter(). */
	atomic_exchange_explicit(&s->busy, 0, memory_order_seq_cst);
	fence_after_exchange();
	if (unlikely(cond_hinted(&s->left)))
		cond_wake(&s->left, 1);
}

/* ---- finding ---- */

static void count_lost(struct subscription *s) OUT_OF_LINE;
static void count_lost(struct subscription *s)
{
	uint64_t n = s->uncounted;

	s->uncounted = 0;
	store(&s->entry->lost, load(&s->entry->lost) + n);
	atomic_fetch_add_explicit(&s->ring.control->receivers.lost, n, memory_order_relaxed);
}

/* Store that everything before `to` is received or acknowledged.  Returns true if that is to be
 * followed by moved(). */
ALWAYS_INLINE bool finish(struct subscription *s, const struct broadcast_place *to)
{
	s->done = *to;
	if (unlikely(!s->entry))
		return false;
	if (unlikely(s->uncounted))
		count_lost(s);
	broadcast_advance(s->entry, s->group, to);
	return state_of(s) == SUBSCRIBER_HOLDS;
}

/* Stand elsewhere, though nothing was received. */
static void stand_at(struct subscription *s, uint64_t pos)
{
	s->done.pos = pos;
	if (s->entry)
		broadcast_advance(s->entry, s->group, &s->done);
}

/* Find the message at `at`, and copy it to `buf` if it fits and `buf` is not NULL: 0; or
 * -EAGAIN; -EOVERFLOW: it was overwritten; -EBADMSG. */
ALWAYS_INLINE int read_at(struct subscription *s, const struct broadcast_place *at, void *buf,
	size_t size, struct ring_item *it)
{
	int err = look(s, at->pos, buf, size, it);

	if (err == -EAGAIN && (likely(!s->ring.ladder) || broadcast_kept(&s->ring, at->pos)))
		return err;
	/* What makes no sense is damage only if it is still kept. */
	if (unlikely(!broadcast_kept(&s->ring, at->pos)))
		return -EOVERFLOW;
	if (likely(err == 0 && it->seq == at->seq))
		return 0;
	/* Its group was not told of what it lost before this. */
	return err == 0 && s->group && it->seq > at->seq ? -EOVERFLOW : -EBADMSG;
}

/* In a ring that may grow: where a rung ends, go on in the next one.  Returns true if a message
 * may be there; rx.seen is then the end.  The entry's position stays: to senders it is the same
 * place, and they may wait for it to move. */
static bool go_onward(struct subscription *s, uint64_t end)
{
	uint64_t pos = ring_onward(&s->ring, s->at.pos, end);

	if (!broadcast_kept(&s->ring, s->at.pos))
		return true; /* the look finds that out */
	s->at.pos = pos;
	/* But for one that was evicted the old rung would keep its memory. */
	if (state_of(s) != SUBSCRIBER_HOLDS && s->taken <= s->done.pos && s->done.pos != pos)
		stand_at(s, pos);
	ring_at(&s->ring, &s->ring.rx, pos);
	s->ring.rx.seen = end;
	return pos < end && ring_cross(&s->ring, pos) == pos;
}

/* Nothing is there: 0 if there is now, -EAGAIN, or why there will be nothing more. */
static int when_empty(struct chan *ch, struct subscription *s)
{
	uint32_t state;
	uint64_t end = receiver_newest(ch, &state);

	if (state & LAYOUT_DAMAGED)
		return -EBADMSG;
	if (s->ring.ladder ? go_onward(s, end)
			   : end > s->at.pos && end - s->at.pos <= s->ring.capacity) {
		if (!s->ring.ladder)
			s->ring.rx.seen = end;
		return 0;
	}
	return state & LAYOUT_ENDED ? channel_over(state) : -EAGAIN;
}

/* The tail passed the subscriber: returns true if that was at the end of a rung, so that nothing
 * is lost, and it has gone on at the tail. */
static bool only_moved(struct subscription *s) OUT_OF_LINE;
static bool only_moved(struct subscription *s)
{
	struct broadcast_place tail;

	if (!s->ring.ladder || broadcast_oldest(&s->ring, &tail) < 0 || tail.seq != s->at.seq ||
		tail.pos <= s->at.pos)
		return false;
	s->ring.rx = (struct ring_end){0};
	s->at = tail;
	if (state_of(s) != SUBSCRIBER_HOLDS) { /* else nothing is taken, and see go_onward() */
		if (s->taken > s->done.pos)
			s->done.seq = tail.seq;
		s->taken = s->received = 0;
		stand_at(s, tail.pos);
	}
	return true;
}

/* ---- moving on ---- */

/* The message was received: move on.  Returns as finish(). */
ALWAYS_INLINE bool received(struct subscription *s, uint64_t end, uint64_t seq)
{
	s->at = (struct broadcast_place){.pos = end, .seq = seq};
	if (likely(s->taken <= s->done.pos))
		return finish(s, &s->at);
	s->received = end; /* what was taken before it is still read */
	return false;
}

/* The position moved on from `was`: wake the senders if they wait for that.  A full fence before
 * this pairs with the one in cond_arm(): either we see that a sender waits, and for whom, or it
 * sees the position. */
ALWAYS_INLINE void wake_if_moved(struct chan *ch, bool held, uint64_t was)
{
	if (held && unlikely(cond_hinted(&ch->control->not_full)) &&
		was < load(&ch->control->senders.wanted))
		channel_broadcast(ch, &ch->control->not_full);
}

/* Leave, and do that. */
ALWAYS_INLINE void leave_moved(struct chan *ch, struct subscription *s, bool held, uint64_t was)
{
	leave(s);
	wake_if_moved(ch, held, was);
}

/* Find the next record, and copy it, the lock held: as read_at(), or an error of
 * chan_recv(). */
ALWAYS_INLINE int find_record(
	struct chan *ch, struct subscription *s, void *buf, size_t size, struct ring_item *it)
{
	int err;

	if (unlikely(channel_state(ch) & LAYOUT_DISCARD))
		return -EPIPE;
	err = read_at(s, &s->at, buf, size, it);
	if (unlikely(err == -EAGAIN)) {
		err = when_empty(ch, s);
		if (err == 0)
			err = read_at(s, &s->at, buf, size, it);
	}
	if (unlikely(err == -EOVERFLOW) && only_moved(s))
		err = read_at(s, &s->at, buf, size, it);
	return err;
}

/* Pass a message that nobody gets, and count it. */
static void pass(struct chan *ch, struct subscription *s, const struct ring_item *it,
	enum kind_removed why) OUT_OF_LINE;
static void pass(
	struct chan *ch, struct subscription *s, const struct ring_item *it, enum kind_removed why)
{
	struct layout_receivers *rx = &ch->control->receivers;
	uint64_t was = s->done.pos;
	bool held = false;

	s->at = (struct broadcast_place){.pos = it->end, .seq = it->seq + 1};
	if (s->taken <= s->done.pos) /* else that follows when it is acknowledged */
		held = finish(s, &s->at);
	if (ch->segment.writable)
		atomic_fetch_add_explicit(why == KIND_EXPIRED ? &rx->expired.n : &rx->malformed.n,
			1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); /* as leave() makes it */
	wake_if_moved(ch, held, was);
}

/* Find the next message, and copy it, the lock held; `o`: messages have a header, which is
 * wanted there, or NULL.  As find_record(). */
ALWAYS_INLINE int find(struct chan *ch, struct subscription *s, void *buf, size_t size,
	struct ring_item *it, struct opened *o)
{
	enum kind_removed why;
	int err;

	if (!o)
		return find_record(ch, s, buf, size, it);
	while ((err = find_record(ch, s, NULL, 0, it)) == 0) {
		err = open_record(ch, &s->ring, it, buf, size, o, &why);
		if (err != NOT_FOR_ANYBODY)
			break;
		pass(ch, s, it, why);
	}
	return err;
}

/* Do as read_at(), for what follows the message that was found. */
ALWAYS_INLINE int find_more(struct chan *ch, struct subscription *s,
	const struct broadcast_place *at, void *buf, size_t size, struct ring_item *it,
	struct opened *o)
{
	enum kind_removed why;
	int err = read_at(s, at, o ? NULL : buf, size, it);

	return o && err == 0 ? open_record(ch, &s->ring, it, buf, size, o, &why) : err;
}

/* The subscriber was lapped: go on at the tail.  Returns -EOVERFLOW, which the caller is told
 * once, or -EBADMSG. */
static int go_on_at_tail(struct subscription *s) OUT_OF_LINE;
static int go_on_at_tail(struct subscription *s)
{
	struct broadcast_place tail;
	int err = broadcast_oldest(&s->ring, &tail);
	uint64_t n;

	if (err < 0 || tail.seq <= s->at.seq || tail.pos < s->at.pos)
		return -EBADMSG;
	n = tail.seq - s->at.seq;
	store(&s->told, n);
	s->at = tail;
	s->ring.rx = (struct ring_end){0}; /* it may be of a rung that is used anew */
	s->taken = s->received = 0;
	if (s->entry)
		s->uncounted += n;
	/* Senders did not wait for it.  If a group's user dies before it receives a message, the
	 * next one is told again: until then the group's number stays what it is. */
	if (!s->group)
		finish(s, &tail);
	else if (s->done.pos != tail.pos)
		stand_at(s, tail.pos);
	return error_of_size(
		-EOVERFLOW, n, "%" PRIu64 " messages are lost: the subscriber was too slow", n);
}

/* ---- waiting ---- */

/* Wait for a message behind `pos`, no lock held: 0 (look again), or an error of chan_recv(). */
static int await_message(struct chan *ch, uint64_t pos, struct limit *limit)
{
	if (ch->segment.writable && receiver_waits_for_itself(ch, limit))
		return -EDEADLK;
	return receiver_await_newer(ch, pos, true, limit);
}

/*
 * A look gave `err`, the lock held.  Returns 0 to look again, the lock held, after waiting if
 * need be; or the error that the call returns, the lock released.
 */
static int wait_or_fail(
	struct chan *ch, struct subscription *s, struct limit *limit, int err) OUT_OF_LINE;
static int wait_or_fail(struct chan *ch, struct subscription *s, struct limit *limit, int err)
{
	uint64_t pos = s->at.pos;

	if (err == -EOVERFLOW)
		err = go_on_at_tail(s);
	leave(s);
	if (err == -EAGAIN)
		err = await_message(ch, pos, limit);
	if (err < 0)
		return channel_checked(ch, err);
	enter(s);
	return 0;
}

/* ---- the calls ---- */

/* Receive a message; `o` is as in find(), and `ret` is for what it says, or NULL. */
ALWAYS_INLINE ssize_t receive(struct chan *ch, void *buf, size_t size, struct limit *limit,
	struct opened *o, struct chan_meta *ret)
{
	struct subscription *s = ch->subscription;
	struct ring_item it = {.pos = 0}; /* the compiler warns otherwise */
	uint64_t was;
	bool held;
	int err;

	enter(s);
	while (unlikely((err = find(ch, s, buf, size, &it, o)) < 0)) {
		err = wait_or_fail(ch, s, limit, err);
		if (err < 0)
			return err;
	}
	if (unlikely(it.length > size)) {
		leave(s);
		return receive_too_long(it.length, size);
	}
	was = s->done.pos;
	held = received(s, it.end, it.seq + 1);
	leave_moved(ch, s, held, was);
	if (ret)
		show_opened(ch, o, it.seq, 1, ret);
	return (ssize_t)it.length;
}

static ssize_t subscriber_recv(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	return receive(ch, buf, size, limit, NULL, NULL);
}

ALWAYS_INLINE int receive_batch(
	struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit, struct opened *o)
{
	struct subscription *s = ch->subscription;
	struct broadcast_place at;
	struct ring_item it = {.pos = 0}; /* the compiler warns otherwise */
	unsigned got = 0;
	uint64_t was;
	bool held = false;
	int err;

	enter(s);
	while ((err = find(ch, s, buf[0].iov_base, buf[0].iov_len, &it, o)) < 0) {
		err = wait_or_fail(ch, s, limit, err);
		if (err < 0)
			return err;
	}
	if (it.length > buf[0].iov_len) {
		leave(s);
		return receive_too_long(it.length, buf[0].iov_len);
	}
	was = s->done.pos;
	/* Each message was still kept when it had been copied. */
	do {
		buf[got++].iov_len = it.length;
		at = (struct broadcast_place){.pos = it.end, .seq = it.seq + 1};
		if (at.pos - s->at.pos > s->ring.capacity / PARTS)
			held |= received(s, at.pos, at.seq);
	} while (got < n &&
		 find_more(ch, s, &at, buf[got].iov_base, buf[got].iov_len, &it, o) == 0 &&
		 it.length <= buf[got].iov_len);
	if (at.pos != s->at.pos)
		held |= received(s, at.pos, at.seq);
	leave_moved(ch, s, held, was);
	return (int)got;
}

static int subscriber_recv_batch(
	struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit)
{
	return receive_batch(ch, buf, n, limit, NULL);
}

static int ready(struct chan *ch, struct limit *limit, struct opened *o)
{
	struct subscription *s = ch->subscription;
	struct ring_item it = {.pos = 0}; /* the compiler warns otherwise */
	int err;

	enter(s);
	while ((err = find(ch, s, NULL, 0, &it, o)) == -EAGAIN) {
		err = wait_or_fail(ch, s, limit, err);
		if (err < 0)
			return err;
	}
	leave(s);
	return err == -EOVERFLOW ? 0 : channel_checked(ch, err);
}

static int subscriber_ready(struct chan *ch, struct limit *limit)
{
	return ready(ch, limit, NULL);
}

/* ---- in place ---- */

/* Say why the subscriber can't read in place, or return 0. */
static int check_holds(const struct subscription *s)
{
	switch (state_of(s)) {
	case SUBSCRIBER_HOLDS:
		return 0;
	case SUBSCRIBER_EVICTED:
		return error_because(-ESTALE,
			"the subscriber was evicted: what it reads in place may be overwritten; "
			"receive copies, or subscribe anew");
	default:
		return error_because(-EINVAL,
			"the subscriber does not hold the ring, so what it would read in place may "
			"be overwritten; chan_recv() copies");
	}
}

ALWAYS_INLINE int take_messages(
	struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit, struct opened *o)
{
	struct subscription *s = ch->subscription;
	struct ring_item it = {.pos = 0}; /* the compiler warns otherwise */
	unsigned got = 0;
	int err;

	enter(s);
	while ((err = find(ch, s, NULL, 0, &it, o)) < 0) {
		/* One that was evicted gets nothing in place any more: it does not wait for that,
		 * and keep what it had taken from being given back. */
		if (err == -EAGAIN && state_of(s) == SUBSCRIBER_EVICTED)
			break;
		err = wait_or_fail(ch, s, limit, err);
		if (err < 0)
			return err;
	}
	err = check_holds(s);
	while (err == 0) {
		ret[got++] = (struct chan_lease){.data = ring_payload(it.record),
			.len = it.length,
			.seq = it.seq,
			.pos = it.pos,
			.attempt = 1,
			.reserved = o ? o->meta.length : 0};
		s->at = (struct broadcast_place){.pos = it.end, .seq = it.seq + 1};
		s->taken = it.end;
		if (got == n || find_more(ch, s, &s->at, NULL, 0, &it, o) < 0)
			break;
	}
	leave(s);
	return err < 0 ? err : (int)got;
}

static int subscriber_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	return take_messages(ch, ret, n, limit, NULL);
}

/* Find the record of a lease, which is taken, and lies behind `after`: 0, or -ESTALE. */
static int find_taken(struct subscription *s, const struct chan_lease *lease, uint64_t after,
	uint64_t end, struct ring_item *it)
{
	struct broadcast_place at = {.pos = lease->pos, .seq = lease->seq};

	if (lease->pos < after || lease->pos >= end || lease->pos % RING_ALIGN ||
		read_at(s, &at, NULL, 0, it) < 0)
		return error_because(-ESTALE,
			lease->pos < after ? "the message was acknowledged already, with one "
					     "behind it"
					   : "the message is not, or not any more, taken");
	return 0;
}

static int subscriber_ack(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	struct subscription *s = ch->subscription;
	struct broadcast_place to;
	struct ring_item it = {.pos = 0}; /* the compiler warns otherwise */
	unsigned done = 0;
	uint64_t was;
	bool held = false;
	int err = 0;

	enter(s);
	to = s->done;
	was = to.pos;
	for (; done < n && err == 0; done += err == 0) {
		err = find_taken(s, &lease[done], to.pos, s->taken, &it);
		if (err == 0)
			to = (struct broadcast_place){.pos = it.end, .seq = it.seq + 1};
	}
	if (to.pos >= s->taken) /* nor is anything taken before what was received behind it */
		to = s->at;
	if (done)
		held = finish(s, &to);
	leave_moved(ch, s, held, was);
	return done ? (int)done : err;
}

static int subscriber_give_back(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	struct subscription *s = ch->subscription;
	uint64_t end;
	struct ring_item it = {.pos = 0}; /* the compiler warns otherwise */
	unsigned done = 0;
	int err = 0;

	enter(s);
	end = s->taken;
	for (; done < n && err == 0; done += err == 0) {
		err = find_taken(s, &lease[done], s->done.pos, end, &it);
		if (err == 0 && it.pos < s->received)
			err = error_because(-EINVAL,
				"a message behind it was received by chan_recv(): it can only be "
				"acknowledged");
		if (err == 0 && it.pos < s->at.pos) {
			s->at = (struct broadcast_place){.pos = it.pos, .seq = it.seq};
			s->taken = it.pos;
		}
	}
	leave(s);
	return done ? (int)done : err;
}

/* ---- looking ---- */

/* Return where this endpoint's messages begin, or what is kept. */
static uint64_t first_shown(struct chan *ch, uint32_t flags)
{
	struct subscription *s = ch->subscription;
	uint64_t pos;

	if (!s)
		return 0;
	enter(s);
	pos = flags & CHAN_LEASED_TOO ? s->done.pos : s->at.pos;
	leave(s);
	return pos;
}

static ssize_t subscriber_peek(
	struct chan *ch, void *buf, size_t size, struct chan_cursor *at, struct chan_meta *meta)
{
	unsigned char bytes[1024] __attribute__((aligned(RING_ALIGN)));
	struct ring_window window = {.size = sizeof(bytes), .bytes = bytes};
	struct ring view = ch->ring;
	struct ring_item it = {.pos = 0};
	struct broadcast_place oldest;
	uint64_t first, pos;
	enum kind_removed why;
	struct opened o;
	bool kept = false;
	int err = 0;

	if (is_orphan(ch))
		return -ENOTCONN;
	first = first_shown(ch, at->flags);
	view.rx = (struct ring_end){0};
	view.window = &window;
	if (at->pos % RING_ALIGN || at->pos > ring_limit(&view))
		return error_because(-EINVAL, "at: the cursor leads to no message");
	for (int i = 0; i < LOOKS && !kept; i++) {
		err = broadcast_oldest(&view, &oldest);
		if (err < 0)
			break;
		pos = first > oldest.pos ? first : oldest.pos;
		pos = at->pos > pos ? at->pos : pos;
		err = look_at(&view, pos, ch->headed ? NULL : buf, size, &it);
		if (err == -EAGAIN && ch->segment.writable && channel_sealed_anew(ch))
			continue;
		if (err == 0 && ch->headed)
			err = open_record(ch, &view, &it, buf, size, &o, &why);
		kept = broadcast_kept(&view, pos);
		if (err == NOT_FOR_ANYBODY) {
			first = it.end;
			kept = false;
		}
		if (err == -EOVERFLOW || err == NOT_FOR_ANYBODY)
			err = 0;
	}
	if (err == -EBADMSG && at->pos > oldest.pos)
		return error_because(-EINVAL, "at: the cursor leads to no message");
	if (err < 0)
		return channel_checked(ch, err);
	if (!kept)
		return -EBUSY;
	if (it.length > size)
		return receive_too_long(it.length, size);
	at->pos = it.end;
	at->seq = it.seq;
	at->attempt = 0;
	at->flags &= ~(uint32_t)CHAN_IS_LEASED;
	if (meta)
		show_opened(ch, &o, it.seq, 0, meta);
	return (ssize_t)it.length;
}

/* ---- joining ---- */

/* Join as a reader, which has no entry: what it begins with may be overwritten meanwhile. */
static int begin_reading(struct subscription *s, const struct chan_subscription *how)
{
	for (int i = 0; i < LOOKS; i++) {
		int err = broadcast_find_start(&s->ring, how, &s->at);

		if (err != -EBUSY && broadcast_kept(&s->ring, s->at.pos))
			return err;
	}
	return -EBUSY;
}

/* Join, the receivers' lock held. */
static int join(
	struct chan *ch, struct subscription *s, const struct chan_subscription *how, bool *wake)
{
	uint32_t endpoints = ch->segment.geometry.endpoints, entry = (uint32_t)ch->slot;
	int err;

	/* Otherwise what a dead endpoint in this slot left would look like ours. */
	*wake = broadcast_clear_slot(&ch->ring, entry);
	if (how->group) {
		err = broadcast_use_group(
			&ch->ring, endpoints, entry, how, slot_abandoned, ch, &entry, &s->at);
	} else {
		err = broadcast_find_start(&ch->ring, how, &s->at);
		if (err == 0)
			broadcast_join(&ch->ring, entry, how, &s->at);
	}
	if (err < 0)
		return err;
	s->entry = &ch->ring.subscriber[entry];
	s->group = how->group != NULL;
	atomic_store_explicit(&ch->leases, true, memory_order_relaxed);
	return 0;
}

/* Give it a window to read by, since the tail may pass it. */
static bool give_window(struct subscription *s)
{
	struct ring_window *w = malloc(sizeof(*w) + WINDOW_SIZE);

	s->ring.window = w;
	if (w)
		*w = (struct ring_window){.size = WINDOW_SIZE, .bytes = (unsigned char *)(w + 1)};
	return w;
}

static int subscriber_begin(struct chan *ch)
{
	static const struct chan_subscription none;
	struct chan_subscription how = ch->how ? *ch->how : none;
	struct subscription *s;
	bool wake = false;
	int err = subscription_settle(ch, &how);

	if (err < 0)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s || cond_init(&s->left) < 0) {
		free(s);
		return -ENOMEM;
	}
	s->ring = ch->ring;
	s->ring.rx = (struct ring_end){0};
	if (s->ring.fetch && how.on_lag != CHAN_LAG_BLOCK && !give_window(s)) {
		subscription_free(s);
		return -ENOMEM;
	}
	if (ch->slot < 0) {
		err = begin_reading(s, &how);
	} else {
		err = receivers_visit(ch, NULL);
		if (err == 0) {
			err = join(ch, s, &how, &wake);
			receivers_leave(ch);
		}
	}
	if (wake)
		channel_broadcast(ch, &ch->control->not_full);
	if (err < 0) {
		subscription_free(s);
		return channel_checked(ch, err);
	}
	s->done = s->at;
	ch->subscription = s;
	return 0;
}

void subscription_free(struct subscription *s)
{
	if (s)
		free(s->ring.window);
	free(s);
}

#define LACKS                                                                                      \
	"a broadcast keeps its messages for all subscribers: there is nothing to purge or pause"

const struct receiving receiving_subscribed = {
	.begin = subscriber_begin,
	.recv = subscriber_recv,
	.recv_batch = subscriber_recv_batch,
	.ready = subscriber_ready,
	.peek = subscriber_peek,
	.take = subscriber_take,
	.ack = subscriber_ack,
	.give_back = subscriber_give_back,
	.untake = subscriber_give_back,
	.lacks = LACKS,
};

/* ---- the same where messages have a header ---- */

static ssize_t headed_subscriber_recv(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	struct opened o;

	return receive(ch, buf, size, limit, &o, NULL);
}

static ssize_t headed_subscriber_recv_meta(
	struct chan *ch, void *buf, size_t size, struct chan_meta *ret, struct limit *limit)
{
	struct opened o;

	return receive(ch, buf, size, limit, &o, ret);
}

static int headed_subscriber_recv_batch(
	struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit)
{
	struct opened o;

	return receive_batch(ch, buf, n, limit, &o);
}

static int headed_subscriber_ready(struct chan *ch, struct limit *limit)
{
	struct opened o;

	return ready(ch, limit, &o);
}

static int headed_subscriber_take(
	struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	struct opened o;

	return take_messages(ch, ret, n, limit, &o);
}

const struct receiving receiving_headed_subscribed = {
	.begin = subscriber_begin,
	.recv = headed_subscriber_recv,
	.recv_meta = headed_subscriber_recv_meta,
	.recv_batch = headed_subscriber_recv_batch,
	.ready = headed_subscriber_ready,
	.peek = subscriber_peek,
	.take = headed_subscriber_take,
	.ack = subscriber_ack,
	.give_back = subscriber_give_back,
	.untake = subscriber_give_back,
	.lacks = LACKS,
};
