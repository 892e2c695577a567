/* SPDX-License-Identifier: MIT */
/*
 * Work beside the loop, which can take long: taking and giving back memory, waiting for a
 * lock or a message.
 *
 * Each piece of work has a thread of its own as long as it lasts, so no piece waits for
 * another; whoever starts pieces bounds their number.  run() is called in that thread and
 * touches nothing but its work; then done() is called in the loop's thread, as everything
 * else.
 */
#ifndef CHAND_WORK_H
#define CHAND_WORK_H

struct loop;

struct work {
	void (*run)(struct work *work);
	void (*done)(struct work *work);

	struct work *next; /* work.c */
};

/* Begin.  Returns 0 or a negative errno. */
int work_init(struct loop *loop);

/* Start it now, or, if the system has no thread to give, as soon as it has one. */
void work_start(struct work *work);

/* The end: wait for all of it, and call done() for each. */
void work_finish(void);

#endif
