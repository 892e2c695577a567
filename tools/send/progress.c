/* SPDX-License-Identifier: MIT */
/* See progress.h. */
#include "send/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/deadline.h"

#define NS_PER_S 1000000000
#define PROGRESS_NS (NS_PER_S / 10)

void progress_init(struct progress *p, int fd, bool bar)
{
	*p = (struct progress){.fd = fd, .bar = bar, .started = cli_now()};
}

void progress_show(struct progress *p, const struct tally *t, bool last)
{
	int64_t now;
	double seconds;

	if (p->fd < 0)
		return;
	now = cli_now();
	if (!last && now - p->shown < PROGRESS_NS)
		return;
	p->shown = now;
	seconds = (double)(now - p->started) / NS_PER_S;
	if (p->bar)
		dprintf(p->fd, "\r%" PRIu64 " messages, %.1f MiB, %.0f/s%s", t->sent,
			(double)t->bytes / (1 << 20), seconds > 0 ? (double)t->sent / seconds : 0,
			last ? "\n" : "\033[K");
	else
		dprintf(p->fd,
			"sent=%" PRIu64 " bytes=%" PRIu64 " failed=%" PRIu64 " dropped=%" PRIu64
			" seconds=%.3f\n",
			t->sent, t->bytes, t->failed, t->dropped, seconds);
}
