/* SPDX-License-Identifier: MIT */
/*
 * Messages with a header (CHAN_META): the calls of their senders and of a queue's receivers.
 *
 * To the ring a message and its header are the bytes of one record (kind/envelope.h).  A receiver
 * that finds a record ready reads the header, and then
 *
 *   delivers it
 *   removes it, and counts it, if its time is over or the header makes no sense
 *   sends it to the channel for dead messages first, if its time is over and there is one (dead.h)
 *   sets it aside, if it is not due yet (delay.h)
 *   tells the client, if it is a request that must not be delivered again (call.h)
 *
 * and looks further.  This is decided under the receivers' lock, each time anew: nothing in the
 * segment says what was found.
 */
#ifndef CHAN_HEADED_H
#define CHAN_HEADED_H

#include "channel/handle.h"
#include "channel/limit.h"

/* What is to become of a message. */
enum headed_fate {
	HEADED_DELIVER,
	HEADED_EARLY, /* it is not due yet */
	HEADED_EXPIRED,
	HEADED_MALFORMED,
	HEADED_BROKEN,
};

/* A message as found. */
struct headed {
	struct ring_item it; /* the record's */
	struct layout_meta meta;
	const void *data; /* the message */
	uint64_t length;
	int64_t wait; /* ns until it is due */
};

/* Read the header of h->it, and fill in the rest, unless it is malformed. */
enum headed_fate headed_look(const struct chan *ch, struct headed *h);

/* Set *ret to what callers see of a message in its `attempt`-th delivery: 0 or -EBADMSG. */
int headed_show(
	const struct chan *ch, const struct headed *h, uint32_t attempt, struct chan_meta *ret);

#endif
