/* SPDX-License-Identifier: MIT */
/* What chand says of the channels that it watches, for those that sleep in them.  The model
 * is in watched.h. */
#ifndef CHAN_COVER_H
#define CHAN_COVER_H

#include <stdint.h>

struct chan;

/* Say that the guard with this number stands for the channel's watch: each death is seen
 * from now on, and those that slept before were woken. */
void channel_cover(struct chan *observer, uint64_t guard);

/* It does so no more: take the mark back, and wake all. */
void channel_uncover(struct chan *observer, uint64_t guard);

#endif
