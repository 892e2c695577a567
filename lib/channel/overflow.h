/* SPDX-License-Identifier: MIT */
/* What a sender does that finds the channel full and may not wait.  The senders' lock is
 * held. */
#ifndef CHAN_OVERFLOW_H
#define CHAN_OVERFLOW_H

#include "channel/handle.h"

/*
 * Do as `policy` says: 0 (look for room again), CHAN_DROPPED (the message at hand was
 * dropped and counted), -EAGAIN (the policy drops nothing), or an error.  `in_place`: there
 * is no message yet, so nothing is dropped.
 */
int overflow_apply(struct chan *ch, uint32_t policy, struct limit *limit, bool in_place);

#endif
