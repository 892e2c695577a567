/* SPDX-License-Identifier: MIT */
/* What a channel's options mean: defaults, limits, and the geometry of the
 * segment that follows from them. */
#ifndef CHAN_OPTIONS_H
#define CHAN_OPTIONS_H

#include "shmchan.h"

struct geometry {
	uint64_t capacity;    /* of the ring, whole pages */
	uint64_t ring_offset; /* whole pages */
	uint64_t size;	      /* of the segment */
	uint32_t max_message;
	uint32_t endpoints;
};

/* The options in full (every default filled in) and their geometry, or -EINVAL.
 * `opt` may be NULL. */
int options_resolve(
	const struct chan_options *opt, struct chan_options *full, struct geometry *ret);

/* Is there anything that `opt` asks for, by another value than 0, and the channel has
 * otherwise?  The first such becomes the detail of -EEXIST. */
void options_compare(const struct chan_options *opt, const struct chan_options *is);

/* Does a geometry read from a segment make sense? */
int options_check(const struct geometry *g);

#endif
