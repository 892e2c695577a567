/* SPDX-License-Identifier: MIT */
/* The lanes of an endpoint; the model is in lanes.h. */
#ifndef CHAN_STEAL_H
#define CHAN_STEAL_H

#include "channel/lanes.h"

/* Make the handles of the lanes of an endpoint that is attached, or of an observer: 0 or an
 * error. */
int lanes_begin(struct chan *ch);

/* Free them, if there are any.  The endpoint is detached, and the segment still mapped. */
void lanes_free(struct chan *ch);

#endif
