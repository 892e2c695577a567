/* SPDX-License-Identifier: MIT */
/* Where things are in a segment, and how large they may be. */
#ifndef CHAN_GEOMETRY_H
#define CHAN_GEOMETRY_H

#include <stdint.h>

#define GEOMETRY_CAPACITY_MAX (UINT64_C(1) << 46)
#define GEOMETRY_MESSAGE_MAX (UINT32_C(1) << 31)

struct geometry {
	uint64_t capacity;    /* of the ring, whole pages */
	uint64_t ring_offset; /* whole pages */
	uint64_t size;	      /* of the segment's file */
	uint32_t max_message; /* with its header, if messages have one */
	uint32_t endpoints;
	uint32_t subscribers;  /* entries of that table; 0: there is none */
	uint32_t dedup;	       /* how many ids are remembered */
	uint64_t max_capacity; /* of a ring that may grow, whole pages; else 0 */
	uint32_t lanes;	       /* 1: it has none but itself */
};

/* Round up to whole pages. */
uint64_t geometry_pages(uint64_t bytes);

/* Lay out a ring of `capacity`, which is whole pages, behind tables of `endpoints`, of
 * `subscribers` and of ids. */
struct geometry geometry_of(uint64_t capacity, uint32_t max_message, uint32_t endpoints,
	uint32_t subscribers, uint32_t dedup);

/* Return where the table of subscribers is. */
uint64_t geometry_subscribers(const struct geometry *g);

/* Return where the table of ids is. */
uint64_t geometry_ids(const struct geometry *g);

/* Let the ring grow up to `max_capacity`, which is whole pages and more than its capacity. */
void geometry_grow(struct geometry *g, uint64_t max_capacity);

/* Let there be so many lanes; it does not grow. */
void geometry_split(struct geometry *g, uint32_t lanes);

/* Return where lane `i` begins in the file. */
uint64_t geometry_lane(const struct geometry *g, uint32_t i);

/* Return the bytes of memory that the segment has from the start. */
uint64_t geometry_memory(const struct geometry *g);

/* Return the bytes of the largest ring there can be. */
uint64_t geometry_largest(const struct geometry *g);

/* Check a geometry that was read from a segment: 0, or -EBADMSG if it makes no sense. */
int geometry_check(const struct geometry *g);

#endif
