/* SPDX-License-Identifier: MIT */
/*
 * One creator of a name at a time.
 *
 * Processes that make the same channel at once would each take its memory, and where
 * there is room for one channel, none would get enough.  So a creator claims the name
 * first: it listens on a socket whose address (in the abstract namespace) is made
 * from the name.  The kernel gives an address to one socket, and frees it when its
 * process dies, whatever killed it; nothing is left in any directory.  The others
 * connect, and wait until the connection ends.
 *
 * A claim is advice.  The address can be guessed, so another user may have taken it: the
 * creator that connects sees which user it is, and goes on without a claim.  It also goes
 * on without one after claim_patience(), when the holder is stopped; where there are no
 * sockets; and where the other creator is in another network namespace.  The channel is
 * then made correctly all the same, but memory may be taken twice meanwhile
 * (segment_fill()).
 */
#ifndef CHAN_CLAIM_H
#define CHAN_CLAIM_H

#include "base/descriptor.h"

#include <stdint.h>

/* Return how long to wait for a creator that takes `bytes` of memory: longer than that
 * lasts. */
static inline int64_t claim_patience(uint64_t bytes)
{
	return 1000000000 + (int64_t)(bytes / 2 * 5); /* 10 us a page */
}

/* Claim the name that leads to `file`, or wait for the creator that has claimed it, until
 * `deadline` (CLOCK_MONOTONIC, ns).  Returns true to go on: the name is claimed, or it
 * can't be.  Returns false if the other creator's claim has ended: look whether there is a
 * channel, and call again. */
bool claim_or_await(struct descriptor *claim, const char *file, int64_t deadline);

/* End the claim, if there is one. */
static inline void claim_end(struct descriptor *claim)
{
	descriptor_close(claim);
}

#endif
