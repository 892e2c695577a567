/* SPDX-License-Identifier: MIT */
/*
 * The children that run now, each with its stdout and the time that it has.
 *
 * A child leads a process group.  At its time limit (--ttr) the group gets SIGTERM, and SIGKILL
 * after --kill-after, also if it is stopped, or the child has changed its group.
 */
#ifndef SHMCHAN_CHILD_H
#define SHMCHAN_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "recv/capture.h"
#include "recv/exec_options.h"
#include "recv/reactor.h"

/* Part of its owner's structure. */
struct child {
	/* It has ended with this wait status.  `err` is why its output could not be printed, or
	 * 0.  This may free it. */
	void (*ended)(struct child *c, int status, int err);

	bool told;	     /* child_signal_all() reached it */
	bool overran;	     /* its time was over */
	int64_t start, took; /* CLOCK_REALTIME; its run time once it ended, ns */

	/* private */
	const struct exec_options *x;
	pid_t pid;
	struct child *next;
	struct capture capture;
	struct reactor_timer limit;
	int64_t started;
};

/* Start argv with more environment.  It reads from `in`; `extra` is another descriptor for it, or
 * -1, which it has as number `extra_as`.  Both stay the caller's.  Returns 0, or a negative
 * errno, with nothing left of it. */
int child_start(struct child *c, const struct exec_options *x, char *const *argv, char *const *env,
	int in, int extra, int extra_as);

/* Limit its time from now on, as --ttr says, or end the limit. */
void child_limit(struct child *c);
void child_unlimit(struct child *c);

/* Returns how many there are. */
unsigned child_count(void);

/* Wait for those that have ended, without blocking. */
void child_reap(void);

/* Signal all. */
void child_signal_all(int sig);

#endif
