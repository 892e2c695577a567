/* SPDX-License-Identifier: MIT */
/* See pace.h. */
#include "send/pace.h"

#include <errno.h>

#include "common/deadline.h"
#include "common/signals.h"

/* How far a sender that is late may catch up. */
#define BURST_NS INT64_C(10000000)

void pace_init(struct pace *p, double interval)
{
	*p = (struct pace){.interval = interval, .due = cli_now()};
}

int pace_wait(struct pace *p, int64_t deadline, unsigned *n)
{
	int64_t now;
	double allowed;

	if (!(p->interval > 0))
		return 0;
	now = cli_now();
	if (p->due < now - BURST_NS)
		p->due = now - BURST_NS;
	if (p->due > now) {
		int r = cli_wait_fd(-1, 0, cli_sooner(p->due, deadline));

		if (r != -ETIMEDOUT || !cli_remaining(deadline))
			return r;
		now = cli_now();
	}
	allowed = 1 + (double)(now - p->due) / p->interval;
	if (allowed < *n)
		*n = (unsigned)allowed;
	return 0;
}

void pace_count(struct pace *p, int n)
{
	p->due += (int64_t)(n * p->interval);
}
