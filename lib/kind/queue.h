/* SPDX-License-Identifier: MIT */
/*
 * The queue: each message goes to one receiver, in order.
 *
 * A plain receive copies a record out and frees it with one store to the receivers'
 * position: that is the commit.  With leases, the state in a record's header names
 * its holder and the store to that is the commit; space is freed as the front is done.
 *
 *   deliver   nothing before it is to be delivered     derived, rebuilt after a death
 *   frontier  the headers from it on say ready, and    derived, rebuilt after a death
 *             always did
 *   fenced    acknowledging what is before it takes    derived, rebuilt after a death
 *             a full fence
 *
 * A lease that begins where the front is leased to the same endpoint, or at the position,
 * is written to no header.  [position, held) is what such leases are of: `held_by` has
 * those of its records whose headers say ready, for one attempt more than they say.  The
 * store to `held` commits the lease, and that to `position` its end.  The holder makes the
 * latter without the lock: nobody else moves the position meanwhile, or reads what is
 * held.  What is done behind the front has to be freed by the last one that did something
 * about it, so there are two stores and two looks, with a full fence in between.  The holder
 * is spared its fence as long as nobody works behind the front: whoever begins to, moves
 * `fenced` far ahead and makes the heavy fence (fence.h).
 * To give one of them back, its header and those behind it are written first, by
 * the holder or, if it is gone, by whoever has the lock (spread() in queue.c).
 *
 * A drop is a change of two facts, see queue.c.  All functions need the receivers' lock,
 * but for those that say otherwise.
 */
#ifndef CHAN_QUEUE_H
#define CHAN_QUEUE_H

#include "core/ring.h"

/* The hot path of kind.consume (delivery.h): consume [from, end) with one store if that
 * is possible, because it is the front and nothing is leased. */
ALWAYS_INLINE bool queue_consume_front(struct ring *r, uint64_t from, uint64_t end)
{
	struct layout_receivers *rx = &r->control->receivers;
	uint64_t head = ring_head(r);

	if (unlikely(from != head ||
		     atomic_load_explicit(&rx->frontier, memory_order_relaxed) > head))
		return false;
	/* The commit of a plain receive.  Release: pairs with the acquire in ring_room();
	 * our reading is over. */
	atomic_store_explicit(&rx->position, end, memory_order_release);
	return true;
}

/* Hold the item, which begins where what its receiver holds ends, or last ended. */
ALWAYS_INLINE void queue_hold_next(struct ring *r, const struct ring_item *it)
{
	struct layout_receivers *rx = &r->control->receivers;

	atomic_store_explicit(&rx->deliver, it->end, memory_order_relaxed);
	/* The commit.  Release: a death between the two leaves `deliver` stored. */
	atomic_store_explicit(&rx->held, it->end, memory_order_release);
}

/* Returns true if what the holder holds at the front ends at `pos`, or last ended there. */
ALWAYS_INLINE bool queue_holds_up_to(const struct ring *r, uint64_t pos, uint32_t holder)
{
	const struct layout_receivers *rx = &r->control->receivers;

	return atomic_load_explicit(&rx->held, memory_order_relaxed) == pos &&
	       atomic_load_explicit(&rx->held_by, memory_order_relaxed) == holder;
}

/* The hot path of kind.lease: false if the lease has to be written to the header. */
ALWAYS_INLINE bool queue_hold(struct ring *r, struct ring_item *it, uint32_t holder)
{
	struct layout_receivers *rx = &r->control->receivers;
	uint64_t head = ring_head(r), held = ring_held(r, head);
	bool ours = atomic_load_explicit(&rx->held_by, memory_order_relaxed) == holder;

	if (unlikely(it->pos != held || (!ours && held != head)))
		return false;
	if (unlikely(!ours)) /* nobody's: it has no meaning yet */
		atomic_store_explicit(&rx->held_by, holder, memory_order_relaxed);
	it->state = record_leased(it->state, holder);
	queue_hold_next(r, it);
	return true;
}

/* Find the record of a claim that is not in the lap `lap`: and set that, unless the ring may
 * grow.  Then `lap` stays that of the first rung's first lap, whose memory stays. */
const struct layout_record *queue_claimed(
	const struct ring *r, uint64_t pos, _Atomic uint64_t *lap) OUT_OF_LINE;

/*
 * The hot path of kind.ack, for the holder of the front, without the lock: find the end of
 * the claim's record, which is held and begins where the last one ended, or is the first.
 * Returns 0 if it is not so.  `lap` is as ring_end.lap, of all threads.
 */
ALWAYS_INLINE uint64_t queue_claim_end(
	const struct ring *r, const struct ring_claim *claim, _Atomic uint64_t *lap)
{
	const struct layout_receivers *rx = &r->control->receivers;
	uint64_t held = atomic_load_explicit(&rx->held, memory_order_relaxed), size;
	uint64_t offset = claim->pos - atomic_load_explicit(lap, memory_order_relaxed);
	const struct layout_record *rec;
	uint32_t state;

	if (unlikely(claim->pos >= held || ring_holder(r) != claim->holder))
		return 0;
	if (likely(offset < r->capacity))
		rec = (const void *)(r->data + offset);
	else
		rec = queue_claimed(r, claim->pos, lap);
	state = atomic_load_explicit(&rec->state, memory_order_relaxed);
	size = ring_size(atomic_load_explicit(&rec->length, memory_order_relaxed));
	if (unlikely(record_kind(state) != RECORD_READY ||
		     record_attempts(record_leased(state, 0)) != claim->attempt ||
		     atomic_load_explicit(&rec->seq, memory_order_relaxed) != claim->seq ||
		     size > held - claim->pos))
		return 0;
	return claim->pos + size;
}

/* Returns true if whoever ended what was held at `from` makes a full fence before it calls
 * queue_may_free().  Call it after that end. */
ALWAYS_INLINE bool queue_fenced(const struct ring *r, uint64_t from)
{
	return atomic_load_explicit(&r->control->receivers.fenced, memory_order_relaxed) > from;
}

/* End what is held in [from, end), all of it the caller's; `alone`: no other thread may
 * try to.  Returns false if it is not at the front (any more).  A full fence has to follow,
 * or queue_fenced() and fence.h's, and then queue_may_free(). */
ALWAYS_INLINE bool queue_end_held(struct ring *r, uint64_t from, uint64_t end, bool alone)
{
	struct layout_receivers *rx = &r->control->receivers;

	if (!alone)
		return likely(atomic_compare_exchange_strong_explicit(
			&rx->position, &from, end, memory_order_acq_rel, memory_order_relaxed));
	if (unlikely(ring_head(r) != from))
		return false;
	/* Release: as in queue_consume_front(). */
	atomic_store_explicit(&rx->position, end, memory_order_release);
	return true;
}

/* Returns false only if kind.free would do nothing.  Needs no lock: whoever makes a record
 * behind the front done does as queue_free() in queue.c says. */
ALWAYS_INLINE bool queue_may_free(const struct ring *r)
{
	return atomic_load_explicit(&r->control->receivers.frontier, memory_order_relaxed) >
	       ring_head(r);
}

/* ---- for kinds that are a queue in most respects ---- */

/* kind.lease where the sender of a ready record may withdraw it at the same time. */
bool queue_lease_offered(struct ring *r, struct ring_item *it, uint32_t holder);

/* The operations of that name (delivery.h). */
int queue_ack(struct ring *r, const struct ring_claim *claim);
int queue_holds(struct ring *r, const struct ring_claim *claim);
int queue_release(struct ring *r, const struct ring_claim *claim);
int queue_untake(struct ring *r, const struct ring_claim *claim);
int queue_reclaim(struct ring *r, bool (*gone)(uint32_t holder, void *arg), void *arg);

/* Free what is done at the front, as far as `bound`. */
bool queue_free_up_to(struct ring *r, uint64_t bound);

/* Parts of consume, note_end, purge and repair_receivers: the same without freeing. */
uint64_t queue_mark_done(struct ring *r, uint64_t from, uint64_t end);
void queue_set_deliver(struct ring *r);
int64_t queue_purge_each(struct ring *r);
int queue_rebuild(struct ring *r);

/* Do as kind.valid; `derived`: check deliver and frontier, too. */
int queue_check(struct ring *r, bool derived);

#endif
