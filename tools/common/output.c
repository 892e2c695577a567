/* SPDX-License-Identifier: MIT */
/*
 * See output.h.  The protocol of processes that share an output: a newcomer takes a MARK
 * of its own, then the WRITE lock, once.  A process writes a large piece under the WRITE
 * lock, and only if it sees no other MARK.  So a large piece is over before a newcomer
 * writes anything, and none is begun while the newcomer is there.
 */
#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/message.h"
#include "common/signals.h"

/* Bytes to lock: one for WRITE, then one for each process. */
#define BYTE_WRITE INT64_C(0x6368616e00000000)
#define BYTE_MARKS (BYTE_WRITE + 1)
#define MARKS (INT64_C(1) << 31)
#define MARK_TRIES 100

static struct {
	bool known;  /* the rest is set */
	bool stream; /* a pipe, FIFO or socket */
	bool file;   /* a regular file */
	bool marked; /* it has a mark: others see this process, and it sees them */
} out;

static int lock(int command, short type, int64_t start, int64_t len)
{
	struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	if (fcntl(STDOUT_FILENO, command, &range))
		return -errno;
	return command == F_GETLK && range.l_type != F_UNLCK;
}

/* Take a mark.  A process of another PID namespace may have the same number, so others are
 * tried, too. */
static int mark(void)
{
	int64_t first = BYTE_MARKS + getpid();
	int err = -EAGAIN;

	for (int i = 0; i < MARK_TRIES && (err == -EAGAIN || err == -EACCES); i++)
		err = lock(F_SETLK, F_WRLCK, first + i, 1);
	return err;
}

static void unlock_writing(void)
{
	lock(F_SETLK, F_UNLCK, BYTE_WRITE, 1);
}

static int examine_stdout(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st))
		return -errno;
	out.stream = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
	out.file = S_ISREG(st.st_mode);
	if ((out.stream || out.file) && !mark()) {
		/* Another process may be writing a large piece. */
		int err = lock(F_SETLKW, F_WRLCK, BYTE_WRITE, 1);

		if (err == -EINTR)
			return cli_signalled() ? err : 0; /* the next call tries again */
		unlock_writing();
		out.marked = !err;
	}
	out.known = true;
	return 0;
}

/* Take the WRITE lock, if no other process writes here. */
static bool lock_alone(void)
{
	if (!out.marked || lock(F_SETLK, F_WRLCK, BYTE_WRITE, 1))
		return false;
	if (!lock(F_GETLK, F_WRLCK, BYTE_MARKS, MARKS))
		return true;
	unlock_writing();
	return false;
}

/* Write in pieces of whole records that have at most `most` bytes, or one record. */
static int write_pieces(
	const char *buf, const size_t *end, size_t n, size_t most, size_t *ret_written)
{
	size_t at = 0, i = 0, written;
	int err = 0;

	*ret_written = 0;
	while (i < n && !err) {
		size_t k = i + 1;

		while (k < n && end[k] - at <= most)
			k++;
		err = cli_write(STDOUT_FILENO, buf + at, end[k - 1] - at, &written);
		*ret_written += written;
		at = end[k - 1];
		i = k;
	}
	return err;
}

static int write_stream(const char *buf, const size_t *end, size_t n, size_t *ret_written)
{
	bool alone = end[n - 1] > PIPE_BUF && lock_alone();
	int err = write_pieces(buf, end, n, alone ? SIZE_MAX : PIPE_BUF, ret_written);

	if (alone)
		unlock_writing();
	return err;
}

/* Returns where the next write goes: the end, if the file is open to append; or -1. */
static off_t next_position(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return lseek(STDOUT_FILENO, 0, flags >= 0 && flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

/* Cut off the last `part` of the `written` bytes that lie from `start` on, if they are
 * the end of the file and nothing else was written since.  Another program could append
 * after the check and before the cut; those that use output_records() can't. */
static bool cut_back(off_t start, size_t written, size_t part)
{
	off_t end = lseek(STDOUT_FILENO, 0, SEEK_CUR);
	struct stat st;
	bool cut;

	if (start < 0 || end != start + (off_t)written || !lock_alone())
		return false;
	cut = !fstat(STDOUT_FILENO, &st) && st.st_size == end &&
	      !ftruncate(STDOUT_FILENO, end - (off_t)part) &&
	      lseek(STDOUT_FILENO, end - (off_t)part, SEEK_SET) >= 0;
	unlock_writing();
	return cut;
}

int output_records(const char *buf, const size_t *end, size_t n, size_t *done)
{
	size_t written, whole = 0;
	off_t start = -1;
	int err;

	*done = 0;
	if (!n)
		return 0;
	err = out.known ? 0 : examine_stdout();
	if (err)
		return err;
	if (out.file)
		start = next_position();
	if (out.stream)
		err = write_stream(buf, end, n, &written);
	else
		err = write_pieces(buf, end, n, SIZE_MAX, &written);
	for (; *done < n && end[*done] <= written; ++*done)
		whole = end[*done];
	if (err && written > whole && !(out.file && cut_back(start, written, written - whole)))
		cli_error(NULL, "stdout: the last %zu bytes there are a part of a message only",
			written - whole);
	return err;
}
