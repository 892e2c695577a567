/* SPDX-License-Identifier: MIT */
/* Leases: messages taken, read in place, acknowledged or given back. */
#include "channel/receive.h"
#include "channel/receiver.h"

#include <limits.h>

static inline void lease_of(const struct ring_item *it, struct chan_lease *ret)
{
	*ret = (struct chan_lease){
		.data = ring_payload(it->record),
		.len = it->length,
		.seq = it->seq,
		.pos = it->pos,
		.attempt = record_attempts(it->state),
	};
}

/* Lease the item, which was found under the lock, by its header: how many, 1 or 0. */
static unsigned take_by_header(
	struct chan *ch, const struct ring_item *it, struct chan_lease *ret) OUT_OF_LINE;
static unsigned take_by_header(struct chan *ch, const struct ring_item *it, struct chan_lease *ret)
{
	struct ring_item item = *it;

	if (!ch->kind->lease(&ch->ring, &item, (uint32_t)ch->slot))
		return 0;
	lease_of(&item, ret);
	return 1;
}

/* Lease the item, by `held` alone: false, and nothing is changed, if that can't be. */
ALWAYS_INLINE bool take_held(struct chan *ch, struct ring_item *it, struct chan_lease *ret)
{
	if (unlikely(ch->indirect || !queue_hold(&ch->ring, it, (uint32_t)ch->slot)))
		return false;
	lease_of(it, ret);
	return true;
}

/* Lease up to n of the ready records from `pos` on: how many. */
static unsigned take_more(
	struct chan *ch, uint64_t pos, struct chan_lease *ret, unsigned n) OUT_OF_LINE;
static unsigned take_more(struct chan *ch, uint64_t pos, struct chan_lease *ret, unsigned n)
{
	struct ring_item it;
	unsigned got = 0;

	for (; got < n && ring_next(&ch->ring, pos, &it) == 0; pos = it.end)
		got += take_held(ch, &it, &ret[got]) || take_by_header(ch, &it, &ret[got]);
	return got;
}

/* ---- what is known of the message that was last taken ---- */

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* Another thread may be about to acknowledge what it took: see ack_taken(). */
ALWAYS_INLINE void forget_taken(struct chan *ch)
{
	store(&ch->taken.thread, 0);
	/* Before what note_taken() stores. */
	atomic_thread_fence(memory_order_release);
}

/* Call after forget_taken(), unless it is this thread's again. */
ALWAYS_INLINE void note_taken(
	struct chan *ch, uint64_t thread, const struct ring_item *it, uint32_t attempt)
{
	store(&ch->taken.pos, it->pos);
	store(&ch->taken.end, it->end);
	store(&ch->taken.seq, it->seq);
	store(&ch->taken.attempt, attempt);
	/* Release: pairs with the acquire in ack_taken(). */
	atomic_store_explicit(&ch->taken.thread, thread, memory_order_release);
}

/* Take the message behind the one that was last taken, on the receivers' side.  Returns
 * false, and nothing is changed, if the long way has to be gone. */
ALWAYS_INLINE bool take_next(struct chan *ch, struct chan_lease *ret, bool alone)
{
	struct ring *r = &ch->ring;
	uint64_t pos = load(&ch->taken.end);
	struct ring_item it;

	if (!thread_is(load(&ch->taken.thread)) || unlikely(is_orphan(ch)))
		return false;
	/* Received plainly, or dropped, if the position is behind it. */
	if (unlikely(channel_state(ch) & (LAYOUT_DISCARD | LAYOUT_PAUSED) || ring_head(r) > pos))
		return false;
	/* Another endpoint may have taken something since. */
	if (!alone && unlikely(!queue_holds_up_to(r, pos, (uint32_t)ch->slot)))
		return false;
	if (unlikely(ring_read_near(r, pos, &it) < 0 || record_kind(it.state) != RECORD_READY))
		return false;
	queue_hold_next(r, &it);
	it.state = record_leased(it.state, 0);
	lease_of(&it, ret);
	note_taken(ch, load(&ch->taken.thread), &it, ret->attempt);
	return true;
}

/* After a store to the position, as a light endpoint: a full fence, or the light side of
 * one. */
ALWAYS_INLINE void ack_fence(struct chan *ch, uint64_t from)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (unlikely(queue_fenced(&ch->ring, from) || channel_state(ch) & LAYOUT_HEAVY_MISSING))
		atomic_thread_fence(memory_order_seq_cst);
}

/* Acknowledge the message that was last taken.  Returns false, and nothing is changed, if it
 * is not that, or not the front. */
ALWAYS_INLINE bool ack_taken(struct chan *ch, const struct chan_lease *lease)
{
	const struct taken *t = &ch->taken;
	uint64_t pos, end;

	/* Acquire, and once more behind: if another thread takes something meanwhile, what is
	 * read here may be of two messages. */
	if (!thread_is(atomic_load_explicit(&t->thread, memory_order_acquire)) ||
		unlikely(is_orphan(ch)))
		return false;
	pos = load(&t->pos);
	end = load(&t->end);
	if (unlikely(lease->pos != pos || lease->seq != load(&t->seq) ||
		     lease->attempt != load(&t->attempt)))
		return false;
	atomic_thread_fence(memory_order_acquire);
	if (unlikely(!thread_is(load(&t->thread)) || !queue_end_held(&ch->ring, pos, end, true)))
		return false;
	ack_fence(ch, pos);
	return true;
}

/* The lock is held, and for the first time something is about to be leased. */
static void first_lease(struct chan *ch) OUT_OF_LINE;
static void first_lease(struct chan *ch)
{
	store(&ch->leases, true);
	if (!ch->indirect && !exclusive(ch, CHAN_RECV) && fence_register()) {
		channel_mark(ch, LAYOUT_LIGHT_ACK);
		store(&ch->acks_lightly, true);
	}
	if (!ch->indirect && ch->light)
		store(&ch->acks_lightly, true);
}

/* `err` is the result of receivers_enter(). */
ALWAYS_INLINE int take(
	struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit, int err)
{
	struct ring_item it, found;
	unsigned got;

	for (;;) {
		err = receiver_find_entered(ch, limit, &it, err);
		if (unlikely(err < 0))
			return err;
		if (unlikely(!load(&ch->leases)))
			first_lease(ch);
		forget_taken(ch);
		if (likely(take_held(ch, &it, ret))) {
			got = 1;
			if (likely(load(&ch->acks_lightly)))
				note_taken(ch, thread_self(), &it, ret->attempt);
		} else {
			found = it; /* `it` may stay in registers */
			got = take_by_header(ch, &found, ret);
		}
		if (unlikely(n > 1)) {
			forget_taken(ch);
			got += take_more(ch, it.end, ret + got, n - got);
		}
		/* The sender that hands over may go. */
		receiver_done(ch, limit, unlikely(ch->indirect) && ch->kind->hands_over);
		if (likely(got != 0))
			return (int)got;
		err = receivers_enter(ch, limit);
	}
}

int channel_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	if (!receives_otherwise(ch))
		return take(ch, ret, n, limit, receivers_enter(ch, limit));
	return ch->receiving->take ? ch->receiving->take(ch, ret, n, limit) : receiving_refused(ch);
}

static LONG_WAY int take_any(struct chan *ch, struct chan_lease *ret, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int err = receiver_check(ch, timeout);

	if (unlikely(err < 0) && receives_otherwise(ch))
		err = receiving_check(ch, timeout);
	if (unlikely(err < 0 || n == 0 || n > INT_MAX))
		return err < 0 ? err : error_because(-EINVAL, "n: is 0 or above INT_MAX");
	if (unlikely(receives_otherwise(ch)))
		return channel_take(ch, ret, n, &limit);
	return take(ch, ret, n, &limit, receivers_enter(ch, &limit));
}

/* Take one, after lock_try() of the receivers' lock gave `err`. */
static LONG_WAY int take_tried(struct chan *ch, struct chan_lease *ret, int64_t timeout, int err)
{
	struct limit limit = limit_of(timeout);

	if (err != 0)
		err = receivers_enter_slow(ch, err, &limit);
	return take(ch, ret, 1, &limit, err);
}

static LONG_WAY int take_shared(
	struct chan *ch, struct chan_lease *ret, unsigned n, int64_t timeout)
{
	int err;

	/* Only what receives by the ring has taken something so. */
	if (unlikely(exclusive(ch, CHAN_RECV) || n != 1 || timeout < CHAN_WAIT ||
		     !thread_is(load(&ch->taken.thread)) || is_orphan(ch)))
		return take_any(ch, ret, n, timeout);
	err = lock_try(&ch->control->receivers.lock);
	if (unlikely(err != 0 || !take_next(ch, ret, false)))
		return take_tried(ch, ret, timeout, err);
	lock_release(&ch->control->receivers.lock);
	return 1;
}

int chan_take(chan_t *ch, struct chan_lease *ret, unsigned n, int64_t timeout)
{
	if (exclusive(ch, CHAN_RECV) && n == 1 && timeout >= CHAN_WAIT && take_next(ch, ret, true))
		return 1;
	return take_shared(ch, ret, n, timeout);
}

/* End leases by the table. */
static int end_otherwise(struct chan *ch, const struct chan_lease *lease, unsigned n,
	int (*end)(struct chan *, const struct chan_lease *, unsigned))
{
	int err = receiving_check(ch, CHAN_WAIT);

	if (err < 0)
		return err;
	if (!end)
		return receiving_refused(ch);
	if (n > INT_MAX)
		return error_because(-EINVAL, "n: is above INT_MAX");
	return n ? end(ch, lease, n) : 0;
}

static struct ring_claim claim_of(const struct chan *ch, const struct chan_lease *lease)
{
	return (struct ring_claim){.pos = lease->pos,
		.seq = lease->seq,
		.holder = (uint32_t)ch->slot,
		.attempt = lease->attempt};
}

/* Call `end_one` for each lease, until the first one that is not held. */
static int end_leases(struct chan *ch, const struct chan_lease *lease, unsigned n,
	int (*end_one)(struct ring *, const struct ring_claim *))
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true};
	unsigned done;
	uint64_t head;
	int err = receives_otherwise(ch) ? 0 : receiver_check(ch, CHAN_WAIT);
	bool freed;

	if (err < 0 || n > INT_MAX)
		return err < 0 ? err : error_because(-EINVAL, "n: is above INT_MAX");
	err = receivers_enter(ch, &limit);
	if (err < 0)
		return err;
	forget_taken(ch);
	head = ring_head(&ch->ring);
	for (done = 0; done < n; done++) {
		struct ring_claim claim = claim_of(ch, &lease[done]);

		err = end_one(&ch->ring, &claim);
		if (err < 0)
			break;
	}
	ch->kind->free(&ch->ring);
	freed = ring_head(&ch->ring) != head;
	receivers_leave(ch);
	if (freed)
		channel_freed(ch);
	if (done && end_one != ch->kind->ack)
		channel_signal(ch, &ch->control->not_empty);
	return done ? (int)done : err;
}

/* Acknowledge n leases, if they are the first that this endpoint holds at the front: with
 * one store, and without the lock.  Returns false, and nothing is changed, if they are
 * not. */
ALWAYS_INLINE bool ack_front(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	bool alone = exclusive(ch, CHAN_RECV), light = load(&ch->acks_lightly);
	uint64_t from = lease->pos, end = from;

	if (unlikely(is_orphan(ch) || (alone && exclusive_check(ch) < 0)))
		return false;
	for (unsigned i = 0; i < n; i++) {
		struct ring_claim claim = claim_of(ch, &lease[i]);

		if (unlikely(claim.pos != end))
			return false;
		end = queue_claim_end(&ch->ring, &claim, &ch->ack_lap);
		if (unlikely(end == 0))
			return false;
	}
	if (unlikely(!queue_end_held(&ch->ring, from, end, alone || light)))
		return false;
	if (light)
		ack_fence(ch, from);
	else
		atomic_thread_fence(memory_order_seq_cst);
	return true;
}

/* After ack_front(): free what is done behind it, and wake a sender for that. */
static void after_front(struct chan *ch) OUT_OF_LINE;
static void after_front(struct chan *ch)
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true};

	if (queue_may_free(&ch->ring) && receivers_enter(ch, &limit) == 0) {
		ch->kind->free(&ch->ring); /* else the next receiver does it */
		receivers_leave(ch);
	}
	channel_freed(ch);
}

static LONG_WAY int ack_any(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	if (unlikely(!(ch->roles & CHAN_RECV) || ch->indirect || n == 0 || n > INT_MAX ||
		     !ack_front(ch, lease, n)))
		return receives_otherwise(ch) ? end_otherwise(ch, lease, n, ch->receiving->ack)
					      : end_leases(ch, lease, n, ch->kind->ack);
	if (unlikely(queue_may_free(&ch->ring) || channel_room_waited(ch)))
		after_front(ch);
	return (int)n;
}

int chan_ack(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	if (n != 1 || !ack_taken(ch, lease))
		return ack_any(ch, lease, n);
	if (unlikely(queue_may_free(&ch->ring) || channel_room_waited(ch)))
		after_front(ch);
	return 1;
}

int chan_release(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	return receives_otherwise(ch) ? end_otherwise(ch, lease, n, ch->receiving->give_back)
				      : end_leases(ch, lease, n, ch->kind->release);
}

int chan_untake(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	return receives_otherwise(ch) ? end_otherwise(ch, lease, n, ch->receiving->untake)
				      : end_leases(ch, lease, n, ch->kind->untake);
}

int lease_end_surely(struct chan *ch, const struct chan_lease *lease,
	int (*end)(chan_t *, const struct chan_lease *, unsigned))
{
	int n;

	do
		n = end(ch, lease, 1); /* it waits for the lock each time */
	while (n == -EINTR);
	return n;
}

void receiver_forget_taken(struct chan *ch)
{
	forget_taken(ch);
}

/* ---- for those that take by a table, from a queue ---- */

int leases_ack(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	if (!ack_front(ch, lease, n))
		return end_leases(ch, lease, n, ch->kind->ack);
	if (unlikely(queue_may_free(&ch->ring) || channel_room_waited(ch)))
		after_front(ch);
	return (int)n;
}

int leases_release(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	return end_leases(ch, lease, n, ch->kind->release);
}

int leases_untake(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	return end_leases(ch, lease, n, ch->kind->untake);
}
