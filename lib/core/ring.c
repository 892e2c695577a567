/* SPDX-License-Identifier: MIT */
/* The parts of the ring that are not on the path of every message; the model is
 * in ring.h. */
#include "core/ring.h"

#define load(p) atomic_load_explicit((p), memory_order_relaxed)

/* Begin the lap of `pos` in its rung. */
static uint64_t turn_in_ladder(const struct ring *r, struct ring_end *end, uint64_t pos)
{
	const struct layout_ladder *t = &r->control->ladder;
	int found = ladder_find(r->ladder, t, pos);
	unsigned rung = found < 0 ? 0 : (unsigned)found;
	uint64_t capacity = r->ladder->rung[rung].capacity, start = load(&t->rung[rung].start);

	if (found < 0 || start > pos) /* it is damaged: stay inside the mapping */
		start = pos - pos % capacity;
	if (end->rung != rung || end->start != start || !end->capacity) {
		end->rung = rung;
		end->start = end->seen = start;
		end->data = ring_rung(r, rung);
		end->capacity = capacity;
	}
	return (pos - start) % capacity;
}

uint64_t ring_turn(const struct ring *r, struct ring_end *end, uint64_t pos)
{
	uint64_t offset;

	if (likely(!r->ladder)) {
		end->data = r->data;
		end->capacity = r->capacity;
		offset = pos % r->capacity;
	} else {
		offset = turn_in_ladder(r, end, pos);
	}
	end->lap = pos - offset;
	return offset;
}

void ring_learn_memory(struct ring *r)
{
	r->tx.memory = r->ladder ? ladder_memory(r->ladder, &r->control->ladder, r->tx.rung)
				 : r->tx.capacity;
	ring_set_horizon(r);
}

void ring_come_to(struct ring *r, uint64_t pos)
{
	ring_turn(r, &r->tx, pos);
	ring_learn_memory(r);
}

uint64_t ring_cross(struct ring *r, uint64_t pos)
{
	const struct layout_ladder *t = &r->control->ladder;
	uint64_t limit = r->rx.seen, end;

	for (unsigned i = 0; r->ladder && i <= r->ladder->n; i++) {
		end = ladder_end(r->ladder, t, pos, limit);
		ring_at(r, &r->rx, pos);
		if (end < pos || end - pos > r->rx.capacity || pos % RING_ALIGN)
			return RING_BROKEN;
		r->rx.seen = end;
		if (pos != end)
			return pos;
		if (pos == limit)
			return RING_NOTHING;
		pos = ladder_next(r->ladder, t, pos);
		if (pos == 0 || pos > limit)
			return RING_BROKEN;
	}
	return RING_BROKEN;
}

void ring_step(struct ring *r, unsigned to)
{
	struct layout_ladder *t = &r->control->ladder;
	uint64_t pos = load(&r->control->senders.position);
	uint64_t next = pos + r->tx.capacity + RING_ALIGN;
	struct layout_record *first = (struct layout_record *)(void *)ring_rung(r, to);

	atomic_store_explicit(
		&first->seq, load(&ring_at(r, &r->tx, pos)->seq), memory_order_relaxed);
	ladder_prepare(&t->rung[r->tx.rung], &t->rung[to], pos, next);
	/* The commit.  Release: whoever sees the position finds both rungs. */
	atomic_store_explicit(&r->control->senders.position, next, memory_order_release);
	ring_come_to(r, next);
}

uint64_t ring_onward(const struct ring *r, uint64_t pos, uint64_t limit)
{
	const struct layout_ladder *t = &r->control->ladder;
	uint64_t next;

	for (unsigned i = 0; r->ladder && i < r->ladder->n && pos < limit; i++) {
		if (pos != ladder_end(r->ladder, t, pos, limit))
			break;
		next = ladder_next(r->ladder, t, pos);
		if (next == 0 || next > limit)
			break;
		pos = next;
	}
	return pos;
}

void ring_follow(struct ring *r)
{
	uint64_t head = ring_head(r), next = ring_onward(r, head, ring_limit(r));

	if (next != head && ring_held(r, head) == head) /* else only its holder moves it */
		atomic_store_explicit(&r->control->receivers.position, next, memory_order_release);
}

uint64_t ring_most(const struct ring *r)
{
	return r->ladder ? ladder_most(r->ladder) : r->capacity;
}

int ring_room_beyond(struct ring *r, uint64_t pos, uint64_t need)
{
	if (pos - r->tx.seen <= r->tx.capacity - need && ring_has_memory(r, pos, need))
		return RING_PAUSED; /* else it would have been in the horizon */
	/* Acquire: pairs with the release store that freed the space, so what
	 * the receiver read from it was read before we write over it. */
	r->freed = atomic_load_explicit(&r->control->receivers.position, memory_order_acquire);
	/* In a rung that receivers have not come to, all before its start is free. */
	r->tx.seen = r->freed < r->tx.start ? r->tx.start : r->freed;
	if (unlikely(r->freed % RING_ALIGN || pos - r->tx.seen > r->tx.capacity))
		return -EBADMSG;
	ring_learn_memory(r);
	if (pos - r->tx.seen > r->tx.capacity - need || !ring_has_memory(r, pos, need))
		return -EAGAIN;
	if (pos - r->horizon > r->tx.capacity - need)
		return RING_PAUSED;
	return ring_room_left(r, pos) < r->tx.capacity / RING_CLOSE_PART ? RING_CLOSE : 0;
}

void ring_init(struct ring *r)
{
	if (r->ladder)
		atomic_store_explicit(
			&r->control->ladder.rung[0].limit, LADDER_OPEN, memory_order_relaxed);
	ring_come_to(r, 0);
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

	if (tail % RING_ALIGN || head % RING_ALIGN || tail - head > ring_most(r) - RING_ALIGN)
		return -EBADMSG;
	/* Published behind the end. */
	if (seal && tail > (seal & ~UINT64_C(1))) {
		if ((seal & ~UINT64_C(1)) < head)
			return -EBADMSG;
		atomic_store_explicit(
			&r->control->senders.position, seal & ~UINT64_C(1), memory_order_release);
	}
	tail = load(&r->control->senders.position);
	return r->ladder ? ladder_repair(r->ladder, &r->control->ladder, tail) : 0;
}
