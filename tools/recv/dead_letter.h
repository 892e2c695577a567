/* SPDX-License-Identifier: MIT */
/*
 * The channel for dead messages, chanrecv --dead-letter=CHANNEL.  A message goes there as it
 * is.  If it can't be sent now, because the channel is full, closed or missing, it is to be
 * tried again: nothing is dropped.
 */
#ifndef SHMCHAN_DEAD_LETTER_H
#define SHMCHAN_DEAD_LETTER_H

#include <stdbool.h>

#include "shmchan.h"

/* Open it: the exit status.  It has to be a queue: of the other kinds none keeps each message
 * until somebody receives it. */
int dead_letter_open(const char *name);
/* Returns true if the channel is the one that is open. */
bool dead_letter_is(const chan_t *ch);
void dead_letter_close(void);

/* Send the message of a lease: 0, or a negative errno, which is reported when it is another
 * than the last time; -EAGAIN if the channel is full, -EMEDIUMTYPE if it is no queue. */
int dead_letter_send(const struct chan_lease *lease);

#endif
