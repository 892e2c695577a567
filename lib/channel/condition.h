/* SPDX-License-Identifier: MIT */
/* A change that a call waits for: where it is announced, and how to see it. */
#ifndef CHAN_CONDITION_H
#define CHAN_CONDITION_H

#include "channel/spin.h"
#include "core/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct chan;
struct pollable;

struct condition {
	struct layout_cond *cond;
	struct spin *spin; /* NULL: sleep at once */
	/* Returns true if something happened that is worth another look. */
	bool (*changed)(struct chan *ch, uint64_t seen);
	uint64_t seen;
	const void *next; /* where the record comes that it waits for, or NULL */
	bool lags;	  /* it may lag: `seen` is the other side's position (spin.h) */
	int64_t at_most;  /* a sleep ends after so many ns; 0: no bound of this one's */
	/* Called after arming, as that may come nearer until then: returns in how many ns the
	 * change comes by itself, or INT64_MAX.  NULL: it never does. */
	int64_t (*comes_in)(struct chan *ch);
	/* Called after arming, when any later change is sure to wake us: returns true if
	 * nobody is left that could bring the change. */
	bool (*abandoned)(struct chan *ch);
	/* What may listen for the change where the call may not wait, or NULL. */
	struct pollable *pollable;
};

/* After arming: return for how many ns a sleep may last, or INT64_MAX. */
static inline int64_t condition_bound(struct chan *ch, const struct condition *what)
{
	int64_t left = what->comes_in ? what->comes_in(ch) : INT64_MAX;

	return what->at_most && what->at_most < left ? what->at_most : left;
}

#endif
