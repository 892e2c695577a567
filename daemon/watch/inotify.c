/* SPDX-License-Identifier: MIT */
#include "watch/inotify.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/names.h"
#include "errors.h"
#include "settings.h"

/* The events of a segment.  Messages pass through mappings, which inotify does not see. */
#define SEGMENT_EVENTS (IN_OPEN | IN_CLOSE_WRITE | IN_ATTRIB | IN_MODIFY)

static struct source source = {.fd = -1};
static int directory = -1; /* its number */
static struct inotify_reports report;

static void read_one(const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		report.overflowed();
	else if (e->wd != directory)
		report.happened(e->wd, e->mask);
	else if (e->len)
		report.appeared(e->name);
}

static void read_events(struct source *unused)
{
	union {
		struct inotify_event event;
		char bytes[4096];
	} buffer;
	ssize_t n = 1;

	(void)unused;
	for (int i = 0; i < 16 && n > 0; i++) {
		n = read(source.fd, &buffer, sizeof(buffer));
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (void *)(buffer.bytes + at);

			at += (ssize_t)(sizeof(*e) + e->len);
			read_one(e);
		}
	}
	report.paused();
	if (n > 0)
		loop_again(settings->loop, &source);
}

int inotify_start(const struct inotify_reports *reports)
{
	report = *reports;
	source = (struct source){.events = POLLIN, .ready = read_events};
	source.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (source.fd < 0)
		return errno == EMFILE ? -ERROR_NO_INOTIFY : -errno;
	directory = inotify_add_watch(source.fd, NAMES_DIR, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	if (directory < 0)
		return errno == ENOSPC ? -ERROR_NO_WATCH : -errno;
	return loop_add(settings->loop, &source);
}

int inotify_add(const char *name)
{
	char path[PATH_MAX], file[NAMES_FILE_SIZE];
	int wd;

	name_file(file, settings->uid, name);
	snprintf(path, sizeof(path), NAMES_DIR "/%s", file);
	wd = inotify_add_watch(source.fd, path, SEGMENT_EVENTS);
	if (wd < 0)
		return errno == ENOSPC ? -ERROR_NO_WATCH : -errno;
	return wd;
}

void inotify_remove(int wd)
{
	inotify_rm_watch(source.fd, wd);
}
