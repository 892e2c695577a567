/* SPDX-License-Identifier: MIT */
/* See inotify.h. */
#include "common/inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/names.h"

/* Find out what EMFILE is about: if it is descriptors, no other one can be opened either. */
static bool no_descriptor_left(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	bool none = fd < 0 && errno == EMFILE;

	if (fd >= 0)
		close(fd);
	return none;
}

const char *cli_inotify_error(int err, bool watch)
{
	static char text[256];

	err = err < 0 ? -err : err;
	if (watch && err == ENOSPC)
		return "this user has all the inotify watches that it may have; raise sysctl "
		       "fs.inotify.max_user_watches (or user.max_inotify_watches)";
	if (!watch && err == EMFILE && !no_descriptor_left())
		return "this user has all the inotify instances that it may have; raise sysctl "
		       "fs.inotify.max_user_instances (or user.max_inotify_instances)";
	if (err == EMFILE)
		return "this process has all the descriptors that it may have; raise 'ulimit -n'";
	if (err == ENOSYS || err == EPERM)
		return "the system has no inotify, or refuses it; allow it in the seccomp filter";
	snprintf(text, sizeof(text), "inotify: %s", strerror(err));
	return text;
}

int cli_watch_names(const char **why)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0) {
		*why = cli_inotify_error(errno, false);
		return -1;
	}
	if (inotify_add_watch(fd, NAMES_DIR, IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) <
		0) {
		*why = cli_inotify_error(errno, true);
		close(fd);
		return -1;
	}
	return fd;
}
