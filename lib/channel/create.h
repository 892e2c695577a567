/* SPDX-License-Identifier: MIT */
#ifndef CHAN_CREATE_H
#define CHAN_CREATE_H

#include "channel/handle.h"

/* Prepare this process for opening and making channels: 0, or an error. */
int channels_prepare(void);

/* Make a channel: 0, or an error as chan_create()'s. */
int channel_create(const struct segment_path *path, const struct chan_options *opt);

/* Return the ring that is in a segment. */
struct ring ring_in(const struct segment *s);

#endif
