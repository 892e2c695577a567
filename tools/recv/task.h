/* SPDX-License-Identifier: MIT */
/* A message that a worker has taken, and what its parts know of it. */
#ifndef SHMCHAN_TASK_H
#define SHMCHAN_TASK_H

#include <stdint.h>
#include <sys/queue.h>

#include "recv/reactor.h"
#include "recv/receiver.h"

TAILQ_HEAD(task_list, task);

struct task {
	struct receiver *r;
	struct chan_lease lease;
	uint32_t attempt; /* the run that is next, or goes on: 1 at first */

	/* private to settle.c */
	char reason[120]; /* why it is dead */
	struct task *next, *prev;
	struct reactor_timer timer;
	enum { RUNNING, PAUSING, POSTING, HELD, QUEUED } state;

	/* private to order.c */
	struct line *line;
	struct task_list *waits_in;
	TAILQ_ENTRY(task) place;
};

#endif
