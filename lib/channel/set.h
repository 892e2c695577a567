/* SPDX-License-Identifier: MIT */
/* What the library itself needs of sets beside shmchan.h; the model is in set.c. */
#ifndef CHAN_SET_H
#define CHAN_SET_H

#include "shmchan.h"

/* Add an endpoint for a role, or do nothing if it is there.  To send, it is ready when a
 * message of `len` bytes has room, or of less than that if it was added for less.  Errors as
 * chan_set_add(). */
int set_add(chan_set_t *set, chan_t *ch, unsigned role, size_t len);

#endif
