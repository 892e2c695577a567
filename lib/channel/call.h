/* SPDX-License-Identifier: MIT */
/*
 * Requests and their replies.
 *
 * A request is a message with the address of its client's inbox (inbox.h) and a number.  A
 * server takes it, and what it replies carries that number.  So the request's whole life is
 * that of a leased message, and nothing else can be left by a death:
 *
 *   the server dies   the request is ready again.  If it was to be tried once only
 *                     (CHAN_META_ONCE), nobody is to get it: the next one that takes it says
 *                     so to the client, in place of a reply; or the client, that looks
 *                     itself, takes it out (kind.remove).  Either has the receivers' lock,
 *                     so it is one of them
 *   the client dies   its inbox has no receiver: replies are dropped
 *
 * The client forgets a number with the last reply, a cancellation, or an error; what comes
 * with a number that it does not know is dropped.  So each call has one result.
 */
#ifndef CHAN_CALL_H
#define CHAN_CALL_H

#include "shmchan.h"

#include <stdbool.h>

/* Free what the endpoint asked; it is about to be detached. */
void calls_free(chan_t *ch);

/* Let chan_interrupt() reach a wait for replies.  Async-signal-safe. */
void calls_interrupt(chan_t *ch, bool on);

#endif
