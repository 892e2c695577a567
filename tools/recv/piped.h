/* SPDX-License-Identifier: MIT */
/*
 * chanrecv --pipe: children that are kept running.  Each reads framed messages on its stdin, and
 * writes a line to its descriptor 3 for each that it is done with: the message's number (the
 * `seq` of jsonl), and perhaps a space and an exit status, which then settles the message as
 * that of a child would.  An empty line is the oldest message that it has.
 *
 * A child has --batch messages at once, one by default.  One that has had a message for
 * PIPED_SILENCE and has not yet been done with any is reported: perhaps COMMAND does not know of
 * descriptor 3.
 */
#ifndef SHMCHAN_PIPED_H
#define SHMCHAN_PIPED_H

#include "recv/settle.h"

enum { PIPED_FD = 3 };
#define PIPED_SILENCE INT64_C(10000000000)

/* Returns how many messages the emptiest child may take, or a new one, if there may be. */
unsigned piped_room(const struct exec_options *x);

/* Feed n tasks, which there is room for, to one child.  Returns 0, or a negative errno: then
 * `*fed` of them are fed, and no others. */
int piped_feed(const struct exec_options *x, struct task **tasks, unsigned n, unsigned *fed);

/* No more messages come: each child has end of file behind those that it was fed. */
void piped_finish(void);

#endif
