/* SPDX-License-Identifier: MIT */
/*
 * Watching over a channel.
 *
 * inotify on its segment says that somebody came or went, its endpoint table says which
 * process that was, and a pidfd of each process says that it died.  After a death the
 * channel is recovered (recovery.h), beside the loop, which wakes everybody.
 *
 * What the watch misses costs only time: the library's users repair by themselves, and
 * the endpoints are compared at every close of a segment.  But since those that wait rely
 * on being woken (guard.h), nothing may be missed that can leave one of them asleep: each
 * close of a segment, whosever it was, wakes all when the kernel is done with it.
 */
#ifndef CHAND_WATCH_H
#define CHAND_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/endpoints.h"

struct channel;

/* What the watch reports. */
struct watch_reports {
	/* The channel's name is gone, or its time is over.  It has to be removed here. */
	void (*lost)(struct channel *channel);
	/* A segment of the bus's user with that name has appeared, or may have. */
	void (*appeared)(const char *name);
	/* Events were lost: any name may have appeared. */
	void (*missed)(void);
};

/* Begin.  Returns 0, -ERROR_NO_INOTIFY, -ERROR_NO_WATCH, or another negative errno. */
int watch_start(const struct watch_reports *reports);

/* Nothing is watched from now on. */
void watch_stop(void);

/* Watch over the channel, which is open and has an activation.  Returns 0, or
 *   -EEXIST            it is another name of a file that is watched
 *   -ERROR_NO_WATCH    the system has no further watch
 *   other              a negative errno */
int watch_add(struct channel *channel);
void watch_remove(struct channel *channel);

/* Compare the channel's endpoints now, and do what follows.  The channel may be lost
 * during this call. */
void watch_update(struct channel *channel);

/* The channel's live endpoints, as they were when they were last compared. */
const struct endpoints *watch_endpoints(const struct channel *channel);

/* Returns how many endpoints of the channel were seen to die. */
uint64_t watch_deaths(const struct channel *channel);

/* Returns whether somebody who may write the channel changed the size of its segment: it
 * can't be opened any more. */
bool watch_resized(const struct channel *channel);

/* Counters of all channels since the start. */
struct watch_totals {
	size_t processes;     /* watched now */
	uint64_t deaths;      /* endpoints seen to die */
	uint64_t recoveries;  /* done */
	uint64_t redelivered; /* messages given back */
};

struct watch_totals watch_totals(void);

#endif
