/* SPDX-License-Identifier: MIT */
/* Errors of the library, reported: what each means, what to do, and the exit status. */
#ifndef SHMCHAN_FAILURE_H
#define SHMCHAN_FAILURE_H

#include "common/status.h"
#include "shmchan.h"

/* Report negative errno `err` of a library call on `channel`, which may be NULL.  `opt` is
 * what the channel was to be created with, or NULL.  Returns the exit status. */
int cli_fail(const char *channel, const struct chan_options *opt, int err);

/* The tool has an option --create: cli_fail() suggests it where there is no channel. */
void cli_suggest_create(void);

/* Exit status of a negative errno of the library (0: CLI_OK).  Pure. */
int cli_exit_code(int err);

/* What to do about a negative errno, or NULL. */
const char *cli_remedy(int err);

/* How often a call that does not wait is made again while it returns -EBUSY, which takes
 * it a tenth of a second each time: the lock is busy, and the state of the channel is
 * unknown. */
#define CLI_BUSY_TRIES 10

#endif
