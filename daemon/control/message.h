/* SPDX-License-Identifier: MIT */
/* Parsing a request as it comes from a socket (PROTOCOL.md). */
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

/* Parse the packet in place; text[len] is writable.  Returns 0, or with `why`
 *   -EPROTONOSUPPORT   it is of another version of the protocol
 *   -EINVAL            it is not a request */
int message_parse(struct message *ret, char *text, size_t len, const char **why);

/* Returns the value of a key, or NULL. */
const char *message_get(const struct message *m, const char *key);

#endif
