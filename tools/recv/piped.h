/* SPDX-License-Identifier: MIT */
/*
 * chanrecv --pipe: children that are kept running.  Each reads framed messages on its stdin, and
 * writes a line to its descriptor 3 for each that it is done with: the message's number (the
 * `seq` of jsonl), and perhaps a space and an exit status, which then settles the message as
 * that of a child would.  An empty line is the oldest message that it has.
 *
 * A child has --batch messages at once, one by default.
 */
#ifndef SHMCHAN_PIPED_H
#define SHMCHAN_PIPED_H

#include "recv/settle.h"

enum { PIPED_FD = 3 };

/* Returns how many messages the emptiest child may take, or a new one, if there may be. */
unsigned piped_room(const struct exec_options *x);

/* Feed n tasks, which there is room for, to one child.  Returns 0, or a negative errno: then
 * `*fed` of them are fed, and no others. */
int piped_feed(const struct exec_options *x, struct task **tasks, unsigned n, unsigned *fed);

/* No more messages come: each child that is done has end of file, and so has each other one
 * when it is. */
void piped_finish(void);

#endif
