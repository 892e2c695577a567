/* SPDX-License-Identifier: MIT */
/* What a channel's options mean: defaults, limits, and the geometry of the segment that
 * follows from them.  What only one kind says of them is in its table (delivery.h). */
#ifndef CHAN_OPTIONS_H
#define CHAN_OPTIONS_H

#include "segment/geometry.h"
#include "shmchan.h"

/* Work out the options in full (every default filled in) and their geometry: 0, or -EINVAL
 * and the detail.  `opt` may be NULL. */
int options_resolve(
	const struct chan_options *opt, struct chan_options *full, struct geometry *ret);

/* Compare what `opt` asks for, by another value than 0, with what the channel is.  The
 * first difference becomes the detail of -EEXIST. */
void options_compare(const struct chan_options *opt, const struct chan_options *is);

#endif
