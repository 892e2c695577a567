/* SPDX-License-Identifier: MIT */
/*
 * A message as a line of JSON, through jansson:
 * {"ch":"jobs","seq":1,"ts":1700000000.123456,"len":5,"data":"hello"}, with "b64"
 * (RFC 4648, padded) in place of "data" when the bytes are not UTF-8.  Of a message with a header
 * also "sent", "pid" and "uid"; and what it has of "id", "key", "priority", "ttl" (seconds that
 * are left) and "hdr", an object of its pairs; "key64" and "hdr64" where those are not UTF-8, the
 * latter as they lie in the header.
 */
#ifndef SHMCHAN_JSON_H
#define SHMCHAN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/envelope.h"

/* The same as framing_encode(), newline included; unknown members are left out. */
ssize_t json_encode(const struct envelope *m, char *out, size_t room);

/* The same for what is known of the message, without its bytes; "len" is its length, and "deadline"
 * now and `ttr` ns, unless that is CHAN_WAIT. */
ssize_t json_encode_about(
	const struct envelope *m, uint32_t max_deliver, int64_t ttr, char *out, size_t room);

/* Decode the message in a line: set *len and fill *payload, which has room for *size bytes
 * and is enlarged as needed.  Only "data" or "b64" is needed, "len" is checked if it is
 * there, other members are ignored.  *meta, which the caller has filled in, gets what the line
 * says of "id", "key", "priority", "ttl", "delay" and "hdr", and CHAN_META_KEEP of "sent"; *headed
 * is set if it says anything.  Returns 0, or
 *   -EPROTO   with `why`, and *at, the byte of the line
 *   -ENOMEM */
int json_decode(const char *line, size_t line_len, char **payload, size_t *size, size_t *len,
	struct chan_meta *meta, bool *headed, char *why, size_t why_size, size_t *at);

#endif
