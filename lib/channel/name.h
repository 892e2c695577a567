/* SPDX-License-Identifier: MIT */
/* Noticing that the channel's name is gone.  The model is in remove.c. */
#ifndef CHAN_NAME_H
#define CHAN_NAME_H

#include "channel/handle.h"

/* Look whether the channel has lost its name.  Returns true if it has and nobody noticed
 * before; the channel is then marked as removed, or, if it can't be written, the
 * handle. */
bool channel_notice(struct chan *ch);

/* Do the same, unless it was done less than a second before `now`. */
bool channel_look_for_name(struct chan *ch, int64_t now);

#endif
