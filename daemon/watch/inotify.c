/* SPDX-License-Identifier: MIT */
/* The model is in inotify.h. */
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
#include "table.h"

/* The events of a segment.  Messages pass through mappings, which inotify does not see. */
#define SEGMENT_EVENTS (IN_OPEN | IN_CLOSE_WRITE | IN_ATTRIB | IN_MODIFY)

static struct source source = {.fd = -1};
static int directory = -1; /* its number */
static struct inotify_reports report;

/* ---- segments ---- */

static int by_wd(const void *item, const void *key)
{
	int a = ((const struct inotify_segment *)item)->wd, b = *(const int *)key;

	return (a > b) - (a < b);
}

static struct table segments = {.order = by_wd};

/* Those that have events which are not reported yet. */
static struct inotify_segment *queue, **last = &queue;

static void enqueue(struct inotify_segment *s)
{
	if (s->queued)
		return;
	s->queued = true;
	s->next = NULL;
	*last = s;
	last = &s->next;
}

static void dequeue(struct inotify_segment *s)
{
	struct inotify_segment **at = &queue;

	if (!s->queued)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (!*at)
		last = at;
	s->queued = false;
}

int inotify_add(struct inotify_segment *s, const char *name)
{
	char path[PATH_MAX], file[NAMES_FILE_SIZE];
	int wd, err;

	name_file(file, settings->uid, name);
	snprintf(path, sizeof(path), NAMES_DIR "/%s", file);
	wd = inotify_add_watch(source.fd, path, SEGMENT_EVENTS);
	if (wd < 0)
		return errno == ENOSPC ? -ERROR_NO_WATCH : -errno;
	if (table_find(&segments, &wd))
		return -EEXIST;
	s->wd = wd;
	err = table_add(&segments, &s->wd, s);
	if (err < 0)
		inotify_rm_watch(source.fd, wd);
	return err;
}

void inotify_remove(struct inotify_segment *s)
{
	dequeue(s);
	/* The kernel may have taken the watch back, and even given its number away. */
	if (table_find(&segments, &s->wd) == s) {
		table_remove(&segments, &s->wd);
		inotify_rm_watch(source.fd, s->wd);
	}
}

void inotify_each(void (*fn)(struct inotify_segment *segment))
{
	for (size_t i = 0; i < segments.n;) {
		struct inotify_segment *s = segments.at[i];

		fn(s);
		if (i < segments.n && segments.at[i] == s)
			i++;
	}
}

/* ---- events ---- */

static void happened(int wd, uint32_t mask)
{
	struct inotify_segment *s = table_find(&segments, &wd);

	if (!s)
		return;
	s->pending |= mask;
	s->closes += !!(mask & IN_CLOSE_WRITE);
	enqueue(s);
}

static void report_pending(void)
{
	struct inotify_segment *s;

	while ((s = queue)) {
		uint32_t pending = s->pending;
		unsigned closes = s->closes;

		dequeue(s);
		s->pending = 0;
		s->closes = 0;
		s->happened(s, pending, closes);
	}
}

static void read_one(const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		report.overflowed();
	else if (e->wd != directory)
		happened(e->wd, e->mask);
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
	report_pending();
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
