/* SPDX-License-Identifier: MIT */
/*
 * The latest value: a send replaces the value, and receivers copy it without a lock.
 *
 * In place of a ring there are LAYOUT_SLOTS slots, and the senders' position is the commit
 * word: it names the slot that has the current value, and its generation.  A sender, the
 * senders' lock held, writes another slot and then stores the word.  If it is stopped or
 * killed before that store, the word still names the old value, whole; the next sender
 * writes the same slot anew.
 *
 * A receiver loads the word, copies the slot, and looks whether the slot still has that
 * generation.  The slots are used in turn, so it has to start over only if LAYOUT_SLOTS - 1
 * values were written while it copied.  It stores nothing, so it needs no right to write.
 *
 * The word is the only authority: neither side has anything to repair.  That a word only
 * grows is what seals need (ring_seal()): it is even, and the generation is in its upper
 * bits.
 *
 * Model-checked in tests/model/latest.pml.  The check of the generation is a sequence lock
 * of each slot (see H.-J. Boehm, "Can seqlocks get along with programming language memory
 * models?", MSPC 2012).
 */
#include "kind/latest.h"
#include "base/errors.h"
#include "core/ring.h"
#include "kind/delivery.h"

#include <inttypes.h>

static_assert(LAYOUT_SLOTS >= 3 && LAYOUT_SLOTS <= SLOT_MASK + 1,
	"a slot is written again two sends after its value was replaced, or later");

static uint64_t word_of(uint64_t generation, uint64_t slot)
{
	return generation << GENERATION_SHIFT | slot << SLOT_SHIFT;
}

/* ---- writing and reading ---- */

static int latest_write(
	struct ring *r, const void *value, uint32_t length, uint64_t count, uint64_t *ret)
{
	uint64_t was = atomic_load_explicit(&r->control->senders.position, memory_order_relaxed);
	uint64_t generation = latest_generation(was) + count;
	uint64_t slot = (latest_slot(was) + 1) % LAYOUT_SLOTS;
	struct layout_slot *s = latest_slot_at(r, slot);

	if (unlikely(!latest_word_valid(was)))
		return -EBADMSG;
	/* A receiver that finds this finds the word moved on: the slot's value was replaced
	 * two sends ago at least, and the fence of the send before pairs with the acquire of
	 * the generation in latest_copy_out(). */
	atomic_store_explicit(&s->generation, 0, memory_order_relaxed);
	/* Pairs with the acquire fence in latest_copy_out(): a receiver whose copy has any byte of
	 * this value sees that the slot has not its generation any more. */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&s->length, length, memory_order_relaxed);
	if (length)
		latest_copy(s + 1, value, length);
	atomic_store_explicit(&s->generation, generation, memory_order_relaxed);
	*ret = word_of(generation, slot);
	/* The commit.  Release: pairs with the acquire of the position (ring_limit()), so
	 * whoever sees the word sees the slot, whole. */
	atomic_store_explicit(&r->control->senders.position, *ret, memory_order_release);
	return 0;
}

static int latest_read(
	const struct ring *r, uint64_t pos, void *buf, size_t size, struct kind_value *ret)
{
	return latest_copy_out(r, pos, buf, size, ret);
}

/* ---- looking ---- */

static void latest_count(const struct ring *r, struct chan_stat *st)
{
	uint64_t word = ring_limit(r);

	st->sent = latest_generation(word);
	st->depth = st->sent > 0;
	st->used = st->depth && latest_word_valid(word)
			   ? atomic_load_explicit(&latest_slot_at(r, latest_slot(word))->length,
				     memory_order_relaxed)
			   : 0;
}

static int latest_valid(struct ring *r)
{
	uint64_t word = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);
	const struct layout_slot *s = latest_slot_at(r, latest_slot(word));

	if (!latest_word_valid(word))
		return -EBADMSG;
	if (latest_generation(word) &&
		(atomic_load_explicit(&s->generation, memory_order_relaxed) !=
				latest_generation(word) ||
			atomic_load_explicit(&s->length, memory_order_relaxed) > r->max_message))
		return -EBADMSG;
	return 0;
}

/* ---- what it has not ---- */

/* A value that was not committed is in a slot that nobody looks at. */
static int latest_repair_senders(struct ring *r)
{
	return latest_word_valid(
		       atomic_load_explicit(&r->control->senders.position, memory_order_relaxed))
		       ? 0
		       : -EBADMSG;
}

/* Receivers store nothing. */
static int latest_repair_receivers(struct ring *r)
{
	(void)r;
	return 0;
}

static bool latest_free(struct ring *r)
{
	(void)r;
	return false;
}

static int latest_reclaim(struct ring *r, bool (*gone)(uint32_t holder, void *arg), void *arg)
{
	(void)r;
	(void)gone;
	(void)arg;
	return 0;
}

/* ---- options ---- */

#define DEFAULT_MESSAGE (64u << 10)

static uint64_t latest_least_capacity(uint64_t max_message)
{
	return LAYOUT_SLOTS * latest_stride(max_message);
}

static int latest_resolve_sizes(struct chan_options *o)
{
	if (o->capacity)
		return error_because(-EINVAL,
			"capacity: a channel of kind latest has none, and %" PRIu64
			" is asked for; its size follows from max_message",
			o->capacity);
	if (!o->max_message)
		o->max_message = DEFAULT_MESSAGE;
	o->capacity = latest_least_capacity(o->max_message);
	return 0;
}

static const char *latest_refuse_overflow(uint32_t policy)
{
	return policy == CHAN_DROP_NEWEST || policy == CHAN_DROP_OLDEST
		       ? "a channel of kind latest is never full, so it drops nothing"
		       : NULL;
}

static uint64_t latest_shown_capacity(const struct ring *r)
{
	(void)r;
	return 0;
}

const struct kind kind_latest = {
	.value = CHAN_KIND_LATEST,
	.receive_most = 1,
	.resolve_sizes = latest_resolve_sizes,
	.least_capacity = latest_least_capacity,
	.refuse_overflow = latest_refuse_overflow,
	.shown_capacity = latest_shown_capacity,
	.count = latest_count,
	.repair_senders = latest_repair_senders,
	.write = latest_write,
	.read = latest_read,
	.free = latest_free,
	.reclaim = latest_reclaim,
	.repair_receivers = latest_repair_receivers,
	.valid = latest_valid,
};
