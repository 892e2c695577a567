/* SPDX-License-Identifier: MIT */
#include "control/message.h"

#include <errno.h>
#include <string.h>

/* Is it text, with a newline at its end?  Returns NULL, or what is wrong. */
static const char *check_text(const char *text, size_t len)
{
	if (len < 2 || text[len - 1] != '\n')
		return "a packet ends with a newline";
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			return "a packet is text, without control characters";
	return NULL;
}

/* Returns the line at *at, without its newline, and moves *at behind it. */
static char *line(char **at)
{
	char *start = *at, *newline = strchr(start, '\n');

	*newline = 0;
	*at = newline + 1;
	return start;
}

static int parse_pairs(struct message *ret, char *at, const char **why)
{
	while (*at) {
		char *key = line(&at), *equals = strchr(key, '=');

		*why = "a line after the first is key=value";
		if (!equals || equals == key)
			return -EINVAL;
		*equals = 0;
		*why = "a key is given twice";
		if (message_get(ret, key))
			return -EINVAL;
		*why = "there are too many keys";
		if (ret->n == MESSAGE_PAIRS)
			return -EINVAL;
		ret->pair[ret->n++] = (struct message_pair){key, equals + 1};
	}
	return 0;
}

int message_parse(struct message *ret, char *text, size_t len, const char **why)
{
	struct message m = {.n = 0};
	char *at = text, *first, *space;
	int err;

	text[len] = 0;
	*why = check_text(text, len);
	if (*why)
		return -EINVAL;
	first = line(&at);
	space = strchr(first, ' ');
	*why = "this is protocol " MESSAGE_PROTOCOL ": a packet begins with '" MESSAGE_PROTOCOL
	       " VERB'";
	if (!space)
		return -EINVAL;
	*space = 0;
	if (strcmp(first, MESSAGE_PROTOCOL) != 0)
		return -EPROTONOSUPPORT;
	m.verb = space + 1;
	err = parse_pairs(&m, at, why);
	if (err == 0)
		*ret = m;
	return err;
}

const char *message_get(const struct message *m, const char *key)
{
	for (unsigned i = 0; i < m->n; i++)
		if (!strcmp(m->pair[i].key, key))
			return m->pair[i].value;
	return NULL;
}
