/* SPDX-License-Identifier: MIT */
/* See io.h. */
#include "common/io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/deadline.h"
#include "common/signals.h"

/* After a signal: how long a reader may take nothing before it is given up. */
#define PATIENCE_MS 1000

/* Returns true if `fd` takes something within PATIENCE_MS. */
static bool becomes_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int64_t deadline = cli_deadline(PATIENCE_MS * INT64_C(1000000));
	int n;

	do
		n = poll(&p, 1, (int)(cli_remaining(deadline) / 1000000));
	while (n < 0 && errno == EINTR && cli_remaining(deadline));
	return n > 0;
}

/* Call writev(2) once.  After a signal it must not block without a bound, so it writes no
 * more than a pipe that polls writable takes at once. */
static ssize_t write_some(int fd, const struct iovec *iov, size_t n)
{
	struct iovec head;
	ssize_t written;

	if (cli_signalled()) {
		if (!becomes_writable(fd))
			return -EINTR;
		head = *iov;
		if (head.iov_len > PIPE_BUF)
			head.iov_len = PIPE_BUF;
		iov = &head;
		n = 1;
	}
	written = writev(fd, iov, n < IOV_MAX ? (int)n : IOV_MAX);
	if (written >= 0)
		return written;
	if (errno == EAGAIN) {
		cli_wait_fd(fd, POLLOUT, CHAN_WAIT);
		return 0;
	}
	return errno == EINTR ? 0 : -errno;
}

int cli_writev(int fd, struct iovec *iov, size_t n, size_t *done)
{
	size_t total = 0;
	int r = 0;

	while (n) {
		ssize_t written;
		size_t left;

		if (!iov->iov_len) {
			iov++;
			n--;
			continue;
		}
		written = write_some(fd, iov, n);
		if (written < 0) {
			r = (int)written;
			break;
		}
		total += (size_t)written;
		for (left = (size_t)written; n && left >= iov->iov_len; iov++, n--)
			left -= iov->iov_len;
		if (n) {
			iov->iov_base = (char *)iov->iov_base + left;
			iov->iov_len -= left;
		}
	}
	if (done)
		*done = total;
	return r;
}

int cli_write(int fd, const void *buf, size_t len, size_t *done)
{
	union {
		const void *in;
		void *out;
	} base = {.in = buf}; /* writev() doesn't write to it */
	struct iovec iov = {.iov_base = base.out, .iov_len = len};

	return cli_writev(fd, &iov, 1, done);
}

/* Returns how many bytes the UTF-8 character at p[0..len-1] has, or 0 if it is not valid. */
static size_t utf8_char(const unsigned char *p, size_t len)
{
	static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	unsigned code;

	if (*p < 0x80)
		return 1;
	if (*p < 0xc0 || *p >= 0xf8 || n > len)
		return 0;
	code = *p & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

size_t cli_escape(char *out, const void *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *in = data, *end = in + len;
	char *o = out;

	while (in < end) {
		size_t n = utf8_char(in, (size_t)(end - in));
		bool control = (*in < ' ' && *in != '\n' && *in != '\t') || *in == 0x7f ||
			       (*in == 0xc2 && n == 2 && in[1] < 0xa0);

		if (n && !control) {
			memcpy(o, in, n);
			o += n;
			in += n;
			continue;
		}
		for (n += !n; n; n--, in++, o += 4)
			memcpy(o, (char[]){'\\', 'x', hex[*in >> 4], hex[*in & 15]}, 4);
	}
	return (size_t)(o - out);
}
