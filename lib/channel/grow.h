/* SPDX-License-Identifier: MIT */
/* Channels that grow and give the memory back: when, and by how much.  How is in
 * core/ladder.h. */
#ifndef CHAN_GROW_H
#define CHAN_GROW_H

#include "channel/handle.h"

/* How long more than a smaller ring holds must not have been needed, before a channel goes
 * back to that and gives memory back, ns. */
#define GROW_QUIET INT64_C(2000000000)

/*
 * Make room for a record of `length` after ring_room() returned -EAGAIN, the senders' lock
 * held.  Returns 0, and sender_try() has room then, or
 *
 *   -EAGAIN  the channel is at its maximum, or receivers are still in the rings that are left;
 *            or `waits`, and there is no memory, so that receivers have to make room
 *   -ENOSPC, -EDQUOT, -EFBIG, -EBADFD, ...   there is no memory
 */
int channel_grow(struct chan *ch, uint64_t length, bool waits);

/* A sender pauses, its lock held: go back to a smaller ring, or give memory back, if it is time
 * for that.  Returns true if the senders' position moved. */
bool channel_settle(struct chan *ch);

/* Returns true if there is something to give back, now or later. */
bool channel_has_grown(const struct chan *ch);

/* Give back what is not needed, no lock held; `at_once`: also without a quiet while.  Never
 * waits: if a lock is not free, somebody is at work. */
void channel_give_back(struct chan *ch, bool at_once);

/* Fill in what chan_stat() shows. */
void channel_growth(const struct chan *ch, struct chan_stat *st);

#endif
