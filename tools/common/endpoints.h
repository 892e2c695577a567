/* SPDX-License-Identifier: MIT */
/*
 * The endpoints of a channel, which chanctl monitor and chand read again and again.  A list is in
 * the order of ids, as chan_endpoints() gives it.
 */
#ifndef SHMCHAN_ENDPOINTS_H
#define SHMCHAN_ENDPOINTS_H

#include <stdbool.h>

#include "shmchan.h"

struct endpoints {
	struct chan_endpoint *at; /* allocated, or NULL if there are none */
	unsigned n;
};

/* Read the live endpoints of a channel, of which there may be about `expected`.  Returns
 * 0, or a negative errno with *ret unchanged; free ret->at. */
int endpoints_read(const chan_t *ch, unsigned expected, struct endpoints *ret);

/* Returns true if the two are one endpoint.  Ids and process ids are used again, so neither
 * is enough. */
bool endpoints_same(const struct chan_endpoint *a, const struct chan_endpoint *b);

/* Compare two lists: call came() for each endpoint that is in `now` only, then went()
 * for each that is in `before` only. */
void endpoints_compare(const struct endpoints *before, const struct endpoints *now,
	void (*came)(const struct chan_endpoint *end, void *arg),
	void (*went)(const struct chan_endpoint *end, void *arg), void *arg);

#endif
