/* SPDX-License-Identifier: MIT */
/* The end of a CHAN_REF channel that no endpoint uses any more. */
#ifndef CHAN_COLLECT_H
#define CHAN_COLLECT_H

#include "channel/handle.h"

/* Remove the channel's name if nobody is attached, somebody was, and that was longer ago
 * than the channel lingers.  Returns true if the name was removed. */
bool collect_now(const struct segment *s);

/* Do the same with a channel that is not open: 1, 0 or an error, as chan_collect(); and if
 * `unused_too`, also if nobody ever was attached. */
int collect_at(const struct segment_path *path, bool unused_too);

/* Do the same with an endpoint that is there, and open nothing. */
bool channel_collect(struct chan *ch);

#endif
