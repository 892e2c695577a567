/* SPDX-License-Identifier: MIT */
/* The model is in ladder.h. */
#include "core/ladder.h"

#include <errno.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)

void ladder_make(struct ladder *l, uint64_t start, uint64_t total)
{
	uint64_t size = start, offset = 0;

	*l = (struct ladder){.total = total};
	while (offset < total) {
		/* The last one has the rest, so it is one to three times as large as it would
		 * be otherwise. */
		if (l->n && (total - offset < 3 * size || l->n == LADDER_RUNGS - 1))
			size = total - offset;
		l->rung[l->n].offset = offset;
		l->rung[l->n++].capacity = size;
		offset += size;
		size *= 2;
	}
}

uint64_t ladder_largest(const struct ladder *l)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < l->n; i++)
		most = l->rung[i].capacity > most ? l->rung[i].capacity : most;
	return most;
}

uint64_t ladder_smallest(const struct ladder *l)
{
	uint64_t least = l->rung[0].capacity;

	for (unsigned i = 1; i < l->n; i++)
		least = l->rung[i].capacity < least ? l->rung[i].capacity : least;
	return least;
}

uint64_t ladder_most(const struct ladder *l)
{
	return 2 * l->total + 2 * LADDER_RUNGS * RING_ALIGN;
}

/* ---- finding ---- */

int ladder_find(const struct ladder *l, const struct layout_ladder *t, uint64_t pos)
{
	for (unsigned i = 0; i < l->n; i++) {
		/* Acquire, and before the start: pairs with the release in ladder_prepare().  A
		 * new limit has a new start, and before an old limit there is nothing. */
		uint64_t limit = atomic_load_explicit(&t->rung[i].limit, memory_order_acquire);

		if (pos < limit && pos >= load(&t->rung[i].start))
			return (int)i;
	}
	return -1;
}

uint64_t ladder_next(const struct ladder *l, const struct layout_ladder *t, uint64_t pos)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < l->n; i++) {
		uint64_t limit = atomic_load_explicit(&t->rung[i].limit, memory_order_acquire);
		uint64_t start = load(&t->rung[i].start);

		if (start > pos && limit > start && (!next || start < next))
			next = start;
	}
	return next;
}

uint64_t ladder_end(
	const struct ladder *l, const struct layout_ladder *t, uint64_t pos, uint64_t limit)
{
	int rung = ladder_find(l, t, pos);
	uint64_t end;

	if (rung < 0)
		return 0;
	end = atomic_load_explicit(&t->rung[rung].limit, memory_order_acquire);
	return end == LADDER_OPEN || end - 1 > limit ? limit : end - 1;
}

/* ---- what lies in it ---- */

uint64_t ladder_used(
	const struct ladder *l, const struct layout_ladder *t, uint64_t from, uint64_t to)
{
	uint64_t used = 0, end;

	for (unsigned i = 0; i <= l->n && from < to; i++) {
		end = ladder_end(l, t, from, to);
		if (end < from)
			break;
		used += end - from;
		from = end < to ? ladder_next(l, t, end) : to;
		if (from == 0)
			break;
	}
	return used <= l->total ? used : 0;
}

uint64_t ladder_sent(const struct ladder *l, const struct layout_ladder *t, uint64_t pos)
{
	int rung = ladder_find(l, t, pos);
	uint64_t skipped = rung < 0 ? 0 : load(&t->rung[rung].skipped);

	return skipped <= pos ? pos - skipped : pos;
}

uint64_t ladder_memory(const struct ladder *l, const struct layout_ladder *t, unsigned rung)
{
	uint64_t bytes = load(&t->rung[rung].memory) & ~RUNG_UNKNOWN, all = l->rung[rung].capacity;

	return rung == 0 || bytes > all ? all : bytes;
}

uint64_t ladder_taken(const struct ladder *l, const struct layout_ladder *t)
{
	uint64_t bytes = l->rung[0].capacity;

	for (unsigned i = 1; i < l->n; i++)
		bytes += load(&t->rung[i].memory) & RUNG_UNKNOWN ? l->rung[i].capacity
								 : ladder_memory(l, t, i);
	return bytes;
}

bool ladder_is_free(const struct layout_rung *rung, uint64_t head)
{
	return load(&rung->limit) < head || !load(&rung->limit);
}

/* ---- changing ---- */

void ladder_prepare(struct layout_rung *from, struct layout_rung *to, uint64_t pos, uint64_t next)
{
	atomic_store_explicit(
		&to->skipped, load(&from->skipped) + next - pos, memory_order_relaxed);
	atomic_store_explicit(&to->start, next, memory_order_relaxed);
	/* Release: after the start, see ladder_find(). */
	atomic_store_explicit(&to->limit, LADDER_OPEN, memory_order_release);
	atomic_store_explicit(&from->limit, pos | 1, memory_order_release);
}

int ladder_repair(const struct ladder *l, struct layout_ladder *t, uint64_t pos)
{
	int rung = ladder_find(l, t, pos);

	if (rung < 0)
		return -EBADMSG;
	for (unsigned i = 0; i < l->n; i++)
		if (i != (unsigned)rung && load(&t->rung[i].start) > pos)
			atomic_store_explicit(&t->rung[i].limit, 0, memory_order_relaxed);
	atomic_store_explicit(&t->rung[rung].limit, LADDER_OPEN, memory_order_release);
	return 0;
}
