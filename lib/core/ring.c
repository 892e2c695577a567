/* SPDX-License-Identifier: MIT */
/* The parts of the ring that are not on the path of every message; the model is
 * in ring.h. */
#include "core/ring.h"

#define load(p) atomic_load_explicit((p), memory_order_relaxed)

int ring_room_beyond(struct ring *r, uint64_t pos, uint64_t need)
{
	if (pos - r->tx.seen <= r->capacity - need)
		return RING_PAUSED; /* else it would have been in the horizon */
	/* Acquire: pairs with the release store that freed the space, so what
	 * the receiver read from it was read before we write over it. */
	r->tx.seen = atomic_load_explicit(&r->control->receivers.position, memory_order_acquire);
	if (unlikely(r->tx.seen % RING_ALIGN || pos - r->tx.seen > r->capacity))
		return -EBADMSG;
	ring_set_horizon(r);
	if (pos - r->tx.seen > r->capacity - need)
		return -EAGAIN;
	return pos - r->horizon <= r->capacity - need ? 0 : RING_PAUSED;
}

void ring_init(struct ring *r)
{
	atomic_store_explicit(&ring_at(r, &r->tx, 0)->seq, 1, memory_order_relaxed);
}

/* ---- the end of a channel ----
 *
 * A close, or a removal, is one bit in `state`, set without a lock, so a send may
 * publish without having seen it.  What is inside the channel is then decided by `seal`,
 * set once, by anybody who has seen the bit: to the senders' position as it reads
 * then.
 *
 * A send looks for the bit after it has published, with a full fence in between
 * (or fence.h's).  Not there: it published before the bit was set, so every seal,
 * which is read after the bit, is behind its records.  There: it asks the seal,
 * and sets it first if nobody has.  A receiver that reads a position and then
 * finds no bit may take what is before that position: every seal is behind it.
 * One that finds the bit but no seal takes nothing more until there is one
 * (ring_reload()).  So both sides always agree. */

void ring_seal(const struct ring *r)
{
	uint64_t open = 0;
	uint64_t end = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);

	atomic_compare_exchange_strong_explicit(
		&r->control->seal, &open, end | 1, memory_order_acq_rel, memory_order_acquire);
}

bool ring_inside_end(struct ring *r, uint64_t pos)
{
	ring_seal(r);
	/* What lies behind the seal stays there, and nobody looks at it. */
	return (atomic_load_explicit(&r->control->seal, memory_order_acquire) & ~UINT64_C(1)) >=
	       pos;
}

/* ---- after a death ---- */

int ring_repair_senders(struct ring *r)
{
	uint64_t tail = load(&r->control->senders.position);
	uint64_t head = atomic_load_explicit(&r->control->receivers.position, memory_order_acquire);
	uint64_t seal = atomic_load_explicit(&r->control->seal, memory_order_acquire);

	if (tail % RING_ALIGN || head % RING_ALIGN || tail - head > r->capacity - RING_ALIGN)
		return -EBADMSG;
	/* Published behind the end. */
	if (seal && tail > (seal & ~UINT64_C(1))) {
		if ((seal & ~UINT64_C(1)) < head)
			return -EBADMSG;
		atomic_store_explicit(
			&r->control->senders.position, seal & ~UINT64_C(1), memory_order_release);
	}
	return 0;
}
