/* SPDX-License-Identifier: MIT */
#ifndef CHAN_DETACH_H
#define CHAN_DETACH_H

#include "channel/handle.h"

/* Returns true if an endpoint that is not there any more has detached, so that nothing of
 * it needs repair.  Returns false if it died, and if its slot has been taken since. */
bool channel_detached(const struct chan *ch, const struct chan_endpoint *gone);

#endif
