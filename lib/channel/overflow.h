/* SPDX-License-Identifier: MIT */
/* What a sender does if the channel is full and it may not wait.  The senders' lock is
 * held. */
#ifndef CHAN_OVERFLOW_H
#define CHAN_OVERFLOW_H

#include "channel/handle.h"

/*
 * Do as `policy` says.  `in_place`: there is no message yet, so nothing is dropped.
 * Returns 0 (look for room again), CHAN_DROPPED (the message at hand was dropped and
 * counted), or
 *
 *   -EAGAIN   the policy drops nothing
 *   -EBUSY    the receivers' lock was not free
 *   -EBADMSG  the channel is damaged
 *
 * or another error of receivers_visit().
 */
int overflow_apply(struct chan *ch, uint32_t policy, struct limit *limit, bool in_place);

#endif
