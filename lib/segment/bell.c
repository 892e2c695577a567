/* SPDX-License-Identifier: MIT */
/* The model is in bell.h. */
#include "segment/bell.h"

#include "base/errors.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <unistd.h>

bool bell_ring(const struct segment *s)
{
	int saved = errno;
	char byte;
	/* Only a read that gets something is an access.  If the program has closed the
	 * descriptor, this reads from what got its number, at the beginning, at most. */
	bool rung = pread(s->own.fd, &byte, 1, 0) == 1;

	errno = saved;
	return rung;
}

int bell_open(struct descriptor *d)
{
	int err = descriptor_inotify(d);

	return err < 0 ? error_from(TRIED_LISTEN, err) : 0;
}

static int watch(const struct descriptor *d, const struct segment *s, uint32_t events)
{
	char path[sizeof("/proc/self/fd/") + 10];
	int number;

	if (!descriptor_ours(&s->own) || !descriptor_ours(d))
		return -EBADFD;
	/* The link leads to the file, whether it has a name or not. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->own.fd);
	number = inotify_add_watch(d->fd, path, events);
	return number < 0 ? error_from(TRIED_LISTEN, errno) : number;
}

int bell_watch(const struct descriptor *d, const struct segment *s)
{
	return watch(d, s, BELL_EVENTS);
}

int bell_watch_ends(const struct descriptor *d, const struct segment *s)
{
	return watch(d, s, IN_CLOSE_WRITE);
}

int bell_listen(const struct descriptor *d, const struct segment *s)
{
	int number = bell_watch(d, s);

	if (number >= 0)
		bell_ring(s);
	return number;
}

void bell_ignore(const struct descriptor *d, int watch)
{
	int saved = errno;

	if (descriptor_ours(d))
		inotify_rm_watch(d->fd, watch);
	errno = saved;
}

void bell_hear(const struct descriptor *d,
	void (*heard)(int watch, struct bell_heard what, void *arg), void *arg)
{
	alignas(struct inotify_event) char events[4096];
	int saved = errno;
	ssize_t n;

	if (!descriptor_ours(d))
		return;
	do {
		const struct inotify_event *e;

		n = read(d->fd, events, sizeof(events));
		for (ssize_t i = 0; i + (ssize_t)sizeof(*e) <= n;
			i += (ssize_t)(sizeof(*e) + e->len)) {
			e = (const void *)&events[i];
			heard(e->wd,
				(struct bell_heard){.named = e->mask & IN_ATTRIB,
					.opened = e->mask & IN_OPEN,
					.closed = e->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW)},
				arg);
		}
	} while (n > (ssize_t)sizeof(events) / 2);
	errno = saved;
}
