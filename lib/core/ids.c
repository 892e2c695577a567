/* SPDX-License-Identifier: MIT */
/* The model is in ids.h. */
#include "core/ids.h"

#include <string.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* A store behind which nothing moves that comes before it, so that a death leaves a state that
 * ids_repair() knows.  The repair is its partner, through the lock of the dead owner. */
#define store_behind(p, v) atomic_store_explicit((p), (v), memory_order_release)

static uint32_t buckets_for(uint32_t window)
{
	uint32_t n = 1;

	while (n < window)
		n *= 2;
	return n;
}

uint64_t ids_size(uint32_t window)
{
	return window ? ((uint64_t)window + 1) * sizeof(struct layout_id) +
				buckets_for(window) * sizeof(uint32_t)
		      : 0;
}

struct ids ids_at(void *at, uint32_t window, int64_t age, uint64_t seed)
{
	struct ids ids = {.slot = NULL};

	if (!window)
		return ids;
	ids.slot = at;
	ids.bucket = (void *)(ids.slot + window + 1);
	ids.window = window;
	ids.slots = window + 1;
	ids.mask = buckets_for(window) - 1;
	ids.seed = seed;
	ids.age = age;
	return ids;
}

/* Let each bit change half of the others: shifts and odd factors, twice. */
static _Atomic uint32_t *bucket_of(const struct ids *ids, uint64_t a, uint64_t b)
{
	uint64_t x = a ^ ids->seed;

	x = (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 29) + b;
	x = (x ^ x >> 32) * UINT64_C(0xd1b54a32d192ed03);
	return &ids->bucket[(x ^ x >> 32) & ids->mask];
}

static void halves(const uint8_t id[16], uint64_t half[2])
{
	memcpy(half, id, 16);
}

/* Another time namespace's clock says nothing here: such an id is remembered by number only. */
static bool is_young(const struct ids *ids, const struct layout_id *slot, struct ids_now now)
{
	int64_t sent = load(&slot->sent);

	return !ids->age || load(&slot->clock) != now.clock || sent > now.time ||
	       (uint64_t)now.time - (uint64_t)sent <= (uint64_t)ids->age;
}

bool ids_has(const struct ids *ids, uint64_t next, const uint8_t id[16], struct ids_now now)
{
	uint64_t oldest = next > ids->window ? next - ids->window : 1, before = next, half[2];
	uint32_t i;

	halves(id, half);
	for (i = load(bucket_of(ids, half[0], half[1])); i < ids->slots;) {
		const struct layout_id *slot = &ids->slot[i];
		uint64_t seq = load(&slot->seq);

		if (seq < oldest || seq >= before)
			return false;
		if (load(&slot->id[0]) == half[0] && load(&slot->id[1]) == half[1])
			return is_young(ids, slot, now);
		before = seq;
		i = load(&slot->next);
	}
	return false;
}

void ids_put(const struct ids *ids, uint64_t next, const uint8_t id[16], struct ids_now now)
{
	uint32_t i = (uint32_t)(next % ids->slots);
	struct layout_id *slot = &ids->slot[i];
	_Atomic uint32_t *bucket;
	uint64_t half[2];

	halves(id, half);
	bucket = bucket_of(ids, half[0], half[1]);
	store(&slot->id[0], half[0]);
	store(&slot->id[1], half[1]);
	store(&slot->sent, now.time);
	store(&slot->clock, now.clock);
	store(&slot->next, load(bucket));
	store_behind(&slot->seq, next);
	store_behind(bucket, i);
}

void ids_repair(const struct ids *ids, uint64_t next)
{
	uint32_t i = (uint32_t)(next % ids->slots);
	struct layout_id *slot = &ids->slot[i];
	_Atomic uint32_t *bucket;

	if (load(&slot->seq) != next)
		return;
	bucket = bucket_of(ids, load(&slot->id[0]), load(&slot->id[1]));
	if (load(bucket) == i)
		store(bucket, load(&slot->next));
	store_behind(&slot->seq, 0);
}
