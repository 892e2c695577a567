/* SPDX-License-Identifier: MIT */
/*
 * What a channel that is there is to be: as it is declared, or was asked for, or was declared
 * once; and if nothing says so, as its segment is.
 */
#ifndef CHAND_WANTED_H
#define CHAND_WANTED_H

#include "channel.h"

/* Set *spec to what the channel is to be, *origin to where that is from, and *file to the
 * declaration, or to NULL.  Returns 0 or a negative errno. */
int wanted_spec(struct spec *spec, const char *name, enum origin *origin, const char **file);

/* Give the segment's file the mode and the group of the channel's spec.  They are for those that
 * open it without chand: all of the others' bits, and of the group's if chand can give the file to
 * the group.  They are a convenience; chand asks spec_allows(). */
void wanted_apply_mode(const struct channel *channel);

/* Log the first key in which the channel is not as it is to be, and can't be changed. */
void wanted_log_difference(const struct channel *channel);

#endif
