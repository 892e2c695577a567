/* SPDX-License-Identifier: MIT */
/*
 * A message as a line of JSON, through jansson:
 * {"ch":"jobs","seq":1,"ts":1700000000.123456,"len":5,"data":"hello"}, with "b64"
 * (RFC 4648, padded) in place of "data" when the bytes are not UTF-8.
 */
#ifndef SHMCHAN_JSON_H
#define SHMCHAN_JSON_H

#include <stddef.h>
#include <sys/types.h>

#include "common/envelope.h"

/* The same as framing_encode(), newline included; unknown members are left out. */
ssize_t json_encode(const struct envelope *m, char *out, size_t room);

/* Decode the message in a line: set *len and fill *payload, which has room for *size bytes
 * and is enlarged as needed.  Only "data" or "b64" is needed, "len" is checked if it is
 * there, other members are ignored.  Returns 0, or
 *   -EPROTO   with `why`, and *at, the byte of the line
 *   -ENOMEM */
int json_decode(const char *line, size_t line_len, char **payload, size_t *size, size_t *len,
	char *why, size_t why_size, size_t *at);

#endif
