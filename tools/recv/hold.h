/* SPDX-License-Identifier: MIT */
/*
 * chanrecv --hold CHANNEL -- COMMAND: COMMAND runs while one message is taken, which goes back
 * to the channel then.  So the channel is a semaphore, whose count is the messages in it, and
 * a holder that is killed gives back what it held.
 *
 * COMMAND has the stdin, stdout and process group of this process.
 */
#ifndef SHMCHAN_HOLD_H
#define SHMCHAN_HOLD_H

#include "recv/receiver.h"

/* Returns the exit status, that of COMMAND or 128 and the number of the signal that killed it,
 * unless the receiver has an outcome, and COMMAND did not run. */
int hold_run(struct receiver *r);

#endif
