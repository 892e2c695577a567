/* SPDX-License-Identifier: MIT */
/* Writing all of something, and escaping it for a terminal. */
#ifndef SHMCHAN_IO_H
#define SHMCHAN_IO_H

#include <stddef.h>
#include <sys/uio.h>

/*
 * Write all of it, with as many calls as that takes.  Sets *done, if it is not NULL, to the
 * bytes written, after an error, too; changes the iov array.  Returns 0 or a negative errno:
 *   -EINTR   a signal came, and then the reader took nothing for a second
 */
int cli_write(int fd, const void *buf, size_t len, size_t *done);
int cli_writev(int fd, struct iovec *iov, size_t n, size_t *done);

/* Make bytes harmless for a terminal: control characters but newline and tab, and what is
 * not UTF-8, become \xHH.  `out` has room for 4 * len; returns the bytes used. */
size_t cli_escape(char *out, const void *data, size_t len);

#endif
