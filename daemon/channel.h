/* SPDX-License-Identifier: MIT */
/*
 * A channel of the bus.
 *
 * registry/ makes it and decides what it is to be; watch/ and activation.c each keep a
 * part of their own with it, which nobody else touches.  Whoever needs the channel, maybe in
 * another thread, holds it; the channel is freed when the last one has released it.
 */
#ifndef CHAND_CHANNEL_H
#define CHAND_CHANNEL_H

#include "config/spec.h"
#include "loop/work.h"

enum origin {
	ORIGIN_DECLARED,
	ORIGIN_REQUESTED,
	ORIGIN_ADOPTED, /* it was there, and belongs to the bus's user */
};

struct channel {
	uint64_t id; /* no other channel had it, not even one of the same name */
	struct spec spec;
	enum origin origin;
	chan_t *observer;
	uint64_t segment; /* bytes, when chand got to know it */
	char *file;	  /* that declares it, or NULL */

	struct watch *watch;	       /* watch/ */
	struct activation *activation; /* activation.c */

	/* channel.c */
	unsigned holders;
	struct work leaving;
};

/* Make one that the caller holds.  The observer belongs to it from now on, also if this
 * fails with -ENOMEM. */
int channel_new(struct channel **ret, const struct spec *spec, enum origin origin, const char *file,
	chan_t *observer);

/* Returns the descriptor with which chand observes the segment; the channel keeps it. */
int channel_descriptor(const struct channel *channel);

/* Returns the bytes of memory that it has now. */
uint64_t channel_memory(const struct channel *channel);

void channel_hold(struct channel *channel);

/* Release it: the last call detaches the observer, in another thread because that may give
 * much memory back, and frees the channel. */
void channel_release(struct channel *channel);

/* Returns the protocol's word for it. */
const char *origin_name(enum origin origin);

#endif
