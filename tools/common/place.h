/* SPDX-License-Identifier: MIT */
/*
 * Opening a channel that has no place just now: all endpoints are taken (-EUSERS), or
 * somebody has the side for itself (-EBUSY).  Both pass, as a full channel does, so a
 * tool waits as long as it would wait for that.
 */
#ifndef SHMCHAN_PLACE_H
#define SHMCHAN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "shmchan.h"

/*
 * chan_open(), until `deadline` (CHAN_WAIT: for ever), or without waiting if `nowait`.
 * What it waits for is said after a second.  On failure an error line says why.
 *
 * Returns the exit status: 5 with `nowait`, 124 at the deadline.
 */
int place_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt,
	int64_t deadline, bool nowait);

#endif
