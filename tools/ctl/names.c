/* SPDX-License-Identifier: MIT */
/* The model is in names.h. */
#include "ctl/names.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/inotify.h"
#include "common/message.h"
#include "ctl/channel.h"
#include "ctl/feed.h"
#include "ctl/monitored.h"

/* How often to list the names, without inotify. */
#define NAMES_EVERY INT64_C(1000000000)

static const char *wanted; /* a glob, or NULL: all */
static int names_fd = -1;
static int64_t names_again; /* when to list the names, if there is no names_fd */

static void watch(const char *name, const char *event)
{
	struct monitored *w = monitored_start(name, event);

	if (w->channel.ch)
		w->feed = feed_of(name);
}

static void handle_created(const char *name)
{
	struct monitored *w = monitored_named(name);

	if (w && w->channel.ch && !ctl_refresh(&w->channel) && !w->channel.stat.removed)
		return; /* it was found before inotify reported it */
	if (w)
		monitored_stop(w);
	watch(name, "created");
}

static void handle_name(const struct inotify_event *event)
{
	char name[NAME_MAX + 64];
	struct monitored *w;

	if (!event->len || !ctl_name_of_file(name, sizeof(name), event->name) ||
		!ctl_matches(wanted, name))
		return;
	if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
		handle_created(name);
		return;
	}
	w = monitored_named(name);
	if (w)
		monitored_stop(w);
}

/* A name of chan_list(), with OWNER as in handle_name(). */
static int watch_listed(const char *name, void *event)
{
	if (ctl_matches(wanted, name) && !monitored_named(name))
		watch(name, event);
	return 0;
}

/* inotify lost events: find out which names are there and which are not. */
static void list_again(void)
{
	for (size_t i = monitored_count(); i-- > 0;) {
		struct monitored *w = monitored_at(i);
		struct ctl_channel probe;
		bool gone = ctl_open(&probe, w->channel.name) == -ENOENT;

		ctl_forget(&probe);
		if (gone || (w->channel.ch && !ctl_refresh(&w->channel) && w->channel.stat.removed))
			monitored_stop(w);
	}
	chan_list(watch_listed, (char[]){"created"});
}

void names_read(void)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	if (names_fd < 0) {
		if (!cli_remaining(names_again)) {
			list_again();
			names_again = cli_deadline(NAMES_EVERY);
		}
		return;
	}
	while ((len = read(names_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *event = (const void *)(buf + at);

			if (event->mask & IN_Q_OVERFLOW)
				list_again();
			else
				handle_name(event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

int names_start(const char *glob, int poll_fd)
{
	struct epoll_event in = {.events = EPOLLIN};
	const char *why;

	wanted = glob;
	names_fd = cli_watch_names(&why);
	if (names_fd >= 0)
		return epoll_ctl(poll_fd, EPOLL_CTL_ADD, names_fd, &in) ? -errno : 0;
	cli_warn(NULL, "%s; listing the names once a second instead", why);
	names_again = cli_deadline(NAMES_EVERY);
	return 0;
}

int names_list(void)
{
	return chan_list(watch_listed, (char[]){"present"});
}
