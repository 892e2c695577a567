/* SPDX-License-Identifier: MIT */
/*
 * See decoder.h.  A decoder finds messages where they lie.  All that it remembers is how
 * far it has searched, and how much of a message that was too long is left to skip.
 */
#include "common/decoder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

/* A JSON line may be this much longer than its message: \u00XX for each byte,
 * and the other members. */
#define JSON_FACTOR 6
#define JSON_EXTRA 65536

/* Digits of the longest length of a netstring. */
#define NETSTRING_DIGITS 10

void decoder_init(struct decoder *d, const struct framing *f, uint64_t max)
{
	*d = (struct decoder){.framing = *f, .max = max};
}

void decoder_free(struct decoder *d)
{
	free(d->payload);
	d->payload = NULL;
}

/* The bytes that are being decoded: from `at` on, `left` of them. */
struct input {
	const char *start;
	const char *at;
	size_t left;
	bool eof;
};

static void advance(struct input *in, size_t n)
{
	in->at += n;
	in->left -= n;
}

static struct iovec slice(const char *data, size_t len)
{
	union {
		const char *in;
		void *out;
	} base = {.in = data}; /* an iovec that is only read from */

	return (struct iovec){.iov_base = base.out, .iov_len = len};
}

static int fail(struct decoder *d, const struct input *in, size_t at, int err, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Set the error text for byte `at` from the input's current place. */
static int fail(struct decoder *d, const struct input *in, size_t at, int err, const char *fmt, ...)
{
	uint64_t offset = d->offset + (uint64_t)(in->at - in->start) + at;
	int n = snprintf(d->error, sizeof(d->error), "byte %" PRIu64 ": ", offset);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->error + n, sizeof(d->error) - (size_t)n, fmt, ap);
	va_end(ap);
	return err;
}

static int too_long(struct decoder *d, const struct input *in, uint64_t len)
{
	return fail(d, in, 0, -EMSGSIZE,
		"a message of %" PRIu64 " bytes; the longest allowed is %" PRIu64, len, d->max);
}

static int cut_off(struct decoder *d, const struct input *in)
{
	return fail(d, in, in->left, -EPROTO, "the input ends within a message");
}

/* Measure the delimited piece at the input's place: returns 1 and sets its length, or 0 if
 * it is incomplete.  Sets *found if it has its delimiter. */
static int find_delimiter(struct decoder *d, unsigned char delimiter, const struct input *in,
	size_t *len, bool *found)
{
	const char *p = NULL;

	if (in->left > d->scanned)
		p = memchr(in->at + d->scanned, delimiter, in->left - d->scanned);
	*found = p;
	*len = p ? (size_t)(p - in->at) : in->left;
	d->scanned = p ? 0 : in->left;
	if (!p && in->eof && in->left) {
		d->scanned = 0;
		return 1;
	}
	return p != NULL;
}

/* Make the next call discard `len` bytes and what follows up to a delimiter. */
static void skip_to_delimiter(struct decoder *d, size_t len)
{
	d->skip = len;
	d->skip_delim = true;
	d->scanned = 0;
}

/* Each of these functions decodes one message.  It returns 1, with *msg set and the input
 * moved behind it; or 0 if it needs more input; or an error.  For an empty message that is
 * to be skipped, and for a blank line, it returns 1 and sets *none. */

static int next_delimited(struct decoder *d, struct input *in, struct iovec *msg, bool *none)
{
	size_t len;
	bool found;
	int r = find_delimiter(d, d->framing.delimiter, in, &len, &found);

	if (len > d->max) {
		if (r)
			r = fail(d, in, 0, -EMSGSIZE,
				"a message of %zu bytes; the longest allowed is %" PRIu64, len,
				d->max);
		else
			r = fail(d, in, 0, -EMSGSIZE,
				"a message of more than the %" PRIu64 " bytes allowed", d->max);
		skip_to_delimiter(d, len);
		return r;
	}
	if (!r)
		return 0;
	*msg = slice(in->at, len);
	*none = !len && d->framing.skip_empty;
	advance(in, len + found);
	return 1;
}

static size_t get_be32(const char *in)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | (unsigned char)in[i];
	return n;
}

static int next_len32(struct decoder *d, struct input *in, struct iovec *msg, bool *none)
{
	size_t len;

	(void)none;
	if (in->left < 4)
		return in->eof && in->left ? cut_off(d, in) : 0;
	len = get_be32(in->at);
	if (len > d->max) {
		d->skip = 4 + (uint64_t)len;
		return too_long(d, in, len);
	}
	if (in->left - 4 < len)
		return in->eof ? cut_off(d, in) : 0;
	*msg = slice(in->at + 4, len);
	advance(in, 4 + len);
	return 1;
}

static int next_netstring(struct decoder *d, struct input *in, struct iovec *msg, bool *none)
{
	uint64_t len = 0;
	size_t i;

	(void)none;
	for (i = 0; i < in->left && in->at[i] >= '0' && in->at[i] <= '9'; i++) {
		if (i == NETSTRING_DIGITS)
			return fail(d, in, i, -EPROTO, "a netstring length of too many digits");
		if (i == 1 && !len)
			return fail(d, in, 0, -EPROTO, "a netstring length with a leading zero");
		len = len * 10 + (uint64_t)(in->at[i] - '0');
	}
	if (i == in->left)
		return in->eof && i ? cut_off(d, in) : 0;
	if (!i)
		return fail(d, in, i, -EPROTO, "the length of a netstring is expected");
	if (in->at[i] != ':')
		return fail(d, in, i, -EPROTO, "':' is expected after a netstring's length");
	i++;
	if (len > d->max) {
		d->skip = i + len + 1;
		return too_long(d, in, len);
	}
	if (in->left - i < len + 1)
		return in->eof ? cut_off(d, in) : 0;
	if (in->at[i + len] != ',')
		return fail(d, in, i + (size_t)len, -EPROTO, "',' is expected after a netstring");
	*msg = slice(in->at + i, (size_t)len);
	advance(in, i + (size_t)len + 1);
	return 1;
}

static bool is_blank(const char *p, size_t len)
{
	while (len && strchr(" \t\r", *p) && *p)
		p++, len--;
	return !len;
}

static int next_jsonl(struct decoder *d, struct input *in, struct iovec *msg, bool *none)
{
	uint64_t longest = d->max > UINT32_MAX ? UINT64_MAX : d->max * JSON_FACTOR + JSON_EXTRA;
	size_t len, payload_len = 0, at = 0;
	char why[96];
	bool found;
	int r = find_delimiter(d, '\n', in, &len, &found);

	if (len > longest) {
		r = fail(d, in, 0, -EMSGSIZE,
			"a line of more than %" PRIu64
			" bytes; the longest message allowed is %" PRIu64,
			longest, d->max);
		skip_to_delimiter(d, len);
		return r;
	}
	if (!r)
		return 0;
	*none = is_blank(in->at, len);
	if (!*none) {
		if (d->base)
			d->meta = *d->base;
		else
			chan_meta_init(&d->meta);
		r = json_decode(in->at, len, &d->payload, &d->payload_size, &payload_len, &d->meta,
			&d->headed, why, sizeof(why), &at);
		if (r == -EPROTO)
			fail(d, in, at, r, "%s", why);
		else if (!r && payload_len > d->max)
			r = too_long(d, in, payload_len);
		else if (!r)
			*msg = slice(d->payload, payload_len);
	} else {
		r = 0;
	}
	if (r == -ENOMEM)
		return r;
	advance(in, len + found);
	return r ? r : 1;
}

static int next_raw(struct decoder *d, struct input *in, struct iovec *msg, bool *none)
{
	size_t len = d->framing.size;

	(void)none;
	if (len > d->max && in->left > d->max) {
		d->skip = len;
		return too_long(d, in, len);
	}
	if (in->left < len) {
		if (!in->eof || !in->left)
			return 0;
		len = in->left;
	}
	*msg = slice(in->at, len);
	advance(in, len);
	return 1;
}

static int next_whole(struct decoder *d, struct input *in, struct iovec *msg, bool *none)
{
	(void)none;
	if (in->left > d->max) {
		d->skip = UINT64_MAX;
		return fail(d, in, 0, -EMSGSIZE,
			"a message of more than the %" PRIu64 " bytes allowed", d->max);
	}
	if (!in->eof || d->scanned)
		return 0;
	*msg = slice(in->at, in->left);
	advance(in, in->left);
	d->scanned = 1; /* even if it was empty: there is only this one */
	return 1;
}

/* Discard what is left of a message that was too long.  Returns false if all of the input
 * belongs to it. */
static bool skip(struct decoder *d, struct input *in)
{
	unsigned char delimiter = d->framing.kind == FRAMING_JSONL ? '\n' : d->framing.delimiter;
	const char *p;
	size_t n = in->left < d->skip ? in->left : (size_t)d->skip;

	advance(in, n);
	d->skip -= n;
	if (d->skip)
		return false;
	if (!d->skip_delim)
		return true;
	p = memchr(in->at, delimiter, in->left);
	advance(in, p ? (size_t)(p - in->at) + 1 : in->left);
	d->skip_delim = !p;
	return p;
}

int decoder_next(struct decoder *d, const char *in, size_t len, bool eof, struct iovec *msg,
	unsigned n, size_t *used)
{
	static int (*const next[])(struct decoder *, struct input *, struct iovec *, bool *) = {
		[FRAMING_DELIMITED] = next_delimited,
		[FRAMING_LEN32] = next_len32,
		[FRAMING_NETSTRING] = next_netstring,
		[FRAMING_JSONL] = next_jsonl,
		[FRAMING_RAW] = next_raw,
		[FRAMING_WHOLE] = next_whole,
	};
	struct input input = {.start = in, .at = in, .left = len, .eof = eof};
	unsigned k = 0;
	int r = 0;

	if (d->framing.kind == FRAMING_JSONL && n > 1)
		n = 1; /* there is one payload buffer */
	if (!(d->skip || d->skip_delim) || skip(d, &input)) {
		while (k < n) {
			bool none = false;

			r = next[d->framing.kind](d, &input, &msg[k], &none);
			if (r != 1)
				break;
			k += !none;
		}
	}
	if (r < 0 && k) {
		/* The messages before it come first; the next call finds it again. */
		d->skip = 0;
		d->skip_delim = false;
		r = 0;
	}
	*used = (size_t)(input.at - in);
	d->offset += *used;
	return r < 0 ? r : (int)k;
}
