/* SPDX-License-Identifier: MIT */
/*
 * The counters of channels as OpenMetrics text, for chanctl and chand.  The samples of
 * a metric family, one for each channel, stand together as the format wants it.
 */
#ifndef SHMCHAN_METRICS_H
#define SHMCHAN_METRICS_H

#include <stddef.h>
#include <stdio.h>

#include "shmchan.h"

struct metrics_row {
	const char *channel;	      /* NAME or OWNER/NAME */
	const struct chan_stat *stat; /* NULL: it can't be read, and has `readable` 0 only */
};

/* Print all but the last line of the text, "# EOF". */
void metrics_print(FILE *out, const struct metrics_row *rows, size_t n);

#endif
