/* SPDX-License-Identifier: MIT */
/* See collect.h. */
#include "support/collect.h"

#include "shmchan.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int collect(const char *name, void *prefix)
{
	size_t length = strlen(prefix);
	long pid = strncmp(name, prefix, length) ? 0 : strtol(name + length, NULL, 10);
	chan_t *ch;

	if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH ||
		chan_open(&ch, name, 0, NULL) < 0)
		return 0;
	chan_detach(ch);
	chan_remove(name);
	return 0;
}

void collect_channels(const char *prefix)
{
	chan_list(collect, (char *)(uintptr_t)prefix);
}
