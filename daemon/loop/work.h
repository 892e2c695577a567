/* SPDX-License-Identifier: MIT */
/*
 * What can take long, done beside the loop: taking and giving back memory, waiting
 * for a lock or a message.
 *
 * Each piece of work has a thread of its own as long as it lasts, so no piece waits
 * for another; how many there are is bounded by who starts them.  run() is called in
 * that thread and touches nothing but its work, and done() then in the loop's, as
 * everything else.
 */
#ifndef CHAND_WORK_H
#define CHAND_WORK_H

struct loop;

struct work {
	void (*run)(struct work *work);
	void (*done)(struct work *work);

	struct work *next; /* work.c */
};

int work_init(struct loop *loop);

/* Now; if the system has no thread to give, as soon as it has one. */
void work_start(struct work *work);

/* The end: wait for all of it, and call done() for each. */
void work_finish(void);

#endif
