/* SPDX-License-Identifier: MIT */
/* The table of the bus's channels, in the order of their names. */
#ifndef CHAND_CHANNELS_H
#define CHAND_CHANNELS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct channel;

/* Returns the channel, or NULL. */
struct channel *channels_find(const char *name);

/* Returns the first channel after `name` ("": the first of all), or NULL. */
struct channel *channels_after(const char *name);

size_t channels_count(void);

/* Call fn for each channel; it may not change the table. */
void channels_each(void (*fn)(struct channel *channel, void *arg), void *arg);

/* Count the channels that were made for this user, and their bytes. */
void channels_usage(uid_t owner, uint64_t *channels, uint64_t *bytes);

/* entry.c changes the table; channels_add() returns 0 or -ENOMEM. */
int channels_add(struct channel *channel);
void channels_remove(struct channel *channel);
void channels_done(void);

#endif
