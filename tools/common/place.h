/* SPDX-License-Identifier: MIT */
/*
 * Opening a channel that has no place just now: all endpoints are taken (-EUSERS), or
 * another endpoint holds the side exclusively or uses the group (-EBUSY).  Both may end, as a
 * channel may stop being full, so a tool waits for a place as long as it would wait for room.
 */
#ifndef SHMCHAN_PLACE_H
#define SHMCHAN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "shmchan.h"

/*
 * Call chan_open(), or chan_subscribe() where `how` is not NULL, until it succeeds or `deadline`
 * comes (CHAN_WAIT: never), or once if `nowait`.  After a second a warning says what it waits for;
 * on failure an error line says why.
 *
 * Returns the exit status: 5 with `nowait`, 124 at the deadline.
 */
int place_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt,
	const struct chan_subscription *how, int64_t deadline, bool nowait);

#endif
