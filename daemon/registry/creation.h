/* SPDX-License-Identifier: MIT */
/*
 * The queue of creations.
 *
 * To make a channel takes time, by its size, so it is work beside the loop.  One channel
 * at a time is made of each lane: a user's requests are a lane, and so are the declared
 * channels of about one size, so that no small one waits for a large one.  Requests wait
 * until everything that was there at the start has been adopted: only then the user's
 * quota is known.
 */
#ifndef CHAND_CREATION_H
#define CHAND_CREATION_H

#include <stdatomic.h>

#include "config/spec.h"
#include "loop/work.h"

struct creation {
	struct spec spec;
	char *file; /* of the declaration; NULL: it is a request */

	/* Of a request: what becomes of it. */
	void (*answer)(void *arg, int err, const char *why);
	void *arg;

	/* The result.  `created`: the segment is new. */
	int err;
	bool created;
	chan_t *observer;

	/* creation.c */
	struct work work;
	uid_t by;      /* of a request */
	uint64_t need; /* bytes */
	int64_t number;
	struct lane *lane;
	enum { CREATION_WAITS, CREATION_BEGINS, CREATION_RUNS } state;
	struct creation *next, *same_hash;
	atomic_bool cancelled; /* the loop's thread sets it, the work's reads it */
};

struct creation_hooks {
	/* Called just before the channel is made.  Returns false if it is not to be made, and
	 * the creation is over; a request has been answered. */
	bool (*begin)(struct creation *creation);
	/* The channel was made, or failed; the observer is handed over.  The creation is in
	 * the queue no more, and is freed afterwards. */
	void (*done)(struct creation *creation);
};

void creation_start(const struct creation_hooks *hooks);

/* Make a channel that is declared.  Returns 0 or -ENOMEM. */
int creation_declare(const struct spec *spec, const char *file);

/* Make a channel that user `by` asks for, and report to answer().  Returns 0 or -ENOMEM. */
int creation_request(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg);

/* The client behind this `arg` has given up: answer() is not called any more, and what
 * is made is removed again. */
void creation_cancel(const void *arg);
bool creation_cancelled(const struct creation *creation);

/* Start what may be started now. */
void creation_run(void);

/* Returns whether a channel of that name is queued or being made; one that is declared
 * comes next. */
bool creation_expedite(const char *name);

/* Returns whether a thread makes a channel of that name now. */
bool creation_runs(const char *name);

/* Returns how many declared channels are still to be made. */
size_t creation_declared(void);

/* Add the requests of this owner that are being made. */
void creation_usage(uid_t owner, uint64_t *channels, uint64_t *bytes);

/* The end: forget what has not begun, and call done() no more.  What is being made is left
 * to the next chand; work_finish() waits for it. */
void creation_stop(void);

#endif
