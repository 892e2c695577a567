/* SPDX-License-Identifier: MIT */
/* The end of a CHAN_REF channel that nobody uses any more. */
#ifndef CHAN_COLLECT_H
#define CHAN_COLLECT_H

#include "channel/handle.h"

/* Remove the channel's name if nobody is attached, somebody was, and its time is over:
 * 1 if that was done, else 0. */
int collect_now(const struct segment *s);

/* The same for a channel that is not open: as chan_collect(). */
int collect_at(const struct segment_path *path);

/* chan_collect() with an endpoint that is there: opens nothing. */
int channel_collect(struct chan *ch);

#endif
