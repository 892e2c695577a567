/* SPDX-License-Identifier: MIT */
#ifndef CHAN_DETACH_H
#define CHAN_DETACH_H

#include "channel/handle.h"

/* Free a handle of which nothing is open. */
void free_handle(struct chan *ch);

/* Returns true if an endpoint that is not there any more has detached, so that nothing of
 * it needs repair.  Returns false if it died, and if its slot has been taken since. */
bool channel_detached(const struct chan *ch, const struct chan_endpoint *gone);

#endif
