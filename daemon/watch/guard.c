/* SPDX-License-Identifier: MIT */
/* The model is in guard.h. */
#include "watch/guard.h"

#include <errno.h>
#include <string.h>

#include "channel.h"
#include "channel/channel.h"
#include "log.h"
#include "segment/guard_file.h"
#include "settings.h"

static struct guard_file file;

void guard_start(void)
{
	int err = CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX ? guard_file_make(&file, settings->uid)
						       : -EOPNOTSUPP;

	if (err < 0)
		log_line(LOG_NOTICE, "unguarded", NULL, 0,
			"those that wait in a channel look each second by themselves: %s",
			err == -EOPNOTSUPP ? "this system has no futex_waitv(2)" : strerror(-err));
}

void guard_stop(void)
{
	guard_file_remove(&file);
}

void guard_cover(struct channel *c)
{
	if (file.guard)
		channel_cover(c->observer, file.guard->id);
}

void guard_uncover(struct channel *c)
{
	if (file.guard)
		channel_uncover(c->observer, file.guard->id);
}
