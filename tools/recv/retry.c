/* SPDX-License-Identifier: MIT */
/* See retry.h. */
#include "recv/retry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "shmchan.h"

/* Parse the duration text[0..len-1]. */
static int parse_pause(const char *text, size_t len, int64_t *ret)
{
	char copy[64];
	int err;

	if (len >= sizeof(copy))
		return -EINVAL;
	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	err = cli_parse_duration(copy, ret);
	if (!err && *ret == CHAN_WAIT)
		err = -EINVAL;
	return err;
}

static int parse_exponential(const char *text, struct retry_plan *b)
{
	const char *dots = strstr(text, "..");
	int64_t pause, most;
	int err;

	if (!dots)
		return -EINVAL;
	err = parse_pause(text, (size_t)(dots - text), &pause);
	if (!err)
		err = parse_pause(dots + 2, strlen(dots + 2), &most);
	if (err)
		return err;
	if (pause > most || !pause)
		return -EINVAL;
	while (b->count < RETRY_STEPS - 1 && pause < most) {
		b->step[b->count++] = pause;
		pause = pause > most / 2 ? most : 2 * pause;
	}
	b->step[b->count++] = most;
	return 0;
}

static int parse_list(const char *text, struct retry_plan *b)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int err;

		if (b->count == RETRY_STEPS)
			return -ERANGE;
		err = parse_pause(text, len, &b->step[b->count]);
		if (err)
			return err;
		b->count++;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

int retry_parse(const char *text, struct retry_plan *ret)
{
	struct retry_plan b = {0};
	int err;

	if (!strncmp(text, "exp:", 4))
		err = parse_exponential(text + 4, &b);
	else if (!strncmp(text, "fixed:", 6) && !strchr(text, ','))
		err = parse_list(text + 6, &b);
	else
		err = parse_list(text, &b);
	if (!err)
		*ret = b;
	return err;
}

int64_t retry_pause(const struct retry_plan *b, uint32_t attempt, uint32_t random)
{
	unsigned i = attempt ? attempt - 1 : 0;
	int64_t pause = b->step[i < b->count ? i : b->count - 1];

	/* In thousandths of it, from 800 to 1200; the long ones without the loss of precision. */
	return pause < INT64_MAX / 1200 ? pause * (800 + random % 401) / 1000
					: pause / 1000 * (800 + random % 401);
}
