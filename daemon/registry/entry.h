/* SPDX-License-Identifier: MIT */
/* A channel enters the table, and leaves it, with all that chand does for it: it is watched
 * over, and has an activation. */
#ifndef CHAND_ENTRY_H
#define CHAND_ENTRY_H

#include "channel.h"

/* Enter a channel that is there.  The observer belongs to it from now on, also if this
 * fails.  Returns 0 or a negative errno, as of watch_add(). */
int entry_add(struct channel **ret, const struct spec *spec, enum origin origin, const char *file,
	chan_t *observer);

/* Take it out, and free the structure. */
void entry_remove(struct channel *channel);

/* The channel is declared, as `spec` now has it: follow that.  It may be lost during this
 * call. */
void entry_declare(struct channel *channel, const struct spec *spec, const char *declaration);

#endif
