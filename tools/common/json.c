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

#include "common/header.h"

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

static json_t *seconds(int64_t ns)
{
	return json_real((double)(ns / 1000) / 1e6);
}

/* Set a member to bytes, or `other` to their base64 if they are not UTF-8. */
static int set_bytes(
	json_t *json, const char *name, const char *other, const void *bytes, size_t len)
{
	json_t *text = json_stringn(bytes, len);

	return json_object_set_new_nocheck(
		json, text ? name : other, text ? text : b64_encode(bytes, len));
}

/* Set "hdr", or "hdr64". */
static int set_pairs(json_t *json, const struct chan_meta *m)
{
	json_t *pairs = json_object();
	const char *p = m->header, *end = p + m->header_length, *value;
	int r = 0;

	for (; p < end && !r; p += strlen(p) + 1) {
		char name[CHAN_HEADER_MAX];

		value = strchr(p, '=');
		memcpy(name, p, (size_t)(value - p));
		name[value - p] = 0;
		r = json_object_set_new(pairs, name, json_string(value + 1));
	}
	if (!r)
		return json_object_set_new_nocheck(json, "hdr", pairs);
	json_decref(pairs);
	return json_object_set_new_nocheck(
		json, "hdr64", b64_encode((const unsigned char *)m->header, m->header_length));
}

/* Set what the header says. */
static int set_meta(json_t *json, const struct chan_meta *m)
{
	char id[HEADER_ID_SIZE];
	int r = 0;

	r |= json_object_set_new_nocheck(json, "sent", seconds(m->sent));
	r |= json_object_set_new_nocheck(json, "pid", json_integer(m->pid));
	r |= json_object_set_new_nocheck(json, "uid", json_integer(m->uid));
	if (m->flags & CHAN_META_HAS_ID) {
		header_print_id(m, id);
		r |= json_object_set_new_nocheck(json, "id", json_string(id));
	}
	if (m->flags & CHAN_META_HAS_KEY)
		r |= set_bytes(json, "key", "key64", m->key, m->key_length);
	if (m->flags & CHAN_META_HAS_PRIORITY)
		r |= json_object_set_new_nocheck(json, "priority", json_integer(m->priority));
	if (m->ttl > 0)
		r |= json_object_set_new_nocheck(json, "ttl", seconds(m->ttl));
	if (m->header_length)
		r |= set_pairs(json, m);
	return r;
}

/* Set what is known of the message besides its bytes. */
static int set_about(json_t *json, const struct envelope *m)
{
	int r = 0;

	if (m->channel)
		r |= json_object_set_new_nocheck(json, "ch", json_string(m->channel));
	if (m->seq)
		r |= json_object_set_new_nocheck(json, "seq", json_integer((json_int_t)m->seq));
	if (m->time)
		r |= json_object_set_new_nocheck(json, "ts", seconds(m->time));
	if (m->lost)
		r |= json_object_set_new_nocheck(json, "lost", json_integer((json_int_t)m->lost));
	if (m->attempt)
		r |= json_object_set_new_nocheck(json, "attempt", json_integer(m->attempt));
	if (m->leased)
		r |= json_object_set_new_nocheck(json, "leased", json_true());
	if (m->meta)
		r |= set_meta(json, m->meta);
	return r | json_object_set_new_nocheck(json, "len", json_integer((json_int_t)m->len));
}

/* Write the object and a newline, if all went well, and free it. */
static ssize_t finish(json_t *json, int r, char *out, size_t room)
{
	size_t n = r ? 0 : json_dumpb(json, out, room, JSON_COMPACT | JSON_REAL_PRECISION(16));

	json_decref(json);
	if (!n)
		return -ENOMEM;
	if (n < room)
		out[n] = '\n';
	return (ssize_t)n + 1;
}

ssize_t json_encode(const struct envelope *m, char *out, size_t room)
{
	json_t *text = json_stringn(m->data ? m->data : "", m->len);
	const char *key = text ? "data" : "b64";
	json_t *json = json_object();
	int r;

	if (!text) /* not UTF-8 */
		text = b64_encode(m->data, m->len);
	r = set_about(json, m);
	r |= json_object_set_new_nocheck(json, key, text);
	return finish(json, r, out, room);
}

ssize_t json_encode_about(
	const struct envelope *m, uint32_t max_deliver, int64_t ttr, char *out, size_t room)
{
	json_t *json = json_object();
	int64_t deadline;
	int r = set_about(json, m);

	r |= json_object_set_new_nocheck(json, "max_deliver", json_integer(max_deliver));
	if (ttr != CHAN_WAIT && !__builtin_add_overflow(m->time, ttr, &deadline))
		r |= json_object_set_new_nocheck(json, "deadline", seconds(deadline));
	return finish(json, r, out, room);
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

/* ---- reading a header ---- */

static const char bad_hdr[] = "\"hdr\" is not an object of strings, or they are too long";

static const char *get_pairs(const json_t *hdr, struct chan_meta *m)
{
	const char *name;
	json_t *value;

	if (!json_is_object(hdr))
		return bad_hdr;
	json_object_foreach((json_t *)(uintptr_t)hdr, name, value)
	{
		const char *text = json_string_value(value);

		if (!text || strlen(text) != json_string_length(value) ||
			chan_meta_put(m, name, text))
			return bad_hdr;
	}
	return NULL;
}

/* Put pairs that lie one after the other, each with a NUL behind it. */
static const char *get_pairs64(const json_t *hdr, struct chan_meta *m)
{
	const char *text = json_string_value(hdr), *p;
	char block[CHAN_HEADER_MAX + 3];
	ssize_t n = -1;

	if (text && json_string_length(hdr) <= (CHAN_HEADER_MAX + 2) / 3 * 4)
		n = b64_decode(text, json_string_length(hdr), block);
	if (n <= 0 || block[n - 1])
		return "\"hdr64\" is not base64 of pairs";
	for (p = block; p < block + n; p += strlen(p) + 1) {
		const char *value = strchr(p, '=');
		char name[CHAN_HEADER_MAX];

		if (!value || value == p || (size_t)(value - p) >= sizeof(name))
			return "\"hdr64\" is not base64 of pairs";
		memcpy(name, p, (size_t)(value - p));
		name[value - p] = 0;
		if (chan_meta_put(m, name, value + 1))
			return bad_hdr;
	}
	return NULL;
}

static const char *get_key64(const json_t *key, struct chan_meta *m)
{
	const char *text = json_string_value(key);
	char bytes[CHAN_KEY_MAX + 3];
	ssize_t n = -1;

	if (text && json_string_length(key) <= (CHAN_KEY_MAX + 2) / 3 * 4)
		n = b64_decode(text, json_string_length(key), bytes);
	return n >= 0 && !header_set_key(m, bytes, (size_t)n) ? NULL
							      : "\"key64\" is not base64 of a key";
}

/* Read a time in seconds that is not negative: false if it is something else. */
static bool get_seconds(const json_t *value, int64_t *ret)
{
	double s = json_number_value(value);

	if (!json_is_number(value) || !(s >= 0 && s < 9e9))
		return false;
	*ret = (int64_t)(s * 1e9);
	return true;
}

/* Read what the line says of the header.  Returns what is wrong, or NULL. */
static const char *get_meta(const json_t *json, struct chan_meta *m, bool *headed)
{
	const json_t *id = json_object_get(json, "id"), *key = json_object_get(json, "key"),
		     *key64 = json_object_get(json, "key64"),
		     *priority = json_object_get(json, "priority"),
		     *ttl = json_object_get(json, "ttl"), *delay = json_object_get(json, "delay"),
		     *hdr = json_object_get(json, "hdr"), *hdr64 = json_object_get(json, "hdr64");
	const char *why = NULL;

	/* A line that has it was received somewhere, and is sent here as a copy. */
	if (json_object_get(json, "sent"))
		m->flags |= CHAN_META_KEEP;
	*headed = id || key || key64 || priority || ttl || delay || hdr || hdr64;
	if (id && (!json_is_string(id) ||
			  header_set_id(m, json_string_value(id), json_string_length(id))))
		why = "\"id\" is not 16 bytes";
	else if (key && (!json_is_string(key) ||
				header_set_key(m, json_string_value(key), json_string_length(key))))
		why = "\"key\" is not a string of 255 bytes at most";
	else if (key64)
		why = get_key64(key64, m);
	if (!why && priority &&
		(!json_is_number(priority) || header_set_priority(m, json_number_value(priority))))
		why = "\"priority\" is not 0 to 7";
	if (!why && ttl && !get_seconds(ttl, &m->ttl))
		why = "\"ttl\" is not a number of seconds";
	if (!why && delay && !get_seconds(delay, &m->delay))
		why = "\"delay\" is not a number of seconds";
	if (!why && hdr)
		why = get_pairs(hdr, m);
	if (!why && hdr64)
		why = get_pairs64(hdr64, m);
	return why;
}

int json_decode(const char *line, size_t line_len, char **payload, size_t *size, size_t *len,
	struct chan_meta *meta, bool *headed, char *why, size_t why_size, size_t *at)
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
	if (n >= 0) {
		what = get_meta(json, meta, headed);
		if (what)
			n = -EPROTO;
	}
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
