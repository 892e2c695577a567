/* SPDX-License-Identifier: MIT */
/*
 * Expired messages of a channel that has another one for dead messages
 * (chan_options.dead_letter).
 *
 * A receiver that finds one leases it, leaves the lock, sends a copy there without waiting, and
 * then ends the lease: the message is removed and counted.  If it is killed in between, the next
 * receiver finds the message expired again: a letter may come twice, and none is lost.  What can't
 * be sent, since the other channel is missing, full or not to be written to, is buried: nothing is
 * lost, nobody waits, and whoever kicks it has it tried again.
 *
 * Whose channels.  Another user's channel must not make this process write where that user may
 * not: so letters of another user's channel go to channels of that user only.
 */
#ifndef CHAN_DEAD_H
#define CHAN_DEAD_H

#include "channel/handle.h"

/* Returns true if expired messages go to another channel. */
static inline bool dead_letters_wanted(const struct chan *ch)
{
	return ch->segment.header.dead_letter[0];
}

/* The endpoint has just leased an expired message with this header (NULL: a peer has spoiled it),
 * which was delivered `attempts` times before: be done with it.  No lock is held. */
void dead_expired(struct chan *ch, const struct chan_lease *lease, const struct chan_meta *meta,
	uint32_t attempts);

/* Leave the channel for dead messages; the endpoint is about to be detached. */
void dead_free(struct chan *ch);

#endif
