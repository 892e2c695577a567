/* SPDX-License-Identifier: MIT */
/* chanrecv --joblog: a line for each message and run of a child that ended. */
#ifndef SHMCHAN_JOBLOG_H
#define SHMCHAN_JOBLOG_H

#include <stdint.h>

#include "recv/settle.h"

/* Open the file to append, and make it if it is missing; an empty one gets a line of headings
 * first: 0 or a negative errno. */
int joblog_open(const char *path);

/* Log that a child ended with this wait status (waitpid(2)), if there is a log.  `start` is
 * CLOCK_REALTIME and `took` the run time, ns.  Each line is one write(2), so workers may
 * share a file.  If it fails, that is reported once. */
void joblog_put(const struct task *t, int64_t start, int64_t took, int status);

#endif
