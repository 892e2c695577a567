/* SPDX-License-Identifier: MIT */
#ifndef CHAN_REMOVE_H
#define CHAN_REMOVE_H

#include "segment/segment.h"

/* The segment's name was removed: end its channel. */
void segment_end(const struct segment *s);

/* May a segment be used that was just opened?  Returns 0, or
 *
 *   -ESTALE  its channel has been removed, and the name may lead elsewhere by now
 *   -ENOENT  its channel had been removed; its name has been, just now
 *   -EIDRM   its channel has been removed, and the name can't be
 */
int segment_refuse_removed(const struct segment *s);

#endif
