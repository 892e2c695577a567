/* SPDX-License-Identifier: MIT */
/*
 * Finding the messages in a byte stream that comes in pieces of any size; framing.h says
 * how they lie there.  Pure functions over buffers of the caller's, without I/O.
 */
#ifndef SHMCHAN_DECODER_H
#define SHMCHAN_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/framing.h"

struct decoder {
	struct framing framing;
	uint64_t max;	 /* longest message wanted */
	uint64_t offset; /* bytes of the stream used so far */
	char error[160]; /* after an error: "byte N: what is wrong" */
	/* jsonl: the header of the one message, which begins as *base (NULL: as an empty one);
	 * and whether the line says anything of it. */
	const struct chan_meta *base;
	struct chan_meta meta;
	bool headed;

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
