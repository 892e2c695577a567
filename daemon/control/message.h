/* SPDX-License-Identifier: MIT */
/* A request as it comes from a socket, taken apart (PROTOCOL.md).  Pure. */
#ifndef CHAND_MESSAGE_H
#define CHAND_MESSAGE_H

#include <stddef.h>

#include "bus/protocol.h"

#define MESSAGE_PAIRS 32

struct message {
	const char *verb;
	struct message_pair {
		const char *key, *value;
	} pair[MESSAGE_PAIRS];
	unsigned n;
};

/* Take the packet apart in place; text[len] is writable.  -EPROTONOSUPPORT or
 * -EINVAL, and `why`. */
int message_parse(struct message *ret, char *text, size_t len, const char **why);

/* The value of a key, or NULL. */
const char *message_get(const struct message *m, const char *key);

#endif
