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

/* Lease the item, which was found under the lock: how many, 1 or 0. */
ALWAYS_INLINE unsigned take_one(struct chan *ch, struct ring_item *it, struct chan_lease *ret)
{
	if (unlikely(!kind_lease(&ch->kind, ch->indirect, &ch->ring, it, (uint32_t)ch->slot)))
		return 0;
	lease_of(it, ret);
	return 1;
}

/* Lease up to n of the ready records from `pos` on: how many. */
static unsigned take_more(
	struct chan *ch, uint64_t pos, struct chan_lease *ret, unsigned n) OUT_OF_LINE;
static unsigned take_more(struct chan *ch, uint64_t pos, struct chan_lease *ret, unsigned n)
{
	struct ring_item it;
	unsigned got = 0;

	for (; got < n && ring_next(&ch->ring, pos, &it) == 0; pos = it.end)
		got += take_one(ch, &it, &ret[got]);
	return got;
}

/* ---- what an exclusive receiver knows: struct taken ---- */

ALWAYS_INLINE void note_taken(
	struct chan *ch, uint64_t thread, const struct ring_item *it, uint32_t attempt)
{
	ch->taken.thread = thread;
	ch->taken.pos = it->pos;
	ch->taken.end = it->end;
	ch->taken.seq = it->seq;
	ch->taken.attempt = attempt;
}

static void forget_taken(struct chan *ch)
{
	ch->taken.thread = 0;
}

/* Take the message behind the one that was last taken.  Returns false, and nothing is
 * changed, if the long way has to be gone. */
ALWAYS_INLINE bool take_next(struct chan *ch, struct chan_lease *ret)
{
	struct ring *r = &ch->ring;
	uint64_t pos = ch->taken.end;
	struct ring_item it;

	if (!thread_is(ch->taken.thread) || unlikely(is_orphan(ch)))
		return false;
	/* Received plainly, or dropped, if the position is behind it. */
	if (unlikely(channel_state(ch) & (LAYOUT_DISCARD | LAYOUT_PAUSED) || ring_head(r) > pos))
		return false;
	if (unlikely(ring_read(r, pos, &it) < 0 || record_kind(it.state) != RECORD_READY))
		return false;
	queue_hold_next(r, &it);
	it.state = record_leased(it.state, 0);
	lease_of(&it, ret);
	note_taken(ch, ch->taken.thread, &it, ret->attempt);
	return true;
}

/* Acknowledge the message that was last taken.  Returns false, and nothing is changed, if it
 * is not that, or not the front. */
ALWAYS_INLINE bool ack_taken(struct chan *ch, const struct chan_lease *lease)
{
	const struct taken *t = &ch->taken;

	if (!thread_is(t->thread) || unlikely(is_orphan(ch)))
		return false;
	if (unlikely(lease->pos != t->pos || lease->seq != t->seq || lease->attempt != t->attempt))
		return false;
	if (unlikely(!queue_end_held(&ch->ring, t->pos, t->end, true)))
		return false;
	receivers_leave(ch);
	return true;
}

ALWAYS_INLINE int take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	struct ring_item it;
	unsigned got;
	int err;

	do {
		err = receiver_find(ch, limit, &it);
		if (unlikely(err < 0))
			return err;
		atomic_store_explicit(&ch->leases, true, memory_order_relaxed);
		got = take_one(ch, &it, ret);
		if (got < n)
			got += take_more(ch, it.end, ret + got, n - got);
		if (exclusive(ch, CHAN_RECV)) {
			forget_taken(ch);
			if (ch->light && ring_held(&ch->ring, it.pos) == it.end)
				note_taken(ch, ch->thread, &it, ret->attempt);
		}
		/* The sender that hands over may go. */
		receiver_done(ch, limit, unlikely(ch->indirect) && ch->kind->hands_over);
	} while (unlikely(got == 0));
	return (int)got;
}

int channel_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	if (!receives_otherwise(ch))
		return take(ch, ret, n, limit);
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
	return take(ch, ret, n, &limit);
}

int chan_take(chan_t *ch, struct chan_lease *ret, unsigned n, int64_t timeout)
{
	if (n == 1 && timeout >= CHAN_WAIT && take_next(ch, ret))
		return 1;
	return take_any(ch, ret, n, timeout);
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
	int err = receiver_check(ch, CHAN_WAIT);
	bool freed;

	if (err < 0 || n > INT_MAX)
		return err < 0 ? err : error_because(-EINVAL, "n: is above INT_MAX");
	err = receivers_enter(ch, &limit);
	if (err < 0)
		return err;
	if (exclusive(ch, CHAN_RECV))
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
	bool alone = exclusive(ch, CHAN_RECV);
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
	if (unlikely(!queue_end_held(&ch->ring, from, end, alone)))
		return false;
	if (alone)
		receivers_leave(ch);
	else
		fence_after_exchange();
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
	return receives_otherwise(ch) ? end_otherwise(ch, lease, n, ch->receiving->give_back)
				      : end_leases(ch, lease, n, ch->kind->untake);
}
