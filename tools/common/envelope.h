/* SPDX-License-Identifier: MIT */
/* A message, with what an output may show of it. */
#ifndef SHMCHAN_ENVELOPE_H
#define SHMCHAN_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shmchan.h"

/* A member behind `len` is unknown if it is 0 or NULL. */
struct envelope {
	const void *data;
	size_t len;
	const char *channel;
	uint64_t seq;
	int64_t time;	  /* ns since 1970 */
	uint32_t attempt; /* deliveries so far */
	bool leased;
	uint64_t lost;		      /* messages that are gone, just before this one */
	const struct chan_meta *meta; /* its header */
};

#endif
