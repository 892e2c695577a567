/* SPDX-License-Identifier: MIT */
/* chansend --rate: when the next message may go.  A sender that is late may catch up a
 * little, and not all that it missed. */
#ifndef SHMCHAN_SEND_PACE_H
#define SHMCHAN_SEND_PACE_H

#include <stdint.h>

struct pace {
	double interval; /* ns between messages; 0: no pace */
	int64_t due;	 /* when the next may go, on CLOCK_MONOTONIC */
};

/* Start now. */
void pace_init(struct pace *p, double interval);

/* Wait until a message may go, and cut *n to as many as may go by now.  Returns 0, or
 *   -EINTR       after a signal of cli_signals()
 *   -ETIMEDOUT   the deadline comes first */
int pace_wait(struct pace *p, int64_t deadline, unsigned *n);

/* Note that `n` messages went. */
void pace_count(struct pace *p, int n);

#endif
