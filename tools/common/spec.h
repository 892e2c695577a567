/* SPDX-License-Identifier: MIT */
/*
 * How to make a channel: a SPEC is KEY=VALUE,... with capacity, max-capacity,
 * max-message, overflow, mode, endpoints, lifetime, linger, kind, of a broadcast on-lag and groups,
 * and the bare words end-with-senders, need-receivers and, of a broadcast, forbid-block.  The
 * options of chanctl create and the lines of channels.d have the same keys.
 */
#ifndef SHMCHAN_SPEC_H
#define SHMCHAN_SPEC_H

#include <stddef.h>

#include "shmchan.h"

/* For struct chan_options before the first key. */
#define CLI_OPTIONS_INIT                                                                           \
	{                                                                                          \
		.size = sizeof(struct chan_options)                                                \
	}

/* Set one key; `value` is NULL for a bare word.  On -EINVAL `why` says what is wrong, in
 * `size` bytes. */
int cli_parse_key(
	struct chan_options *opt, const char *key, const char *value, char *why, size_t size);
int cli_parse_spec(struct chan_options *opt, const char *spec, char *why, size_t size);

/* The same for the argument of an option: if it is wrong, this is a usage error. */
void cli_spec_arg(const char *option, struct chan_options *opt, const char *spec);

#endif
