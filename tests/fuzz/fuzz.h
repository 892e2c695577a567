/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share: taking an input apart, and the ways to spoil a segment.
 *
 * All of a segment may be spoiled but the bytes of the two mutexes: their list
 * links lie in shared memory, and the documentation says that whoever writes those
 * can do worse than ruin a channel.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "core/layout.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the input, taken from the front; zeros when it is used up ---- */

struct input {
	const uint8_t *data;
	size_t left;
};

static inline uint64_t take_bytes(struct input *in, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && in->left; i++, in->left--)
		v = v << 8 | *in->data++;
	return v;
}

static inline uint32_t take_byte(struct input *in)
{
	return (uint32_t)take_bytes(in, 1);
}

/* ---- what must not happen ---- */

#define MUST(cond) ((cond) ? (void)0 : abort())

/* An execution from here on that takes 10 s of the CPU does not end: it aborts. */
void bounded(void);

/* ---- spoiling ---- */

/* Spoil one word of the control block, any but a mutex's: set it, or move it by a
 * little, or to where another one stands. */
void spoil_control(struct layout_control *c, struct input *in);

/* Spoil one word of the entry, as that. */
void spoil_subscriber(struct layout_control *c, struct layout_subscriber *entry, struct input *in);

/* Spoil a record's header, or a byte, in ring[0..capacity-1]. */
void spoil_ring(unsigned char *ring, uint64_t capacity, struct input *in);

/* Spoil a word of ids[0..size-1], the log of ids and its buckets. */
void spoil_ids(void *ids, uint64_t size, struct input *in);

#endif
