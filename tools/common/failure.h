/* SPDX-License-Identifier: MIT */
/* Errors of the library, reported: what each means, what to do, and the exit status. */
#ifndef SHMCHAN_FAILURE_H
#define SHMCHAN_FAILURE_H

#include "common/status.h"
#include "shmchan.h"

/* Report negative errno `err` of a library call on `channel`, which may be NULL.  `opt` is
 * what the channel was to be created with, or NULL.  Returns the exit status. */
int cli_fail(const char *channel, const struct chan_options *opt, int err);

/* Make cli_fail() suggest --create where there is no channel, for a tool that has it. */
void cli_suggest_create(void);

/* Returns the exit status for a negative errno of the library, or CLI_OK for 0.  Pure. */
int cli_exit_code(int err);

/* Returns what to do about a negative errno, or NULL. */
const char *cli_remedy(int err);

/* How often a call that does not wait is made again while it returns -EBUSY: the lock is
 * busy, so the state of the channel is unknown.  Each of these calls takes a tenth of a
 * second. */
#define CLI_BUSY_TRIES 10

#endif
