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

/* The kernel's limit of one argument, its NUL included (MAX_ARG_STRLEN). */
#define ARG_MOST 131072

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

void brief_env(struct brief_env *ret, const struct exec_options *x, const char *channel,
	const struct chan_lease *lease, size_t len)
{
	int64_t now = clock_real(), deadline;

	brief_env_channel(ret, x, channel);
	add(ret, "CHAN_SEQ=%" PRIu64, lease->seq);
	add(ret, "CHAN_SIZE=%zu", len);
	add(ret, "CHAN_ATTEMPT=%" PRIu32, lease->attempt);
	add_time(ret, "CHAN_TIME", now);
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

int brief_meta(
	int fd, const struct exec_options *x, const char *channel, const struct chan_lease *lease)
{
	int64_t now = clock_real(), deadline;
	char text[512], until[64] = "";
	int n;

	if (x->ttr != CHAN_WAIT && !__builtin_add_overflow(now, x->ttr, &deadline))
		snprintf(until, sizeof(until), ",\"deadline\":%" PRId64 ".%06" PRId64,
			deadline / 1000000000, deadline / 1000 % 1000000);
	/* No name of a channel has a byte that JSON escapes. */
	n = snprintf(text, sizeof(text),
		"{\"ch\":\"%s\",\"seq\":%" PRIu64 ",\"ts\":%" PRId64 ".%06" PRId64
		",\"len\":%zu,\"attempt\":%" PRIu32 ",\"max_deliver\":%" PRIu32 "%s}\n",
		channel, lease->seq, now / 1000000000, now / 1000 % 1000000, lease->len,
		lease->attempt, x->max_deliver, until);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	return write(fd, text, (size_t)n) == n ? 0 : -EIO;
}
