/* SPDX-License-Identifier: MIT */
/* See joblog.h. */
#include "recv/joblog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/header.h"
#include "common/message.h"

static int log_fd = -1;
static const char *log_path;

static void append(const char *text, size_t len)
{
	static bool reported;
	ssize_t n;

	do
		n = write(log_fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len || reported)
		return;
	cli_error(NULL, "%s: %s; the log of jobs is not complete", log_path,
		strerror(n < 0 ? errno : ENOSPC));
	reported = true;
}

int joblog_open(const char *path)
{
	static const char head[] = "seq\tid\tattempt\tstart\truntime\texit\tsignal\tbytes\n";
	struct stat st;

	log_path = path;
	log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	if (log_fd < 0)
		return -errno;
	/* Of several workers that begin, one writes the headings, and before any of them writes a
	 * line; also if the one that made the file was killed. */
	flock(log_fd, LOCK_EX);
	if (!fstat(log_fd, &st) && S_ISREG(st.st_mode) && !st.st_size)
		append(head, sizeof(head) - 1);
	flock(log_fd, LOCK_UN);
	return 0;
}

void joblog_put(const struct task *t, int64_t start, int64_t took, int status)
{
	char line[256], id[HEADER_ID_SIZE] = "-";
	struct chan_meta meta;
	int n;

	if (log_fd < 0)
		return;
	if (receiver_header(t->r, &t->lease, &meta) && meta.flags & CHAN_META_HAS_ID)
		header_print_id(&meta, id);
	n = snprintf(line, sizeof(line),
		"%" PRIu64 "\t%s\t%" PRIu32 "\t%" PRId64 ".%06" PRId64 "\t%" PRId64 ".%06" PRId64
		"\t%d\t%d\t%zu\n",
		t->lease.seq, id, t->attempt, start / 1000000000, start / 1000 % 1000000,
		took / 1000000000, took / 1000 % 1000000,
		WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0, t->lease.len);
	append(line, (size_t)n);
}
