/* SPDX-License-Identifier: MIT */
/*
 * One thread for all receivers: each has its turn when its channel may have something, and
 * while none has, it waits for all channels at once, and for what else ends a run: signals,
 * and a reader of stdout that went away.
 *
 * It waits with a set (chan_set_create()), in which those that had a turn come last; with
 * --biased the first of those that are ready has a turn, and then they are asked again.
 * Where no set can be had, it waits with chan_select() for a moment, again and again.
 */
#ifndef SHMCHAN_RECV_ROUNDS_H
#define SHMCHAN_RECV_ROUNDS_H

#include "recv/receiver.h"

/* Let the receivers have turns until all have an outcome or the run ends.  Returns the exit
 * status, but for their outcomes. */
int rounds_receive(struct run *run, struct receiver *receivers, int count);

#endif
