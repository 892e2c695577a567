/* SPDX-License-Identifier: MIT */
/* The number of a key, by which its lane is found: FNV-1a (Fowler, Noll, Vo), and once more over
 * itself, since few lanes take few of its bits. */
#ifndef CHAN_HASH_H
#define CHAN_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_of(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

#endif
