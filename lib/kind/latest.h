/* SPDX-License-Identifier: MIT */
/* The hot path of receiving the latest value (kind.read); the model is in latest.c. */
#ifndef CHAN_LATEST_H
#define CHAN_LATEST_H

#include "core/ring.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LATEST_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define LATEST_TSAN 1
#endif

/* The commit word: generation << 8 | slot << 1. */
#define GENERATION_SHIFT 8
#define SLOT_SHIFT 1
#define SLOT_MASK 0x7fu

/* A value as read. */
struct kind_value {
	uint64_t seq;
	uint32_t length;
};

static inline uint64_t latest_generation(uint64_t word)
{
	return word >> GENERATION_SHIFT;
}

static inline uint64_t latest_slot(uint64_t word)
{
	return word >> SLOT_SHIFT & SLOT_MASK;
}

static inline bool latest_word_valid(uint64_t word)
{
	return !(word & (1 | (uint64_t)(SLOT_MASK & ~(LAYOUT_SLOTS - 1)) << SLOT_SHIFT));
}

/* What one slot takes.  No two share a pair of lines. */
static inline uint64_t latest_stride(uint64_t max_message)
{
	return (sizeof(struct layout_slot) + max_message + LAYOUT_PAIR - 1) &
	       ~(uint64_t)(LAYOUT_PAIR - 1);
}

static inline struct layout_slot *latest_slot_at(const struct ring *r, uint64_t slot)
{
	return (struct layout_slot *)(void *)(r->data + slot * latest_stride(r->max_message));
}

/* Copy bytes, at least one, that the other side may read or write at the same time: the
 * generation says afterwards whether the copy is good. */
static inline void latest_copy(void *to, const void *from, size_t n)
{
#ifdef LATEST_TSAN
	/* That sanitizer knows no sequence lock: it is shown atomics. */
	for (size_t i = 0; i < n; i++)
		__atomic_store_n((char *)to + i,
			__atomic_load_n((const char *)from + i, __ATOMIC_RELAXED),
			__ATOMIC_RELAXED);
#else
	memcpy(to, from, n);
#endif
}

#define LATEST_SHORT 64u

/* Copy `n` bytes, which are one or two of the type: from both ends. */
#define copy_ends(type, to, from, n)                                                               \
	do {                                                                                       \
		type first_, last_;                                                                \
                                                                                                   \
		memcpy(&first_, from, sizeof(type));                                               \
		memcpy(&last_, from + n - sizeof(type), sizeof(type));                             \
		memcpy(to, &first_, sizeof(type));                                                 \
		memcpy(to + n - sizeof(type), &last_, sizeof(type));                               \
	} while (0)

/* Copy LATEST_SHORT bytes at most, in pieces that may overlap: half of the time of a short
 * copy is the call. */
ALWAYS_INLINE void latest_copy_short(char *to, const char *from, size_t n)
{
#ifdef LATEST_TSAN
	latest_copy(to, from, n);
#else
	struct piece {
		char bytes[16];
	};

	if (likely(n >= 2 * sizeof(struct piece))) {
		size_t last = n - sizeof(struct piece);
		struct piece piece[4];

		memcpy(&piece[0], from, sizeof(*piece));
		memcpy(&piece[1], from + sizeof(*piece), sizeof(*piece));
		memcpy(&piece[2], from + last - sizeof(*piece), sizeof(*piece));
		memcpy(&piece[3], from + last, sizeof(*piece));
		memcpy(to, &piece[0], sizeof(*piece));
		memcpy(to + sizeof(*piece), &piece[1], sizeof(*piece));
		memcpy(to + last - sizeof(*piece), &piece[2], sizeof(*piece));
		memcpy(to + last, &piece[3], sizeof(*piece));
	} else if (n >= sizeof(struct piece)) {
		copy_ends(struct piece, to, from, n);
	} else if (n >= sizeof(uint64_t)) {
		copy_ends(uint64_t, to, from, n);
	} else if (n >= sizeof(uint32_t)) {
		copy_ends(uint32_t, to, from, n);
	} else if (n >= sizeof(uint16_t)) {
		copy_ends(uint16_t, to, from, n);
	} else if (n) {
		*to = *from;
	}
#endif
}

/* Returns true if what was copied of the value at `pos` was not written over meanwhile. */
ALWAYS_INLINE bool latest_still(const struct layout_slot *s, uint64_t pos)
{
	/* Pairs with the release fence in latest_write(). */
	atomic_thread_fence(memory_order_acquire);
	return likely(atomic_load_explicit(&s->generation, memory_order_relaxed) ==
		      latest_generation(pos));
}

/* Do as kind.read. */
ALWAYS_INLINE int latest_copy_out(
	const struct ring *r, uint64_t pos, void *buf, size_t size, struct kind_value *ret)
{
	const struct layout_slot *s;
	uint64_t generation = latest_generation(pos);
	uint32_t length;

	if (unlikely(!latest_word_valid(pos)))
		return -EBADMSG;
	s = latest_slot_at(r, latest_slot(pos));
	/* Acquire: pairs with the release fence of an earlier send, see latest_write(). */
	if (unlikely(atomic_load_explicit(&s->generation, memory_order_acquire) != generation))
		return -ESTALE;
	length = atomic_load_explicit(&s->length, memory_order_relaxed);
	if (likely(length && length <= size && length <= r->max_message))
		latest_copy(buf, s + 1, length);
	/* Pairs with the release fence in latest_write(). */
	atomic_thread_fence(memory_order_acquire);
	if (unlikely(atomic_load_explicit(&s->generation, memory_order_relaxed) != generation))
		return -ESTALE;
	if (unlikely(length > r->max_message))
		return -EBADMSG;
	*ret = (struct kind_value){.seq = generation, .length = length};
	return likely(length <= size) ? 0 : -EMSGSIZE;
}

#endif
