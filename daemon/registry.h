/* SPDX-License-Identifier: MIT */
/*
 * The channels of the bus.
 *
 * What outlives chand is in files: the segments, and for each requested channel a
 * file with its spec, RUNTIME/channels/NAME.conf, written before the segment is
 * made.  So a chand that is killed at any instruction leaves either a file without
 * a segment, which the next one deletes, or a channel, which it takes up.
 */
#ifndef CHAND_REGISTRY_H
#define CHAND_REGISTRY_H

#include "loop.h"
#include "spec.h"

enum origin {
	ORIGIN_DECLARED,
	ORIGIN_REQUESTED,
	ORIGIN_ADOPTED, /* it was there, and is this bus's user's */
};

struct channel {
	struct spec spec;
	enum origin origin;
	chan_t *ch;	  /* an observer */
	uint64_t segment; /* bytes */
	char *file;	  /* of a declaration, or NULL */

	/* supervise.c */
	int wd;
	struct chan_endpoint *ends; /* when last looked at */
	unsigned n;
	struct timer settle, linger, poll;
	int64_t settle_step;
	bool recovering, recover_again; /* a thread is at it; and once more after that */
	bool ready;			/* its file in RUNTIME/ready is there */
	bool gone;			/* no more in the registry; freed when the thread is done */
	uint64_t deaths, redelivered;
};

/* Take up what is there, then make what is declared. */
int registry_start(void);

/* Read the configuration again; what is unchanged is not touched. */
void registry_reload(void);

/* The end: remove what lives only while chand runs. */
void registry_stop(void);

/* A requested channel: 0, or a negative errno and `why`. */
int registry_create(const struct spec *spec, char *why, size_t size);
int registry_remove(struct channel *channel, char *why, size_t size);

/* A segment of ours with that name appeared, or may have. */
void registry_appeared(const char *name);
/* The channel's name is gone; the structure too, when this returns. */
void registry_lost(struct channel *channel);
void channel_free(struct channel *channel);

struct channel *registry_find(const char *name);
/* The first after `name` in their order ("": the first), or NULL. */
struct channel *registry_after(const char *name);
size_t registry_count(void);
/* Call fn for each; it may not change the registry. */
void registry_each(void (*fn)(struct channel *channel, void *arg), void *arg);

void registry_usage(uid_t uid, uint64_t *channels, uint64_t *bytes);

const char *origin_name(enum origin origin);

#endif
