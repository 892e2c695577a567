/* SPDX-License-Identifier: MIT */
/*
 * Watching over a channel.
 *
 * Who comes and goes is learnt by inotify on its segment, who they are from its
 * endpoint table, and that one died from a pidfd of its process.  What follows a
 * death, chan_recover(), may have to wait for a lock, so it is work beside the loop
 * (work.h), one piece for a channel at most: nobody can keep the loop, or another
 * channel, waiting.  So is to wait for the first message of an activated channel.
 *
 * What was missed costs only time: the library's users repair by themselves, and
 * every close of a segment is looked at.
 */
#ifndef CHAND_WATCH_H
#define CHAND_WATCH_H

#include "registry/registry.h"

int watch_start(void);

int watch_add(struct channel *channel);
void watch_remove(struct channel *channel);

/* Look at its endpoints now; the channel may be gone afterwards. */
void watch_look(struct channel *channel);

/* How many processes are watched. */
size_t watch_processes(void);

#endif
