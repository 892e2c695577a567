/* SPDX-License-Identifier: MIT */
/*
 * Recovering a channel after a death: chan_recover().  It may have to wait for a lock,
 * so it is work beside the loop (loop/work.h), one piece for a channel at most: nobody
 * can keep the loop, or another channel, waiting.
 */
#ifndef CHAND_RECOVERY_H
#define CHAND_RECOVERY_H

#include <stdbool.h>

#include "loop/work.h"
#include "shmchan.h"

struct recovery {
	chan_t *observer;
	void (*done)(struct recovery *recovery, int result); /* chan_recover()'s */

	/* recovery.c */
	struct work work;
	int result;
	bool running, again;
};

/* Recover the channel; if that is under way already, do it once more afterwards. */
void recovery_start(struct recovery *recovery);

/* Start no further one.  Returns whether one is under way: done() will be called. */
bool recovery_cancel(struct recovery *recovery);

#endif
