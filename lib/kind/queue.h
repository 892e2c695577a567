/* SPDX-License-Identifier: MIT */
/*
 * The queue: each message goes to one receiver, in order.
 *
 * A plain receive copies a record out and frees it with one store to the receivers'
 * position: that is the commit.  With leases, the state in a record's header names
 * its holder and the store to that is the commit; space is freed as the front is done.
 *
 *   deliver   no ready record lies before it          derived, rebuilt after a death
 *   frontier  nothing at or after it was ever leased   derived, rebuilt after a death
 *
 * A drop is a change of two facts, see queue.c.  All functions need the receivers' lock.
 */
#ifndef CHAN_QUEUE_H
#define CHAN_QUEUE_H

#include "core/ring.h"

/* The hot path of kind.consume (delivery.h): consume [from, end) with one store if that
 * is possible, because it is the front and nothing is leased. */
ALWAYS_INLINE bool queue_consume_front(struct ring *r, uint64_t from, uint64_t end)
{
	struct layout_receivers *rx = &r->control->receivers;
	uint64_t head = atomic_load_explicit(&rx->position, memory_order_relaxed);

	if (unlikely(from != head ||
		     atomic_load_explicit(&rx->frontier, memory_order_relaxed) > head))
		return false;
	/* The commit of a plain receive.  Release: pairs with the acquire in ring_room();
	 * our reading is over. */
	atomic_store_explicit(&rx->position, end, memory_order_release);
	return true;
}

/* ---- for kinds that are a queue in most respects ---- */

/* kind.lease where the sender of a ready record may withdraw it at the same time. */
bool queue_lease_offered(struct ring *r, struct ring_item *it, uint32_t holder);

/* The operations of that name (delivery.h). */
int queue_ack(struct ring *r, const struct ring_claim *claim);
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
