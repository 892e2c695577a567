/* SPDX-License-Identifier: MIT */
/* chanrecv --peek: the messages that are there, which stay. */
#ifndef SHMCHAN_RECV_PEEK_H
#define SHMCHAN_RECV_PEEK_H

#include "recv/receiver.h"

/* Print the messages of the channel, and set the receiver's outcome. */
void peek_run(struct receiver *r);

#endif
