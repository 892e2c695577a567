/* SPDX-License-Identifier: MIT */
/* Writing all of something, and escaping it for a terminal. */
#ifndef SHMCHAN_IO_H
#define SHMCHAN_IO_H

#include <stddef.h>
#include <sys/uio.h>

/*
 * Write all of it, however short the writes; 0 or negative errno.  After a
 * signal it goes on as long as the reader takes something every second, then
 * -EINTR.  *done, if not NULL, is set in any case: the bytes written.  The iov
 * array is used up.
 */
int cli_write(int fd, const void *buf, size_t len, size_t *done);
int cli_writev(int fd, struct iovec *iov, size_t n, size_t *done);

/* Make bytes harmless for a terminal: controls but newline and tab as \xHH.
 * `out` has room for 4 * len; returns the bytes used. */
size_t cli_escape(char *out, const void *data, size_t len);

#endif
