/* SPDX-License-Identifier: MIT */
/*
 * A subscriber whose messages may be overwritten while it reads them: it copies each.
 *
 * A copy has no number, but there is one order and no gap that is not told: the number of
 * the next message is looked up once, by chan_peek(), and after each gap.  If the receive
 * that follows the look is not told of a gap, the message that was seen is the one received.
 */
#ifndef SHMCHAN_RECV_COPIES_H
#define SHMCHAN_RECV_COPIES_H

#include <stdint.h>

#include "shmchan.h"

/* Set *next to the number of the next message, if it is 0, and wait for one if need be: 0, or
 * an error of chan_recv().  At the end of the channel it stays 0. */
int copies_look(chan_t *ch, void *buf, size_t size, int64_t patience, uint64_t *next);

/* Receive that message: as chan_recv().  *next is then that of the one behind it, or 0. */
ssize_t copies_receive(chan_t *ch, void *buf, size_t size, int64_t patience, uint64_t *next);

#endif
