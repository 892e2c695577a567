/* SPDX-License-Identifier: MIT */
/*
 * What chand keeps in files of its own, below RUNTIME, for the chand that comes after it:
 *
 *   channels/NAME.conf   what was asked for, written before the channel is made
 *   declared/NAME.conf   how a channel was declared when its file could last be read
 *   chand.conf           what chand.conf said when it could last be read
 *
 * Whenever the writer is killed, a reader finds either the old file or the new one, whole.
 * A file that does not belong to the bus's user is not read.  The files live as long as the
 * segments: until the machine is started again.
 */
#ifndef CHAND_STATE_H
#define CHAND_STATE_H

#include <stdbool.h>

#include "config/config.h"

#define STATE_REQUESTED "channels"
#define STATE_DECLARED "declared"

/* Write the spec, unless the file has it already.  Returns 0 or a negative errno. */
int state_spec_write(const char *kind, const struct spec *spec);
/* Read it.  Returns 0, -ENOENT if there is none, or another negative errno, which is
 * logged. */
int state_spec_read(const char *kind, struct spec *spec, const char *name);
void state_spec_forget(const char *kind, const char *name);

/* Remove the files of channels that keep() does not want, and what a killed writer left. */
void state_spec_clean(const char *kind, bool (*keep)(const char *name));

int state_config_write(const struct config *config);
int state_config_read(struct config *config);

#endif
