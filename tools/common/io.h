/* SPDX-License-Identifier: MIT */
/* Writing all of something, and escaping it for a terminal. */
#ifndef SHMCHAN_IO_H
#define SHMCHAN_IO_H

#include <stddef.h>
#include <sys/uio.h>

/*
 * Write all of it, however short the writes.  Sets *done, if that is not NULL, in any case
 * to the bytes written; the iov array is used up.  Returns 0 or a negative errno:
 *   -EINTR   after a signal, and the reader took nothing for a second
 */
int cli_write(int fd, const void *buf, size_t len, size_t *done);
int cli_writev(int fd, struct iovec *iov, size_t n, size_t *done);

/* Make bytes harmless for a terminal: control characters but newline and tab, and what is
 * not UTF-8, become \xHH.  `out` has room for 4 * len; returns the bytes used. */
size_t cli_escape(char *out, const void *data, size_t len);

#endif
