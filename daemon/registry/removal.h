/* SPDX-License-Identifier: MIT */
/* Channels are removed: by a request, by somebody without chand, or because the client that
 * asked for one gave up. */
#ifndef CHAND_REMOVAL_H
#define CHAND_REMOVAL_H

#include "channel.h"

/* Remove the channel, or its name only.  Returns 0, or a negative errno and `why`. */
int removal_run(struct channel *channel, bool name_only, char *why, size_t size);

/* The same for a name that is not in the table: of a segment that could not be adopted,
 * and that the peer administers. */
int removal_run_unadopted(
	const char *name, bool name_only, const struct peer *peer, char *why, size_t size);

/* The channel's name is gone: forget it, and free the structure.  If it is declared, it is
 * made again. */
void removal_noticed(struct channel *channel);

/* The client gave up after the channel was made: remove all of it. */
void removal_undo(struct channel *channel);

#endif
