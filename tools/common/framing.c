/* SPDX-License-Identifier: MIT */
/*
 * See framing.h.  A decoder finds messages where they lie; all it remembers is how far
 * it has searched, and how much of a message that was too long is left to skip.
 */
#include "common/framing.h"
#include "common/json.h"
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A JSON line may be this much longer than its message: \u00XX for each byte,
 * and the other members. */
#define JSON_FACTOR 6
#define JSON_EXTRA 65536

/* Digits of the longest length of a netstring. */
#define NETSTRING_DIGITS 10

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int framing_parse_escape(const char **text, unsigned char *ret)
{
	const char *p = *text;
	int high, low;

	switch (*p++) {
	case 'n':
		*ret = '\n';
		break;
	case 't':
		*ret = '\t';
		break;
	case 'r':
		*ret = '\r';
		break;
	case '0':
		*ret = '\0';
		break;
	case '\\':
		*ret = '\\';
		break;
	case 'x':
		high = hex_digit(p[0]);
		low = high < 0 ? -1 : hex_digit(p[1]);
		if (low < 0)
			return -EINVAL;
		*ret = (unsigned char)(high << 4 | low);
		p += 2;
		break;
	default:
		return -EINVAL;
	}
	*text = p;
	return 0;
}

int framing_parse_byte(const char *text, unsigned char *ret)
{
	unsigned char byte = (unsigned char)*text++;

	if (!byte)
		return -EINVAL;
	if (byte == '\\' && *text && framing_parse_escape(&text, &byte))
		return -EINVAL;
	if (*text)
		return -EINVAL;
	*ret = byte;
	return 0;
}

int framing_parse(const char *text, struct framing *ret)
{
	static const struct {
		const char *name;
		struct framing framing;
	} names[] = {
		{"lines", {.kind = FRAMING_DELIMITED, .delimiter = '\n'}},
		{"null", {.kind = FRAMING_DELIMITED, .delimiter = '\0'}},
		{"len32", {.kind = FRAMING_LEN32}},
		{"netstring", {.kind = FRAMING_NETSTRING}},
		{"jsonl", {.kind = FRAMING_JSONL}},
		{"raw", {.kind = FRAMING_RAW}},
	};
	uint64_t size;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(text, names[i].name)) {
			*ret = names[i].framing;
			return 0;
		}
	if (strncmp(text, "raw:", 4) != 0 || cli_parse_size(text + 4, &size) || !size ||
		size > UINT32_MAX)
		return -EINVAL;
	*ret = (struct framing){.kind = FRAMING_RAW, .size = (size_t)size};
	return 0;
}

/* Encoding. */

static size_t get_be32(const char *in)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | (unsigned char)in[i];
	return n;
}

size_t framing_head(const struct framing *f, size_t len, char head[FRAMING_HEAD_MAX])
{
	switch (f->kind) {
	case FRAMING_LEN32:
		for (int i = 0; i < 4; i++)
			head[i] = (char)(len >> (24 - 8 * i));
		return 4;
	case FRAMING_NETSTRING:
		return (size_t)snprintf(head, FRAMING_HEAD_MAX, "%" PRIu32 ":", (uint32_t)len);
	default:
		return 0;
	}
}

/* Set the byte that follows the message; returns how many there are, 1 or 0. */
static size_t framing_tail(const struct framing *f, char *tail)
{
	*tail = f->kind == FRAMING_NETSTRING ? ',' : (char)f->delimiter;
	return f->kind == FRAMING_NETSTRING || f->kind == FRAMING_DELIMITED;
}

ssize_t framing_encode(const struct framing *f, const struct message *m, char *out, size_t room)
{
	char head[FRAMING_HEAD_MAX], tail;
	size_t head_len, tail_len, need;

	if (f->kind == FRAMING_JSONL)
		return json_encode(m, out, room);
	head_len = framing_head(f, m->len, head);
	tail_len = framing_tail(f, &tail);
	need = head_len + m->len + tail_len;
	if (need > room)
		return (ssize_t)need;
	if (head_len)
		memcpy(out, head, head_len);
	if (m->len)
		memcpy(out + head_len, m->data, m->len);
	if (tail_len)
		out[need - 1] = tail;
	return (ssize_t)need;
}

/* Decoding. */

void decoder_init(struct decoder *d, const struct framing *f, uint64_t max)
{
	*d = (struct decoder){.framing = *f, .max = max};
}

void decoder_free(struct decoder *d)
{
	free(d->payload);
	d->payload = NULL;
}

/* The bytes that are being decoded: `left` from `at` on. */
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

/* Each of these decodes one message.  It returns 1, with *msg set and the input moved
 * behind it; or 0 if it needs more; or an error.  For an empty message that is to be
 * skipped, and for a blank line, it returns 1 and sets *none. */

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
		d->skip = len;
		d->skip_delim = true;
		d->scanned = 0;
		return r;
	}
	if (!r)
		return 0;
	*msg = slice(in->at, len);
	*none = !len && d->framing.skip_empty;
	advance(in, len + found);
	return 1;
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
		d->skip = len;
		d->skip_delim = true;
		d->scanned = 0;
		return r;
	}
	if (!r)
		return 0;
	*none = is_blank(in->at, len);
	if (!*none) {
		r = json_decode(in->at, len, &d->payload, &d->payload_size, &payload_len, why,
			sizeof(why), &at);
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
