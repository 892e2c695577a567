/* SPDX-License-Identifier: MIT */
/* The options of chanrecv that say how to subscribe to a broadcast. */
#ifndef SHMCHAN_RECV_SUBSCRIPTION_H
#define SHMCHAN_RECV_SUBSCRIPTION_H

#include <stdbool.h>

#include "common/options.h"
#include "shmchan.h"

struct recv_subscription {
	const char *option; /* the first of these options that was given, or NULL */
	struct chan_subscription how;
};

enum {
	SUBSCRIBE_FROM = CLI_LONG + 128,
	SUBSCRIBE_OR_OLDEST,
	SUBSCRIBE_ON_LAG,
	SUBSCRIBE_GROUP,
	SUBSCRIBE_GROUP_AGE,
	SUBSCRIBE_RENEW_GROUP,
};

/* Entries of the table of options. */
/* clang-format off */
#define SUBSCRIPTION_OPTIONS \
	{ SUBSCRIBE_FROM, "from", "next|oldest|-N|SEQ|@TIME", \
		"broadcast: begin with the next message (default),\nthe oldest, the last N, " \
		"number SEQ, or the first\nsent since TIME" }, \
	{ SUBSCRIBE_OR_OLDEST, "or-oldest", NULL, \
		"with SEQ or @TIME: if that is gone, the oldest" }, \
	{ SUBSCRIBE_ON_LAG, "on-lag", "block|lose|evict:D", \
		"broadcast: if it is too slow, senders wait, or it\nloses messages, or that " \
		"after D (default: as the\nchannel says)" }, \
	{ SUBSCRIBE_GROUP, "group", "NAME", "broadcast: go on where the group NAME was" }, \
	{ SUBSCRIBE_GROUP_AGE, "group-age", "D", "a new group expires when unused for so long" }, \
	{ SUBSCRIBE_RENEW_GROUP, "renew-group", NULL, "make a group that has expired anew" }
/* clang-format on */

/* Take one of these options; returns false if it is another one. */
bool subscription_option(struct recv_subscription *s, int letter, const char *arg);

/* Reject what does not go together: a usage error. */
void subscription_check(const struct recv_subscription *s, bool peek, bool latest);

/* Returns how to subscribe, or NULL if no option says anything. */
const struct chan_subscription *subscription_asked(const struct recv_subscription *s);

/* Returns true if such a subscriber of the channel reads what may be overwritten, so that it
 * has to copy. */
bool subscription_copies(const struct recv_subscription *s, const struct chan_stat *of);

#endif
