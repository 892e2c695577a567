/* SPDX-License-Identifier: MIT */
/*
 * A subscriber of a broadcast: the calls of receivers, of which none takes a lock of the
 * channel.
 *
 * A receive copies the message at its position, looks whether it was still kept then, and
 * moves the position on.  For threads that share the endpoint,
 * the handle has one of its own, in memory of the process.
 *
 * In place.  What is taken moves only the handle's position; the entry's, up to which the
 * subscriber holds the ring, follows when it is acknowledged.  So to acknowledge is
 * cumulative, and to give back is to go back.
 *
 * Readers.  A subscriber without the right to write has no entry: it loses what it is too
 * late for.  It sleeps as a reader of the latest value does (value.h).
 */
#ifndef CHAN_SUBSCRIBER_H
#define CHAN_SUBSCRIBER_H

#include "channel/receiver.h"
#include "kind/broadcast.h"

/* What the handle knows of its subscription.  One thread at a time is in it, which guards all
 * but `told`. */
struct subscription {
	_Atomic uint32_t busy;
	struct layout_cond left;	 /* threads that wait for their turn */
	struct ring ring;		 /* a view: `rx` is this one's own */
	struct layout_subscriber *entry; /* NULL: a reader */
	bool group;
	struct broadcast_place at;   /* what comes next */
	struct broadcast_place done; /* what is before it is received or acknowledged */
	uint64_t taken;		     /* the end of the last message that was taken */
	uint64_t received;	     /* the end of the last that was received behind it */
	uint64_t uncounted;	     /* lost, as it was told, and not yet counted in the segment */
	_Atomic uint64_t told;	     /* how many were lost, as of the last -EOVERFLOW */
};

/* Check what chan_subscribe() was given (or NULL), and fill it in: 0, or -EINVAL. */
int subscription_resolve(const struct chan_subscription *how, struct chan_subscription *full);

/* Returns true if the endpoint, as it asked to subscribe, needs no right to write. */
bool subscription_reads_only(const struct chan *ch);

/* Fill in what the channel says where the subscription doesn't: 0; or -EINVAL or -EPERM, if
 * the channel does not allow it. */
int subscription_settle(const struct chan *ch, struct chan_subscription *how);

/* Free what a handle knows. */
void subscription_free(struct subscription *s);

#endif
