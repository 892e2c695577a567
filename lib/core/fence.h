/* SPDX-License-Identifier: MIT */
/*
 * A fence whose cost is on the side that does it seldom.
 *
 * A sender publishes and then looks whether somebody sleeps; a receiver announces
 * its sleep and then looks whether something was published.  Each needs a full
 * fence in between, or both may look too early.  An endpoint that takes a lock
 * for each message gets its fence from the lock.  An exclusive endpoint takes
 * none, and a fence would be a third of its time: it only keeps the compiler from
 * reordering (the light side), and an endpoint that goes to sleep, or seals a closed
 * channel, makes the kernel put a full fence on every processor that runs a light one
 * (the heavy side: membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED; some
 * microseconds).  The kernel's documentation says that a compiler barrier on the
 * one side and the call on the other order like two full fences.
 *
 * A shared receiver is light, too, when it acknowledges what it holds at the front: that
 * takes no lock.  Its peers are the senders that go to sleep for room, and receivers that
 * begin to work behind the front (LAYOUT_LIGHT_ACK, kind/queue.h).
 *
 * A light endpoint registers before it sets LAYOUT_LIGHT (full fence): a peer that does
 * not find the bit after its own announcement made that before, so it is seen.  An
 * endpoint that cannot call membarrier (an old kernel, a sandbox) sets
 * LAYOUT_HEAVY_MISSING when it attaches, and light endpoints use real fences from then
 * on.
 */
#ifndef CHAN_FENCE_H
#define CHAN_FENCE_H

#include <stdbool.h>

/* Register this process for the light side.  Returns true if it may be there. */
bool fence_register(void);

/* Returns true if this process can do the heavy side. */
bool fence_can_heavy(void);

/* Make a full fence here and on every processor that runs a light endpoint. */
void fence_heavy(void);

#endif
