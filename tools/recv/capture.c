/* SPDX-License-Identifier: MIT */
/* See capture.h. */
#include "recv/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "common/output.h"

/* A line that is longer is printed in pieces. */
#define LINE_MOST (1u << 20)

static void print(struct capture *c, const char *data, size_t len)
{
	size_t done;
	int err = len ? output_records(data, &len, 1, &done) : 0;

	if (err && !c->err)
		c->err = err;
}

/* ---- lines ---- */

static int make_room(struct capture *c)
{
	size_t room = c->room ? 2 * c->room : 4096;
	char *line;

	if (c->used < c->room)
		return 0;
	if (c->room == LINE_MOST) {
		print(c, c->line, c->used);
		c->used = 0;
		return 0;
	}
	line = realloc(c->line, room);
	if (!line)
		return -ENOMEM;
	c->line = line;
	c->room = room;
	return 0;
}

/* Read once, and print the lines that are whole.  Returns how much was read, 0 or less if there
 * is nothing now. */
static ssize_t read_lines(struct capture *c)
{
	const char *end;
	ssize_t n;

	if (make_room(c)) {
		if (!c->used)
			return -ENOMEM;
		print(c, c->line, c->used);
		c->used = 0;
	}
	n = read(c->fd, c->line + c->used, c->room - c->used);
	if (n == 0)
		reactor_forget(&c->in); /* the child has closed its stdout */
	if (n <= 0)
		return n;
	c->used += (size_t)n;
	end = memrchr(c->line, '\n', c->used);
	if (end) {
		size_t whole = (size_t)(end + 1 - c->line);

		print(c, c->line, whole);
		c->used -= whole;
		memmove(c->line, c->line + whole, c->used);
	}
	return n;
}

/* Print what the child has left in the pipe, and not what its own children may go on writing. */
static void print_rest(struct capture *c)
{
	int left = 0;
	ssize_t n;

	for (ioctl(c->fd, FIONREAD, &left); left > 0; left -= (int)n) {
		n = read_lines(c);
		if (n <= 0)
			break;
	}
	print(c, c->line, c->used);
}

static void on_line(struct reactor_fd *source)
{
	read_lines(container_of(source, struct capture, in));
}

static int open_pipe(struct capture *c, int *ret_out)
{
	int fd[2], err;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	c->in.fd = fd[0];
	err = reactor_watch(&c->in, EPOLLIN);
	if (err) {
		close(fd[0]);
		close(fd[1]);
		return err;
	}
	c->fd = fd[0];
	*ret_out = fd[1];
	return 0;
}

/* ---- a file in memory ---- */

/* Returns what is in it, which the caller frees; NULL if that is nothing, or there is no
 * memory. */
static char *read_file(struct capture *c, size_t *len)
{
	struct stat st;
	char *data;
	ssize_t n;

	*len = 0;
	if (fstat(c->fd, &st) || !st.st_size)
		return NULL;
	data = malloc((size_t)st.st_size);
	if (!data) {
		c->err = -ENOMEM;
		return NULL;
	}
	while (*len < (size_t)st.st_size) {
		n = pread(c->fd, data + *len, (size_t)st.st_size - *len, (off_t)*len);
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	return data;
}

static void print_file(struct capture *c)
{
	size_t len;
	char *data = read_file(c, &len);

	print(c, data, len);
	free(data);
}

/* ---- all ---- */

int capture_open(struct capture *ret, enum exec_output how, int *ret_out)
{
	*ret = (struct capture){.in = {.ready = on_line, .fd = -1}, .how = how, .fd = -1};
	*ret_out = -1;
	switch (how) {
	case OUTPUT_GROUP:
	case OUTPUT_REPLY:
		ret->fd = memfd_create("chanrecv stdout", MFD_CLOEXEC);
		*ret_out = ret->fd;
		return ret->fd < 0 ? -errno : 0;
	case OUTPUT_LINE:
		return open_pipe(ret, ret_out);
	case OUTPUT_DISCARD:
		*ret_out = open("/dev/null", O_WRONLY | O_CLOEXEC);
		return *ret_out < 0 ? -errno : 0;
	default:
		return 0;
	}
}

void capture_given(const struct capture *c, int out)
{
	if (out >= 0 && out != c->fd)
		close(out);
}

int capture_finish(struct capture *c)
{
	if (c->how == OUTPUT_GROUP) {
		print_file(c);
	} else if (c->how == OUTPUT_LINE) {
		print_rest(c);
	} else if (c->how == OUTPUT_REPLY) {
		c->reply = read_file(c, &c->reply_len);
	}
	capture_close(c);
	return c->err;
}

void capture_close(struct capture *c)
{
	reactor_forget(&c->in);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->line);
	c->line = NULL;
	c->used = c->room = 0;
}
