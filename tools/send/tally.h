/* SPDX-License-Identifier: MIT */
/* What became of the messages of a run of chansend. */
#ifndef SHMCHAN_SEND_TALLY_H
#define SHMCHAN_SEND_TALLY_H

#include <stdint.h>

struct tally {
	uint64_t sent, bytes; /* messages, and the sum of their lengths */
	uint64_t dropped;     /* by the channel, which was full */
	uint64_t duplicates;  /* sent before, as their ids say */
	uint64_t failed;
};

/* Count the messages that are done with, whether or not they were sent. */
static inline uint64_t tally_handled(const struct tally *t)
{
	return t->sent + t->dropped + t->duplicates + t->failed;
}

#endif
