/* SPDX-License-Identifier: MIT */
/*
 * See json.h.  The only file of chansend and chanrecv that knows jansson.
 */
#include "common/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static json_t *b64_encode(const unsigned char *in, size_t len)
{
	size_t size = (len + 2) / 3 * 4;
	char *text = malloc(size + 1), *t = text;
	json_t *json;

	if (!text)
		return NULL;
	for (; len; in += 3) {
		size_t n = len < 3 ? len : 3;
		unsigned v = (unsigned)in[0] << 16 | (n > 1 ? in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

		*t++ = b64_digits[v >> 18];
		*t++ = b64_digits[v >> 12 & 63];
		*t++ = n > 1 ? b64_digits[v >> 6 & 63] : '=';
		*t++ = n > 2 ? b64_digits[v & 63] : '=';
		len -= n;
	}
	json = json_stringn_nocheck(text, size);
	free(text);
	return json;
}

static int b64_value(char c)
{
	const char *p = c ? strchr(b64_digits, c) : NULL;

	return p ? (int)(p - b64_digits) : -1;
}

/* Decode into `out`, which has room for len / 4 * 3.  Returns the bytes used, or -1. */
static ssize_t b64_decode(const char *in, size_t len, char *out)
{
	char *o = out;

	if (len % 4)
		return -1;
	for (const char *end = in + len; in < end; in += 4) {
		int pad = in + 4 == end ? (in[3] == '=') + (in[3] == '=' && in[2] == '=') : 0;
		unsigned v = 0;

		for (int i = 0; i < 4; i++) {
			int digit = i < 4 - pad ? b64_value(in[i]) : 0;

			if (digit < 0)
				return -1;
			v = v << 6 | (unsigned)digit;
		}
		if (v & ((1u << (8 * pad)) - 1))
			return -1; /* bits that no byte holds */
		for (int i = 0; i < 3 - pad; i++)
			*o++ = (char)(v >> (16 - 8 * i));
	}
	return o - out;
}

ssize_t json_encode(const struct envelope *m, char *out, size_t room)
{
	json_t *text = json_stringn(m->data ? m->data : "", m->len);
	const char *key = text ? "data" : "b64";
	json_t *json = json_object();
	size_t n = 0;
	int r = 0;

	if (!text) /* not UTF-8 */
		text = b64_encode(m->data, m->len);
	if (m->channel)
		r |= json_object_set_new_nocheck(json, "ch", json_string(m->channel));
	if (m->seq)
		r |= json_object_set_new_nocheck(json, "seq", json_integer((json_int_t)m->seq));
	if (m->time)
		r |= json_object_set_new_nocheck(
			json, "ts", json_real((double)(m->time / 1000) / 1e6));
	if (m->lost)
		r |= json_object_set_new_nocheck(json, "lost", json_integer((json_int_t)m->lost));
	if (m->attempt)
		r |= json_object_set_new_nocheck(json, "attempt", json_integer(m->attempt));
	if (m->leased)
		r |= json_object_set_new_nocheck(json, "leased", json_true());
	r |= json_object_set_new_nocheck(json, "len", json_integer((json_int_t)m->len));
	r |= json_object_set_new_nocheck(json, key, text);
	if (!r)
		n = json_dumpb(json, out, room, JSON_COMPACT | JSON_REAL_PRECISION(16));
	json_decref(json);
	if (!n)
		return -ENOMEM;
	if (n < room)
		out[n] = '\n';
	return (ssize_t)n + 1;
}

static int reserve(char **buf, size_t *size, size_t want)
{
	char *p;

	if (want <= *size)
		return 0;
	p = realloc(*buf, want);
	if (!p)
		return -ENOMEM;
	*buf = p;
	*size = want;
	return 0;
}

/* Extract the payload of a parsed line: its length, or -EPROTO with *why set, or -ENOMEM. */
static ssize_t extract(const json_t *json, char **payload, size_t *size, const char **why)
{
	const json_t *data = json_object_get(json, "data"), *b64 = json_object_get(json, "b64");
	const json_t *text = data ? data : b64, *len = json_object_get(json, "len");
	ssize_t n;

	*why = "an object with \"data\" or \"b64\" is expected";
	if (!json_is_object(json) || !json_is_string(text) || (data && b64))
		return -EPROTO;
	n = (ssize_t)json_string_length(text);
	if (reserve(payload, size, (size_t)n + 1))
		return -ENOMEM;
	if (data)
		memcpy(*payload, json_string_value(text), (size_t)n);
	else
		n = b64_decode(json_string_value(text), (size_t)n, *payload);
	*why = "\"b64\" is not base64";
	if (n < 0)
		return -EPROTO;
	*why = "\"len\" is not the length of the message";
	if (len && (!json_is_real(len) || json_real_value(len) != (double)n))
		return -EPROTO;
	return n;
}

int json_decode(const char *line, size_t line_len, char **payload, size_t *size, size_t *len,
	char *why, size_t why_size, size_t *at)
{
	json_error_t error;
	const char *what = NULL;
	/* A member that is ignored may be a number larger than any integer. */
	json_t *json = json_loadb(line, line_len,
		JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
	ssize_t n;

	if (!json) {
		if (json_error_code(&error) == json_error_out_of_memory)
			return -ENOMEM;
		*at = error.position > 0 && (size_t)error.position <= line_len
			      ? (size_t)error.position
			      : 0;
		snprintf(why, why_size, "not JSON: %s", error.text);
		return -EPROTO;
	}
	n = extract(json, payload, size, &what);
	json_decref(json);
	if (n == -EPROTO) {
		*at = 0;
		snprintf(why, why_size, "%s", what);
	}
	if (n < 0)
		return (int)n;
	*len = (size_t)n;
	return 0;
}
