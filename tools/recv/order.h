/* SPDX-License-Identifier: MIT */
/*
 * chanrecv --order: messages of a channel with the same key are run one after the other.
 *
 * Those of a key are in a line, in the order in which they were taken, which is the channel's.
 * The first one runs, or pauses after a run that failed; the others stay under their leases until
 * it is settled.  A message that failed is run again by this process, under the same lease: given
 * back, it could come again behind later ones.
 *
 * This is within one process.  Among several, only a channel with lanes by key keeps an order.
 */
#ifndef SHMCHAN_ORDER_H
#define SHMCHAN_ORDER_H

#include <stdbool.h>

#include "recv/task.h"

/* So many messages are taken ahead for each child that may run, to find others that may run. */
enum { ORDER_AHEAD = 32 };

/* Put the task in the line of its key.  Returns 1 if it may run: it is the first, or has no key;
 * 0 if it has to wait; or -ENOMEM. */
int order_enter(const struct exec_options *x, struct task *t);

/* Whether it waits or not: the task does not run any more, nor will.  The next one in its line may.
 * Nothing if it is in none. */
void order_leave(struct task *t);

/* The first one in its line is to be run again. */
void order_again(struct task *t);

/* Returns a task that may run now, once, or NULL. */
struct task *order_next(void);

/* Returns how many wait, or may run and do not yet. */
unsigned order_waiting(void);

#endif
