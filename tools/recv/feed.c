/* SPDX-License-Identifier: MIT */
/* See feed.h. */
#include "recv/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/container.h"

static void close_pipe(struct feed *f)
{
	if (f->fd < 0)
		return;
	reactor_forget(&f->out);
	close(f->fd);
	f->fd = -1;
}

/* Write what the pipe takes.  While some is left, the pipe is watched. */
static void flush(struct feed *f)
{
	while (f->fd >= 0 && f->done < f->len) {
		ssize_t n = write(f->fd, f->data + f->done, f->len - f->done);

		if (n >= 0) {
			f->done += (size_t)n;
		} else if (errno == EAGAIN) {
			if (f->out.fd >= 0)
				return;
			f->out.fd = f->fd;
			if (!reactor_watch(&f->out, EPOLLOUT))
				return;
			close_pipe(f);
		} else if (errno != EINTR) {
			close_pipe(f); /* the child reads no more */
		}
	}
	f->len = f->done = 0;
	if (f->last)
		close_pipe(f);
	else if (f->fd >= 0)
		reactor_forget(&f->out);
}

static void on_room(struct reactor_fd *source)
{
	flush(container_of(source, struct feed, out));
}

int feed_open(struct feed *ret, int *ret_in)
{
	int fd[2];

	*ret = (struct feed){.out = {.ready = on_room, .fd = -1}, .fd = -1};
	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	ret->fd = fd[1];
	*ret_in = fd[0];
	return 0;
}

int feed_more(struct feed *f, const void *data, size_t len)
{
	size_t left = f->len - f->done;

	if (f->fd < 0)
		return 0; /* nobody reads it */
	if (f->done) {
		memmove(f->data, f->data + f->done, left);
		f->len = left;
		f->done = 0;
	}
	if (left + len > f->room) {
		size_t room = 2 * (left + len);
		char *larger = realloc(f->data, room);

		if (!larger)
			return -ENOMEM;
		f->data = larger;
		f->room = room;
	}
	memcpy(f->data + left, data, len);
	f->len = left + len;
	flush(f);
	return 0;
}

void feed_end(struct feed *f)
{
	f->last = true;
	flush(f);
}

void feed_close(struct feed *f)
{
	close_pipe(f);
	free(f->data);
	f->data = NULL;
	f->len = f->done = f->room = 0;
}
