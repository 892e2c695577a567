/* SPDX-License-Identifier: MIT */
/* Giving back the leases of endpoints that are gone.  The receivers' lock is held. */
#ifndef CHAN_RECLAIM_H
#define CHAN_RECLAIM_H

#include "channel/handle.h"

/* Returns true if no live endpoint receives in that slot: what it held is given back.  `arg`
 * is the caller's struct chan. */
bool slot_abandoned(uint32_t slot, void *arg);

/* Make all leases of endpoints that are gone ready again: how many, or
 *
 *   -EBADFD   the program closed the endpoint's descriptor: the kernel can't be asked
 *   -EBADMSG  the channel is damaged
 */
int reclaim_leases(struct chan *ch);

/* Do the same, but only if the holder of the oldest record is gone.  That holder is looked
 * for when the record comes to the front, and then every few milliseconds: a killed one is
 * noticed that much later. */
int reclaim_front(struct chan *ch);

#endif
