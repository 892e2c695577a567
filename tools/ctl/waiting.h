/* SPDX-License-Identifier: MIT */
/*
 * Waiting for conditions of channels, any or all of them.
 *
 * Each is looked at when something was heard of its channel, on one inotify instance for
 * all: the bell that was armed before the last look (channel/watch.h), an endpoint's file
 * that was opened or closed, names that come and go.  An endpoint is there a moment after its
 * file was opened, and gone a moment after it was closed, so a condition on endpoints is
 * looked at again after a millisecond, after two more, after four more and so on: it is
 * noticed late by no more than the endpoint took.  What nobody reports is looked at in
 * intervals: messages of a channel that this user may not write, and all if there is no
 * inotify.
 */
#ifndef SHMCHAN_CTL_WAITING_H
#define SHMCHAN_CTL_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/channel.h"
#include "ctl/condition.h"

/* One condition of one channel.  The caller sets the first two. */
struct wish {
	const char *name;
	struct condition cond;
	bool holds; /* when it was last looked at */
	int err;    /* why it can't come true any more, or 0: as waiting_for() */

	/* private */
	struct ctl_channel ch;
	bool open;
	int watch;     /* its number, or -1 */
	bool heard;    /* something, since the last look */
	bool unheard;  /* nobody reports what it needs */
	int64_t again; /* look then in any case, or CHAN_WAIT */
	int64_t pause; /* before the look after that */
};

/* Returns 1 or 0, or a negative errno: whether a condition on a name holds; what has the name
 * may be unreadable. */
int waiting_name_holds(const struct condition *cond, const char *name);

/*
 * Wait until any or all of them hold; all hold in one look at all.  Returns 0, or
 *   -ETIMEDOUT   at the deadline
 *   -EINTR       after a signal
 *   -ECANCELED   what is awaited can't come true, or a channel can't be opened: `err` of
 *                one, or of each, says why, -EPIPE for a channel that is closed, -ENOENT for
 *                one that is not there
 */
int waiting_for(struct wish *all, int n, bool any, int64_t deadline);

/* Leave the channels. */
void waiting_done(struct wish *all, int n);

#endif
