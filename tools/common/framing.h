/* SPDX-License-Identifier: MIT */
/*
 * Framings: how messages lie in a byte stream.  Here are their names, and how a message is
 * encoded; decoder.h goes the other way.  The two are inverse to each other for len32,
 * netstring and jsonl with any bytes, for null, lines and a delimiter with messages that
 * do not contain it, and for raw:SIZE with messages of SIZE.
 *
 * Pure functions over buffers of the caller's, without I/O.
 */
#ifndef SHMCHAN_FRAMING_H
#define SHMCHAN_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/envelope.h"

enum framing_kind {
	FRAMING_DELIMITED, /* lines, null, any other byte: after each message */
	FRAMING_LEN32,	   /* the length before it, 4 bytes, big-endian */
	FRAMING_NETSTRING, /* 5:hello, */
	FRAMING_JSONL,	   /* an object a line, see json.h */
	FRAMING_RAW,	   /* nothing: pieces of `size` bytes, the last may be shorter */
	FRAMING_WHOLE,	   /* nothing: the stream is one message */
};

struct framing {
	enum framing_kind kind;
	unsigned char delimiter;
	bool skip_empty; /* decoding FRAMING_DELIMITED: an empty message is none */
	size_t size;	 /* of FRAMING_RAW */
};

/* Parse "lines", "null", "len32", "netstring", "jsonl", "raw" or "raw:SIZE": 0 or
 * -EINVAL. */
int framing_parse(const char *text, struct framing *ret);

/* Parse one byte as a user writes it, itself, or \n \t \0 \\ \xHH: 0 or -EINVAL. */
int framing_parse_byte(const char *text, unsigned char *ret);

/* Parse the escape at *text, after the backslash, and move *text behind it: 0 or
 * -EINVAL. */
int framing_parse_escape(const char **text, unsigned char *ret);

/* Encode into out[0..room-1].  Returns the bytes that it takes; if those are more than
 * `room`, what is in `out` is undefined; or -ENOMEM (jsonl only). */
ssize_t framing_encode(const struct framing *f, const struct envelope *m, char *out, size_t room);

/* Make what precedes a message of `len` bytes (not jsonl): returns its length. */
#define FRAMING_HEAD_MAX 12
size_t framing_head(const struct framing *f, size_t len, char head[FRAMING_HEAD_MAX]);

#endif
