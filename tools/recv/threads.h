/* SPDX-License-Identifier: MIT */
/*
 * A thread for each receiver, and the main thread, which waits for what the others can't
 * see: signals, and a reader of stdout that went away.
 */
#ifndef SHMCHAN_RECV_THREADS_H
#define SHMCHAN_RECV_THREADS_H

#include "recv/receiver.h"

/* Let the receivers run until all have ended.  Returns the exit status, but for their
 * outcomes. */
int threads_receive(struct run *run, struct receiver *receivers, int count);

#endif
