/* SPDX-License-Identifier: MIT */
/*
 * See format.h.  The format is read again for each message, since it is short.
 */
#include "recv/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/header.h"

/* An output that counts all bytes, and stores those that fit. */
struct output {
	char *out;
	size_t room;
	size_t used;
};

static void put(struct output *o, const void *data, size_t len)
{
	if (o->used < o->room && len && len <= o->room - o->used)
		memcpy(o->out + o->used, data, len);
	o->used += len;
}

static void put_hex(struct output *o, const struct envelope *m)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = m->data;

	for (size_t i = 0; i < m->len; i++)
		put(o, (char[]){digits[p[i] >> 4], digits[p[i] & 15]}, 2);
}

static void put_quoted(struct output *o, const struct envelope *m)
{
	const char *p = m->data, *end = p + m->len;

	put(o, "'", 1);
	while (p < end) {
		const char *quote = memchr(p, '\'', (size_t)(end - p));

		put(o, p, (size_t)((quote ? quote : end) - p));
		if (quote)
			put(o, "'\\''", 4);
		p = quote ? quote + 1 : end;
	}
	put(o, "'", 1);
}

static void put_number(struct output *o, uint64_t n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64, n);

	put(o, text, (size_t)len);
}

static void put_time(struct output *o, int64_t ns)
{
	char text[40];
	int len = snprintf(
		text, sizeof(text), "%" PRId64 ".%06" PRId64, ns / 1000000000, ns / 1000 % 1000000);

	put(o, text, (size_t)len);
}

/* Write what the header has of a field; nothing if there is none. */
static void put_header(struct output *o, char field, const struct chan_meta *m)
{
	char id[HEADER_ID_SIZE];

	switch (m ? field : 0) {
	case 'i':
		if (m->flags & CHAN_META_HAS_ID) {
			header_print_id(m, id);
			put(o, id, strlen(id));
		}
		break;
	case 'k':
		put(o, m->key, m->key_length);
		break;
	case 'T':
		put_time(o, m->sent);
		break;
	case 'u':
		put_number(o, m->uid);
		break;
	case 'P':
		put_number(o, (uint64_t)m->pid);
		break;
	}
}

/* Write the pair of the name in "{NAME}", which begins at `format`.  Returns what follows. */
static const char *put_pair(struct output *o, const char *format, const struct envelope *m)
{
	const char *end = strchr(format, '}'), *value;
	char name[CHAN_HEADER_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)(end - format - 1), format + 1);
	value = m->meta ? chan_meta_get(m->meta, name) : NULL;
	if (value)
		put(o, value, strlen(value));
	return end + 1;
}

static void put_field(struct output *o, char field, const struct envelope *m)
{
	static const struct framing len32 = {.kind = FRAMING_LEN32};
	char head[FRAMING_HEAD_MAX];

	switch (field) {
	case 'p':
		put(o, m->data, m->len);
		break;
	case 'x':
		put_hex(o, m);
		break;
	case 'q':
		put_quoted(o, m);
		break;
	case 'l':
		put_number(o, m->len);
		break;
	case 'L':
		put(o, head, framing_head(&len32, m->len, head));
		break;
	case 'n':
		put(o, m->channel, strlen(m->channel));
		break;
	case 's':
		put_number(o, m->seq);
		break;
	case 't':
		put_time(o, m->time);
		break;
	case 'a':
		put_number(o, m->meta ? m->meta->attempt : m->attempt);
		break;
	case '%':
		put(o, "%", 1);
		break;
	default:
		put_header(o, field, m->meta);
	}
}

int format_check(const char *format, const char **bad)
{
	unsigned char byte;

	while (*format) {
		*bad = format;
		if (*format == '%' && (!format[1] || !strchr("pxqlLnstikTuPah%", format[1])))
			return -EINVAL;
		if (*format == '%' && format[1] == 'h') {
			if (format[2] != '{' || !strchr(format, '}'))
				return -EINVAL;
			format = strchr(format, '}') + 1;
		} else if (*format == '\\') {
			format++;
			if (framing_parse_escape(&format, &byte))
				return -EINVAL;
		} else {
			format += *format == '%' ? 2 : 1;
		}
	}
	return 0;
}

ssize_t format_encode(const char *format, const struct envelope *m, char *out, size_t room)
{
	struct output o = {.out = out, .room = room};
	unsigned char byte;

	while (*format) {
		size_t plain = strcspn(format, "%\\");

		put(&o, format, plain);
		format += plain;
		if (*format == '%' && format[1] == 'h') {
			format = put_pair(&o, format + 2, m);
		} else if (*format == '%') {
			put_field(&o, format[1], m);
			format += 2;
		} else if (*format) {
			format++;
			if (framing_parse_escape(&format, &byte))
				return -EINVAL;
			put(&o, &byte, 1);
		}
	}
	return (ssize_t)o.used;
}
