/* SPDX-License-Identifier: MIT */
/*
 * Framings: how messages lie in a byte stream.  Pure functions over buffers of
 * the caller's, without I/O.  Encoding and decoding are inverse to each other
 * for len32, netstring and jsonl with any bytes, for null, lines and a delimiter
 * with messages that do not contain it, and for raw:SIZE with messages of SIZE.
 */
#ifndef SHMCHAN_FRAMING_H
#define SHMCHAN_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

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

/* Encoding. */

/* A message with all that an output may show of it; 0 and NULL: unknown. */
struct message {
	const void *data;
	size_t len;
	const char *channel;
	uint64_t seq;
	int64_t time;	  /* ns since 1970 */
	uint32_t attempt; /* deliveries so far */
	bool leased;
};

/* Encode into out[0..room-1].  Returns the bytes that it takes; if those are more than
 * `room`, what is in `out` is undefined; or -ENOMEM (jsonl only). */
ssize_t framing_encode(const struct framing *f, const struct message *m, char *out, size_t room);

/* Make what precedes a message of `len` bytes (not jsonl): returns its length. */
#define FRAMING_HEAD_MAX 12
size_t framing_head(const struct framing *f, size_t len, char head[FRAMING_HEAD_MAX]);

/* Decoding. */

struct decoder {
	struct framing framing;
	uint64_t max;	 /* longest message wanted */
	uint64_t offset; /* bytes of the stream used so far */
	char error[160]; /* after an error: "byte N: what is wrong" */

	/* private */
	uint64_t skip;	 /* bytes still to come of a message that is too long */
	bool skip_delim; /* and then up to a delimiter */
	size_t scanned;	 /* so many bytes of the input hold no delimiter */
	char *payload;	 /* jsonl: the message, unescaped */
	size_t payload_size;
};

void decoder_init(struct decoder *d, const struct framing *f, uint64_t max);
void decoder_free(struct decoder *d);

/*
 * Decode the messages at the start of in[0..len-1], the part of the stream from
 * d->offset on; `eof` says that nothing comes after it.  Sets msg[0..] to at most n of
 * them, which lie in `in` (jsonl: in the decoder, until the next call), and *used, even
 * on error, to the bytes done with, which the caller takes away.
 *
 * Returns how many; 0 with *used == 0 means that it needs more input than `len` bytes,
 * or, at `eof`, the end.  Errors, with d->error set:
 *   -EMSGSIZE   the next message is longer than d->max
 *   -EPROTO     the next message is malformed
 *   -ENOMEM
 * Another call goes on behind that message if this is possible: always after -EMSGSIZE,
 * for jsonl after -EPROTO; else the error stays.
 */
int decoder_next(struct decoder *d, const char *in, size_t len, bool eof, struct iovec *msg,
	unsigned n, size_t *used);

#endif
