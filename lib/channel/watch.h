/* SPDX-License-Identifier: MIT */
/*
 * Watching a channel from outside: how an observer learns that it should look again, though
 * it waits in no call and takes no message.
 *
 * It listens to the segment's bell (segment/bell.h), by which it also hears who goes and
 * that the name may be gone.  For what the endpoints do with messages it arms the bell, and
 * looks after that: whatever changed before is seen, and whatever changes later rings.  Who
 * rings has cleared the bit, so it is armed again before each look.  A bit that a dead
 * watcher leaves costs the next endpoint one ring.
 */
#ifndef CHAN_WATCH_H
#define CHAN_WATCH_H

#include "channel/handle.h"
#include "segment/bell.h"

/* What the bell is to be rung for; the end of the channel rings for either. */
enum {
	WATCH_MORE = 1u << 0, /* a message comes, or comes back */
	WATCH_LESS = 1u << 1, /* room is freed */
};

/*
 * Arm the bell.  The caller must look at the channel after this.  In a rendezvous a sender
 * that may not wait takes a watcher for a receiver, and waits 10 ms for it.  Returns 0, or
 *
 *   -EACCES, -EROFS  the observer may not write: nobody rings for it
 *   -ENOTCONN        it is the parent's
 */
int channel_watch(struct chan *ch, unsigned what);

#endif
