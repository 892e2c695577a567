/* SPDX-License-Identifier: MIT */
#include "config/refused.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static char **paths;
static unsigned n, room;

void refused_begin(void)
{
	while (n)
		free(paths[--n]);
}

/* The lines of a file come one after the other. */
static bool again(const char *path)
{
	return n && paths[n - 1] && !strcmp(paths[n - 1], path);
}

static void count(const char *path)
{
	if (again(path))
		return;
	if (n == room) {
		unsigned larger = room ? 2 * room : 16;
		char **grown = reallocarray(paths, larger, sizeof(*grown));

		if (!grown)
			return;
		paths = grown;
		room = larger;
	}
	paths[n] = strdup(path);
	n += paths[n] != NULL;
}

void refused_add(const char *path, unsigned line, const char *channel, const char *why)
{
	char at[32] = "";

	if (line)
		snprintf(at, sizeof(at), "line %u: ", line);
	log_line(LOG_ERR, "config", channel, 0, "%s: %s%s; refused as a whole", path, at, why);
	count(path);
}

unsigned refused_count(void)
{
	return n;
}

const char *refused_text(char *text, size_t size)
{
	size_t len = 0;

	*text = 0;
	for (unsigned i = 0; i < n; i++) {
		int more = snprintf(text + len, size - len, "%s%s", i ? " " : "", paths[i]);

		if (more < 0 || (size_t)more >= size - len) {
			text[len] = 0;
			break;
		}
		len += (size_t)more;
	}
	return text;
}
