/* SPDX-License-Identifier: MIT */
/*
 * Records on stdout: messages that chanrecv prints, copies of chansend's --tee, lines of
 * chanctl.  A record is kept whole wherever that is possible:
 *
 * - Into a pipe, FIFO or socket go pieces that end at a record.  A piece of at most
 *   PIPE_BUF bytes is atomic.  A larger one is written only while no other of these
 *   programs writes to the same pipe: each marks itself by a lock on a byte far behind
 *   any data (fcntl(2)), which the kernel drops when the process dies.
 * - Into a file all records go with one write(2), which a local file system does not
 *   mix with another one.  When a write fails in the middle of a record (a full disk, a
 *   quota, a limit of file sizes), the part that was written is cut off again, if it is
 *   the end of the file, nothing else was written since, and no other of these programs
 *   writes to that file.
 *
 * Only one thread may call this at a time.
 */
#ifndef SHMCHAN_OUTPUT_H
#define SHMCHAN_OUTPUT_H

#include <stddef.h>

/*
 * Write n records; record i ends before buf[end[i]] and begins where the one before ends.
 * Sets *done, in any case, to how many were written as a whole.
 *
 * Returns 0 or a negative errno, -EINTR as cli_write() does.  If a part of a record
 * stays behind, an error line says so.
 */
int output_records(const char *buf, const size_t *end, size_t n, size_t *done);

#endif
