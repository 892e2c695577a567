/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the messages that a worker has taken.  Each is a task, which is acknowledged,
 * given back, tried again after a pause, or dead.
 *
 * A message that failed is kept under its lease until its pause is over, and goes back to the
 * channel then: whichever worker is free takes it, and its deliveries are counted in the
 * channel, whatever becomes of this process.  Meanwhile the worker goes on with others.
 *
 * A dead message goes to the channel for those, is dropped, or is held under its lease until
 * this process ends.  It is not run again by the next worker, since its deliveries are counted.
 */
#ifndef SHMCHAN_SETTLE_H
#define SHMCHAN_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "recv/task.h"

/* Begin.  `released` is called when a message has gone back to the channel of a receiver, and
 * `stop` when the whole worker has to end with this exit status, `now` without waiting for its
 * children.  Both are called in the middle of things: they only note it. */
void settle_start(const struct exec_options *x, void (*released)(struct receiver *r),
	void (*stop)(int status, bool now));

/* Make a task of a lease, or return NULL if there is no memory. */
struct task *settle_task(struct receiver *r, const struct chan_lease *lease);

/* Returns the lease as people see it: its attempt is the task's. */
struct chan_lease settle_shown(const struct task *t);

/* The task waits for others of its key, or runs now. */
void settle_wait(struct task *t);
void settle_run(struct task *t);

/* Returns true if the message had its deliveries already, and is dead: it is no task any
 * more. */
bool settle_exhausted(struct task *t);

/* Each of these ends the task.  `why` is a few words. */
void settle_ack(struct task *t);
void settle_retry(struct task *t, const char *why);  /* later, if it has deliveries left */
void settle_reject(struct task *t, const char *why); /* it is dead */
void settle_return(struct task *t);		     /* this delivery does not count */

/* End the worker, with this exit status, when its children have ended. */
void settle_stop(int status);

/* The output of a child could not be printed: report it, and end the worker. */
void settle_unprinted(int err);

/* End n tasks as the wait status of their child says; `why` is in place of that, if the child
 * failed for another reason. */
void settle_by_status(struct task **tasks, unsigned n, int status, const char *why);

/* End a task, if its message asks for a reply and the wait status of its child is one: send that,
 * with what the child has written.  Returns false if the status has to decide. */
bool settle_by_reply(struct task *t, int status, const char *data, size_t len);

/* From now on nothing pauses: messages that failed go back at once, those that pause, too. */
void settle_hurry(void);

/* Give back what is held, too.  Call when nothing runs any more. */
void settle_end(void);

/* Returns how many messages have been taken and are neither settled nor held. */
unsigned settle_open(void);
/* Returns how many of those wait for something else than a child. */
unsigned settle_waiting(void);
/* Returns how many of those wait until they can be sent to the channel for dead ones, and sets
 * *why to the negative errno of the last one that could not. */
unsigned settle_stuck(int *why);
/* Returns how many messages have died. */
uint64_t settle_dead(void);

#endif
