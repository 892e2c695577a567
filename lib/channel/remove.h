/* SPDX-License-Identifier: MIT */
#ifndef CHAN_REMOVE_H
#define CHAN_REMOVE_H

#include "segment/segment.h"

/* End the channel of a segment whose name was removed. */
void segment_end(const struct segment *s);

/* Check that a segment that was just opened may be used.  Returns 0, or
 *
 *   -ESTALE  its channel has been removed, and the name may lead elsewhere by now
 *   -ENOENT  its channel had been removed; its name has been, just now
 *   -EIDRM   its channel has been removed, and the name can't be
 */
int segment_refuse_removed(const struct segment *s);

#endif
