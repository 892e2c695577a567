/* SPDX-License-Identifier: MIT */
/*
 * Channels as chanctl sees them: a name, an observer's handle where it can be had, and
 * what was read last.
 */
#ifndef SHMCHAN_CTL_CHANNEL_H
#define SHMCHAN_CTL_CHANNEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/words.h"
#include "shmchan.h"

struct ctl_channel {
	char *name;
	chan_t *ch;		   /* an observer, NULL if closed again */
	int err;		   /* why it can't be read, or 0 */
	json_t *bus;		   /* what chand says about it, or NULL */
	struct chan_stat stat;	   /* valid unless err */
	struct chan_stat before;   /* the reading before, for rates */
	int64_t time, time_before; /* of the two readings, CLOCK_MONOTONIC; 0: none */
};

struct ctl_channels {
	struct ctl_channel *at;
	size_t n;
};

/* Open as an observer and read; returns the library's error, also kept in ch->err. */
int ctl_open(struct ctl_channel *ch, const char *name);
/* Read again: 0 or a negative errno. */
int ctl_refresh(struct ctl_channel *ch);
/* In a rendezvous, let its depth be without the messages that their senders took back, which
 * the library counts until a receiver looks. */
void ctl_discount(struct ctl_channel *ch);
void ctl_forget(struct ctl_channel *ch);

/* Ask chand about the channel, and set ch->bus. */
void ctl_ask_chand(struct ctl_channel *ch);

/* Read every channel whose name matches `glob` (NULL: all) and is on the bus that was
 * chosen, and close it again.  They are sorted by name; those that can't be read are among
 * them, those that vanished meanwhile are not. */
int ctl_channels(struct ctl_channels *ret, const char *glob);
void ctl_channels_free(struct ctl_channels *channels);
bool ctl_matches(const char *glob, const char *name);

/* Count the messages that receivers can still get: none when it is closed, discarding. */
uint64_t ctl_depth(const struct chan_stat *stat);

/* Count all messages that were dropped, in whichever way. */
static inline uint64_t ctl_dropped(const struct chan_stat *stat)
{
	return stat->dropped_newest + stat->dropped_oldest + stat->dropped_leased;
}

/* The state as one word: "open", "draining", ..., "denied", "other-format". */
const char *ctl_state(const struct ctl_channel *ch);

/* Return why a channel grew last, which it did: "full" or "large-message". */
const char *ctl_grown_why(const struct chan_stat *stat);

/* The sides that an endpoint is on, as a word: "sender", "receiver", "sender+receiver". */
static inline const char *ctl_side(uint32_t roles)
{
	return word(&words_side, roles & (CHAN_SEND | CHAN_RECV));
}

/* Set the name of the channel of a file in NAMES_DIR, as the user would write it; returns
 * false if it has none. */
bool ctl_name_of_file(char *ret, size_t size, const char *file);

#endif
