/* SPDX-License-Identifier: MIT */
/* See brief.h. */
#include "recv/brief.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/header.h"
#include "common/json.h"

/* The kernel's limit of one argument, its NUL included (MAX_ARG_STRLEN). */
#define ARG_MOST 131072
/* More than any object has that is told of a message. */
#define META_MOST 16384

/* ---- the environment ---- */

__attribute__((format(printf, 2, 3))) static void add(struct brief_env *e, const char *fmt, ...)
{
	size_t room = sizeof(e->text) - e->used, i = 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(e->text + e->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return; /* not with the names and numbers that there are */
	while (e->list[i])
		i++;
	if (i + 1 == BRIEF_ENV_MOST)
		return; /* of the pairs of a header there may be more */
	e->list[i] = e->text + e->used;
	e->list[i + 1] = NULL;
	e->used += (size_t)n + 1;
}

/* Seconds with decimals. */
static void add_time(struct brief_env *e, const char *name, int64_t ns)
{
	add(e, "%s=%" PRId64 ".%06" PRId64, name, ns / 1000000000, ns / 1000 % 1000000);
}

void brief_env_channel(struct brief_env *ret, const struct exec_options *x, const char *channel)
{
	ret->used = 0;
	ret->list[0] = NULL;
	add(ret, "CHAN_NAME=%s", channel);
	add(ret, "CHAN_MAX_DELIVER=%" PRIu32, x->max_deliver);
}

/* CHAN_HDR_NAME for each pair; in the name only A-Z, 0-9 and _, others are _. */
static void add_pairs(struct brief_env *e, const struct chan_meta *m)
{
	const char *end = m->header + m->header_length;

	for (const char *p = m->header; p < end; p += strlen(p) + 1) {
		char name[CHAN_HEADER_MAX];
		size_t n = strcspn(p, "=");

		for (size_t i = 0; i < n; i++) {
			char c = p[i] >= 'a' && p[i] <= 'z' ? (char)(p[i] - 'a' + 'A') : p[i];
			bool fine = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

			name[i] = fine ? c : '_';
		}
		name[n] = 0;
		add(e, "CHAN_HDR_%s=%s", name, p + n + 1);
	}
}

static void add_header(struct brief_env *e, const struct chan_meta *m)
{
	char id[HEADER_ID_SIZE];

	add(e, "CHAN_SENDER_PID=%" PRId32, m->pid);
	add(e, "CHAN_SENDER_UID=%" PRIu32, m->uid);
	if (m->flags & CHAN_META_HAS_ID) {
		header_print_id(m, id);
		add(e, "CHAN_ID=%s", id);
	}
	/* A key may have any bytes, and an environment no NUL. */
	if (m->flags & CHAN_META_HAS_KEY && strlen(m->key) == m->key_length)
		add(e, "CHAN_KEY=%s", m->key);
	if (m->reply_to[0])
		add(e, "CHAN_REPLY_TO=%s", m->reply_to);
	add_pairs(e, m);
}

void brief_env(struct brief_env *ret, const struct exec_options *x, const char *channel,
	const struct chan_lease *lease, size_t len, const struct chan_meta *meta)
{
	int64_t now = clock_real(), deadline;

	brief_env_channel(ret, x, channel);
	add(ret, "CHAN_SEQ=%" PRIu64, lease->seq);
	add(ret, "CHAN_SIZE=%zu", len);
	add(ret, "CHAN_ATTEMPT=%" PRIu32, lease->attempt);
	add_time(ret, "CHAN_TIME", meta ? meta->sent : now);
	if (meta)
		add_header(ret, meta);
	if (x->ttr != CHAN_WAIT && !__builtin_add_overflow(now, x->ttr, &deadline))
		add_time(ret, "CHAN_DEADLINE", deadline);
}

/* ---- arguments ---- */

/* Returns the argument with `text` for each "{}", or NULL. */
static char *fill_in(const char *arg, const char *text, size_t len)
{
	size_t size = strlen(arg) + 1;
	const char *at;
	char *filled, *to;

	for (at = arg; (at = strstr(at, "{}")); at += 2)
		size += len;
	filled = to = malloc(size);
	if (!filled)
		return NULL;
	while ((at = strstr(arg, "{}"))) {
		to = mempcpy(to, arg, (size_t)(at - arg));
		to = mempcpy(to, text, len);
		arg = at + 2;
	}
	memcpy(to, arg, strlen(arg) + 1);
	return filled;
}

static int fill_all(char **args, char *const *command, const char *text, size_t len)
{
	for (size_t i = 0; command[i]; i++) {
		args[i] = i ? fill_in(command[i], text, len) : strdup(command[i]);
		if (!args[i])
			return -ENOMEM;
		if (strlen(args[i]) >= ARG_MOST)
			return -E2BIG;
	}
	return 0;
}

int brief_args(char ***ret, char *const *command, const struct chan_lease *lease)
{
	size_t n = 0;
	char **args, *text;
	int err = 0;

	if (lease->len >= ARG_MOST)
		return -E2BIG;
	while (command[n])
		n++;
	args = calloc(n + 1, sizeof(*args));
	text = malloc(lease->len + 1); /* a copy, which no peer changes meanwhile */
	if (!args || !text) {
		err = -ENOMEM;
	} else {
		memcpy(text, lease->data, lease->len);
		err = memchr(text, '\0', lease->len) ? -EILSEQ
						     : fill_all(args, command, text, lease->len);
	}
	free(text);
	if (err)
		brief_args_free(args);
	else
		*ret = args;
	return err;
}

void brief_args_free(char **args)
{
	for (size_t i = 0; args && args[i]; i++)
		free(args[i]);
	free(args);
}

/* ---- JSON ---- */

int brief_meta(int fd, const struct exec_options *x, const char *channel,
	const struct chan_lease *lease, const struct chan_meta *meta)
{
	struct envelope m = {.channel = channel,
		.seq = lease->seq,
		.time = clock_real(),
		.len = lease->len,
		.attempt = lease->attempt,
		.meta = meta};
	char *text = malloc(META_MOST);
	ssize_t n = text ? json_encode_about(&m, x->max_deliver, x->ttr, text, META_MOST) : -ENOMEM;

	if (n > META_MOST)
		n = -ENAMETOOLONG;
	if (n > 0 && write(fd, text, (size_t)n) != n)
		n = -EIO;
	free(text);
	return n < 0 ? (int)n : 0;
}
