/* SPDX-License-Identifier: MIT */
#ifndef CHAN_DETACH_H
#define CHAN_DETACH_H

#include "channel/handle.h"

void free_handle(struct chan *ch);

/* Of an endpoint that is not there any more: did it detach, so that nothing of it needs
 * repair?  False if it died, and if its slot has been taken since. */
bool channel_detached(const struct chan *ch, const struct chan_endpoint *gone);

#endif
