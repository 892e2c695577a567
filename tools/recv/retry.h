/* SPDX-License-Identifier: MIT */
/* How long a message waits after a run that failed: chanrecv --backoff.  Pure. */
#ifndef SHMCHAN_RETRY_H
#define SHMCHAN_RETRY_H

#include <stdint.h>

enum { RETRY_STEPS = 32 };

/* The pause after the first failed run, the second, and so on; after that the last one. */
struct retry_plan {
	int64_t step[RETRY_STEPS]; /* ns */
	unsigned count;
};

/* Parse "exp:FROM..TO" (doubled each time), "fixed:D" or a list "1s,5s,1m": 0, or
 *   -EINVAL   it is none of these, or a pause is infinite
 *   -ERANGE   a list of more than RETRY_STEPS, or a number that is too large */
int retry_parse(const char *text, struct retry_plan *ret);

/* Returns the pause after run number `attempt`, from 1, which is up to a fifth shorter or
 * longer, as `random` says. */
int64_t retry_pause(const struct retry_plan *b, uint32_t attempt, uint32_t random);

#endif
