/* SPDX-License-Identifier: MIT */
/*
 * The channels of the bus.
 *
 * To make one takes time, by its size, so that is work beside the loop: one channel at
 * a time for each user who asks, and one of those of about one size that are declared.
 * What is there at the start is taken up a few at a time.  A channel is in the registry
 * when it is made or taken up; whoever asks for one before waits for that one, and it
 * comes next.
 *
 * What outlives chand is in files: the segments, and for each requested channel a
 * file with its spec, RUNTIME/channels/NAME.conf, written before the segment is
 * made.  So a chand that is killed at any instruction leaves either a file without
 * a segment, which the next one deletes, or a channel, which it takes up.
 */
#ifndef CHAND_REGISTRY_H
#define CHAND_REGISTRY_H

#include "loop/loop.h"
#include "config/spec.h"
#include "loop/work.h"

enum origin {
	ORIGIN_DECLARED,
	ORIGIN_REQUESTED,
	ORIGIN_ADOPTED, /* it was there, and is this bus's user's */
};

struct channel {
	uint64_t id; /* of this one among all that had its name */
	struct spec spec;
	enum origin origin;
	chan_t *ch;	  /* an observer */
	uint64_t segment; /* bytes */
	char *file;	  /* of a declaration, or NULL */

	/* watch.c */
	int wd;
	struct chan_endpoint *ends; /* when last looked at */
	unsigned n;
	struct timer settle, linger, pause;
	int64_t settle_step;
	uint32_t news; /* inotify's, not looked at yet */
	unsigned closes;
	struct work recovery, await, leave;
	bool recovering, recover_again; /* it is under way; and once more after that */
	int recovered;			/* what it gave */
	bool awaiting;			/* a message, on this observer: */
	chan_t *door;
	bool ready;   /* its file in RUNTIME/ready is there */
	bool resized; /* by somebody who may write it: it can't be opened any more */
	bool gone;  /* no more in the registry; freed when its work is done */
	uint64_t deaths, redelivered;
};

/* Begin to take up what is there and to make what is declared: registry_busy() until that
 * is done.  From then on, news() is called when registry_awaited() may have changed for a
 * name; it may not change the registry. */
int registry_start(void (*news)(const char *name));
bool registry_busy(void);

/* How many are still to be taken up or made. */
size_t registry_unmade(void);

/* Is a channel of that name being made?  Then it is made next, if it is declared.  If it
 * was there at the start, it is taken up now. */
bool registry_awaited(const char *name);

/* Read the configuration again, and call done() when all is as it says, or with a
 * negative errno: what could be read is as it says.  What is unchanged is not
 * touched. */
void registry_reload(void (*done)(int err));

/* The end: remove what lives only while chand runs. */
void registry_stop(void);

/* Make a channel that user `by` asks for.  Once it is there, or is not to be, maybe
 * before this returns, answer(arg, 0) or with a negative errno and `why`. */
void registry_create(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg);
/* Whoever asked, with this `arg`, has given up: answer() is not called any more, and what
 * is made is removed again. */
void registry_cancel(void *arg);
/* The same when it was made, if nobody has used it, and it is still that one. */
void registry_undo(const char *name, uint64_t id);
int registry_remove(struct channel *channel, bool name_only, char *why, size_t size);
/* The same for a name that is not in the registry: of a segment that could not be
 * taken up, if the peer may. */
int registry_remove_other(
	const char *name, bool name_only, const struct peer *peer, char *why, size_t size);

/* A segment of ours with that name appeared, or may have; or any did. */
void registry_appeared(const char *name);
int registry_appeared_any(void);
/* The channel's name is gone; the structure too, when this returns. */
void registry_lost(struct channel *channel);
/* Let go of one that is in no table any more. */
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
