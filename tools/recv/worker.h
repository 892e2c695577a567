/* SPDX-License-Identifier: MIT */
/*
 * chanrecv CHANNEL... -- COMMAND: messages are taken as children are free for them, each child
 * is given its own (job.h, or piped.h), and its exit status says what becomes of them
 * (settle.h).  One thread waits for all of it (reactor.h).
 *
 * SIGTERM, SIGINT, SIGHUP: with the first no more messages are taken, and what runs may end;
 * the second is passed on to the children as SIGTERM, the third kills them.  SIGUSR1 and
 * SIGUSR2 change the number of children by one.
 */
#ifndef SHMCHAN_WORKER_H
#define SHMCHAN_WORKER_H

#include "recv/receiver.h"

/* Work on the channels until all receivers have an outcome, or the run ends, and nothing is
 * left to do.  Returns the exit status, but for the receivers' outcomes. */
int worker_run(struct run *run, struct receiver *receivers, int count);

#endif
