/* SPDX-License-Identifier: MIT */
/*
 * The channel for dead messages, chanrecv --dead-letter=CHANNEL.  A message goes there as it
 * is, and if that channel has headers, with the reason.  If it can't be sent now, because the
 * channel is full, closed or missing, it is to be tried again: nothing is dropped.
 */
#ifndef SHMCHAN_DEAD_LETTER_H
#define SHMCHAN_DEAD_LETTER_H

#include <stdbool.h>

#include "shmchan.h"

/* Open it: the exit status.  It has to be a queue: of the other kinds none keeps each message
 * until somebody receives it.  It may be missing, unless it must be there `now`. */
int dead_letter_open(const char *name, bool now);
/* Returns true if the channel is the one that is open. */
bool dead_letter_is(const chan_t *ch);
void dead_letter_close(void);

/* Send the message of a lease, which has this header or none (NULL): 0, or a negative errno, which
 * is reported when it is another than the last time; -EAGAIN if the channel is full, -EMEDIUMTYPE
 * if it is no queue.  If its messages have a header, the letter has that of the message, and the
 * pairs `from`, `attempts` and `reason`. */
int dead_letter_send(const struct chan_lease *lease, const struct chan_meta *meta, const char *from,
	const char *reason);

#endif
