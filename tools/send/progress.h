/* SPDX-License-Identifier: MIT */
/* chansend --progress: how far the run got, at most 10 times a second. */
#ifndef SHMCHAN_SEND_PROGRESS_H
#define SHMCHAN_SEND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "send/tally.h"

struct progress {
	int fd;	  /* -1: show nothing */
	bool bar; /* one line that is overwritten, for people */
	int64_t started, shown;
};

void progress_init(struct progress *p, int fd, bool bar);

/* Show the figures if it is time for that, or if they are the last. */
void progress_show(struct progress *p, const struct tally *t, bool last);

#endif
