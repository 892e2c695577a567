/* SPDX-License-Identifier: MIT */
/* See input.h. */
#include "recv/input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a pipe takes by default; a user who has many gets smaller ones (pipe(7)). */
#define PIPE_SIZE ((size_t)64 << 10)

/* Returns a pipe that has all of it, or -EAGAIN if it has no room. */
static int fill_pipe(const void *data, size_t len)
{
	ssize_t n = 0;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	if (len)
		n = write(fd[1], data, len);
	close(fd[1]);
	if (n == (ssize_t)len && !fcntl(fd[0], F_SETFL, 0))
		return fd[0];
	close(fd[0]);
	return -EAGAIN;
}

static int fill_file(const char *data, size_t len)
{
	int fd = memfd_create("chanrecv stdin", MFD_CLOEXEC), err = fd < 0 ? -errno : 0;

	while (len && !err) {
		ssize_t n = write(fd, data, len);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			err = n ? -errno : -EIO;
		}
	}
	if (!err && lseek(fd, 0, SEEK_SET))
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int input_open(const void *data, size_t len)
{
	int fd = len <= PIPE_SIZE ? fill_pipe(data, len) : -EAGAIN;

	return fd == -EAGAIN ? fill_file(data, len) : fd;
}
