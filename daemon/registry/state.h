/* SPDX-License-Identifier: MIT */
/*
 * What chand keeps in files of its own, below RUNTIME, for the one that comes after it:
 *
 *   channels/NAME.conf   what was asked for, written before the channel is made
 *   declared/NAME.conf   how a channel was declared when its file could last be read
 *   chand.conf           what chand.conf said when it could last be read
 *
 * A reader finds the old file or the new, whole, whenever the writer is killed; a file
 * that is not the bus's own user's is not read.  They live as long as the segments: until
 * the machine is started again.
 */
#ifndef CHAND_STATE_H
#define CHAND_STATE_H

#include <stdbool.h>

#include "config/config.h"

#define STATE_REQUESTED "channels"
#define STATE_DECLARED "declared"

/* Write it, if the file does not have it already: 0 or a negative errno. */
int state_spec_write(const char *kind, const struct spec *spec);
/* Returns -ENOENT if there is none; what can't be read is logged. */
int state_spec_read(const char *kind, struct spec *spec, const char *name);
void state_spec_forget(const char *kind, const char *name);

/* Forget those of channels that keep() does not want, and what a killed writer left. */
void state_spec_clean(const char *kind, bool (*keep)(const char *name));

int state_config_write(const struct config *config);
int state_config_read(struct config *config);

#endif
