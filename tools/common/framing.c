/* SPDX-License-Identifier: MIT */
/* See framing.h. */
#include "common/framing.h"
#include "common/json.h"
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* Set the byte that follows the message.  Returns how many bytes follow it: 1 or 0. */
static size_t framing_tail(const struct framing *f, char *tail)
{
	*tail = f->kind == FRAMING_NETSTRING ? ',' : (char)f->delimiter;
	return f->kind == FRAMING_NETSTRING || f->kind == FRAMING_DELIMITED;
}

ssize_t framing_encode(const struct framing *f, const struct envelope *m, char *out, size_t room)
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
