/* SPDX-License-Identifier: MIT */
/*
 * chanrecv CHANNEL -- COMMAND: it takes one message at a time and runs a
 * child for it (child.h), whose exit status says what becomes of the message.
 */
#ifndef SHMCHAN_WORKER_H
#define SHMCHAN_WORKER_H

#include "recv/receiver.h"

/* Work on the channel until the receiver has an outcome. */
void worker_run(struct receiver *r);

#endif
