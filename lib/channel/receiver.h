/* SPDX-License-Identifier: MIT */
/* What receiving messages (receive.h) and values (value.h) have in common. */
#ifndef CHAN_RECEIVER_H
#define CHAN_RECEIVER_H

#include "channel/handle.h"

/* Find out whether the channel ends with its last sender and that one is gone: 0 and *ret,
 * or -EBADFD. */
int receiver_senders_gone(struct chan *ch, bool *ret);

/* Do as condition.abandoned, for a receiver. */
bool receiver_abandoned(struct chan *ch);

/* Return -EMSGSIZE, and set the detail. */
int receive_too_long(uint64_t length, size_t size) OUT_OF_LINE;

#endif
