/* SPDX-License-Identifier: MIT */
/* The model is in errors.h. */
#include "base/errors.h"

#include "shmchan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define ANY (-1)

static const char *const calls[] = {
	[TRIED_FIND_USER] = "looking up the user",
	[TRIED_LOOK_UP] = "lstat() in /dev/shm",
	[TRIED_OPEN] = "opening the segment",
	[TRIED_READ] = "reading the segment's header",
	[TRIED_REMOVE] = "removing the name",
	[TRIED_LIST] = "reading /dev/shm",
	[TRIED_BEGIN] = "making a file in /dev/shm",
	[TRIED_ALLOCATE] = "allocating the segment",
	[TRIED_MAP] = "mapping the segment",
	[TRIED_SET_MODE] = "setting the segment's mode",
	[TRIED_LINK] = "linking the segment to its name",
	[TRIED_EXAMINE] = "examining the segment",
	[TRIED_LOCK] = "locking a byte of the segment's file",
	[TRIED_PID_NAMESPACE] = "stat() of /proc/self/ns/pid",
	[TRIED_MUTEX] = "making a robust mutex",
	[TRIED_AT_FORK] = "pthread_atfork()",
	[TRIED_SOCKET] = "making a socket to ask chand",
	[TRIED_LISTEN] = "inotify_init1(), or watching the segment's file",
};

static const char not_a_segment[] =
	"the name is no segment's: a symbolic link, a directory, a FIFO or the like has it";
static const char no_shm[] = "/dev/shm is missing, or is no directory";
static const char no_proc[] = "/proc is not mounted, or can't be read";
static const char not_tmpfs[] = "/dev/shm is on a file system that can't hold segments";
static const char remounted[] = "another file system was mounted at /dev/shm meanwhile";
static const char locked_memory[] =
	"the process locks its memory (mlockall), and RLIMIT_MEMLOCK is too low for the segment";
static const char file_size[] = "the segment is larger than RLIMIT_FSIZE allows a file to be";
static const char no_locks[] = "the system has no more file locks";
static const char no_ofd_locks[] = "this system has no open file description locks";
static const char refused[] = "the system refuses this call, as a seccomp filter does";
static const char closed[] = "the program closed a descriptor that is the library's";
static const char no_listening[] =
	"this process has no descriptor left, or its user has as many as "
	"fs.inotify.max_user_instances allows; a set (chan_set_create) needs one for all channels";
static const char no_watches[] =
	"its user watches as many files as fs.inotify.max_user_watches allows";
static const char unreadable[] =
	"this user may not open the segment's file itself (chand opened it)";
static const char leased[] = "another process holds a lease (F_SETLEASE) on the file";

/*
 * The first row that matches is taken, so those of one call come before those of any.
 */
static const struct {
	int what; /* enum tried, or ANY */
	int err;
	int result;
	const char *why; /* or NULL: the kernel's words say it */
} table[] = {
	/* Names. */
	{TRIED_LOOK_UP, ENOENT, ENOENT, NULL},
	{TRIED_OPEN, ENOENT, ENOENT, NULL},
	{TRIED_REMOVE, ENOENT, ENOENT, NULL},
	{TRIED_LINK, EEXIST, EEXIST, NULL},
	{TRIED_OPEN, ELOOP, EPERM, not_a_segment},
	{TRIED_OPEN, EISDIR, EPERM, not_a_segment},
	{TRIED_OPEN, ENXIO, EPERM, not_a_segment},
	{TRIED_OPEN, ENODEV, EPERM, not_a_segment},
	{TRIED_OPEN, EINVAL, EPERM, not_a_segment}, /* glibc's word for a directory */
	{TRIED_OPEN, EAGAIN, EBUSY, leased},
	{TRIED_REMOVE, EISDIR, EPERM, not_a_segment},
	{TRIED_REMOVE, EBUSY, EPERM, not_a_segment}, /* something is mounted on it */
	{TRIED_REMOVE, EPERM, EPERM, NULL},
	{TRIED_SET_MODE, EPERM, EPERM, NULL},
	{TRIED_FIND_USER, EMFILE, EMFILE, NULL},
	{TRIED_FIND_USER, ENFILE, ENFILE, NULL},
	{TRIED_FIND_USER, ENOMEM, ENOMEM, NULL},
	{TRIED_FIND_USER, ANY, ESRCH, NULL},

	/* What the system must have. */
	{TRIED_PID_NAMESPACE, ENOMEM, ENOMEM, NULL},
	{TRIED_PID_NAMESPACE, ANY, EOPNOTSUPP, no_proc},
	{TRIED_LINK, ENOENT, EOPNOTSUPP, no_proc},
	{TRIED_LINK, EXDEV, EOPNOTSUPP, remounted},
	{TRIED_BEGIN, ENOENT, EOPNOTSUPP, no_shm},
	{TRIED_LIST, ENOENT, EOPNOTSUPP, no_shm},
	{TRIED_BEGIN, EISDIR, EOPNOTSUPP, not_tmpfs}, /* of a kernel without O_TMPFILE */
	{TRIED_BEGIN, EOPNOTSUPP, EOPNOTSUPP, not_tmpfs},
	{TRIED_ALLOCATE, EOPNOTSUPP, EOPNOTSUPP, not_tmpfs},
	{TRIED_ALLOCATE, ENODEV, EOPNOTSUPP, not_tmpfs},
	{TRIED_MAP, ENODEV, EOPNOTSUPP, not_tmpfs},
	{TRIED_LOCK, EINVAL, EOPNOTSUPP, no_ofd_locks},
	{TRIED_LOCK, EOPNOTSUPP, EOPNOTSUPP, no_ofd_locks},
	{TRIED_MUTEX, EOPNOTSUPP, EOPNOTSUPP, NULL},
	{TRIED_SOCKET, EAFNOSUPPORT, EOPNOTSUPP, refused},
	{ANY, ENOTDIR, EOPNOTSUPP, no_shm},
	{ANY, ENOSYS, EOPNOTSUPP, refused},
	{ANY, EPERM, EOPNOTSUPP, refused},
	{TRIED_SOCKET, EACCES, EOPNOTSUPP, refused},

	/* Limits. */
	{TRIED_ALLOCATE, EFBIG, EFBIG, file_size},
	{TRIED_MAP, EAGAIN, ENOMEM, locked_memory},
	{TRIED_MAP, EOVERFLOW, ENOMEM, NULL},
	{TRIED_MUTEX, EAGAIN, ENOMEM, NULL},
	{TRIED_SOCKET, ENOBUFS, ENOMEM, NULL},
	{TRIED_LISTEN, EMFILE, EMFILE, no_listening},
	{TRIED_LISTEN, ENOSPC, EMFILE, no_watches},
	{TRIED_LISTEN, EACCES, EACCES, unreadable},
	{TRIED_LISTEN, ENOENT, EOPNOTSUPP, no_proc},
	{TRIED_LOCK, ENOLCK, ENOLCK, no_locks},
	{TRIED_BEGIN, ENOSPC, ENOSPC, NULL},
	{TRIED_BEGIN, EDQUOT, EDQUOT, NULL},
	{TRIED_ALLOCATE, ENOSPC, ENOSPC, NULL},
	{TRIED_ALLOCATE, EDQUOT, EDQUOT, NULL},
	{TRIED_LINK, ENOSPC, ENOSPC, NULL},
	{TRIED_LINK, EDQUOT, EDQUOT, NULL},
	{TRIED_SET_MODE, ENOSPC, ENOSPC, NULL},
	{TRIED_SET_MODE, EDQUOT, EDQUOT, NULL},
	{ANY, ENOMEM, ENOMEM, NULL},
	{ANY, EMFILE, EMFILE, NULL},
	{ANY, ENFILE, ENFILE, NULL},

	/* Rights. */
	{ANY, EACCES, EACCES, NULL},
	{ANY, EROFS, EROFS, NULL},

	{ANY, EBADF, EIO, closed},
};

static _Thread_local struct {
	int err; /* that the text is about; 0: there is none */
	unsigned long long size;
	char text[256];
} detail;

void error_forget(void)
{
	detail.err = 0;
}

static void set_detail(int err, unsigned long long size, const char *fmt, va_list ap)
{
	detail.err = err < 0 ? -err : err;
	detail.size = size;
	vsnprintf(detail.text, sizeof(detail.text), fmt, ap);
}

int error_because(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_detail(err, 0, fmt, ap);
	va_end(ap);
	return err;
}

int error_of_size(int err, unsigned long long size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_detail(err, size, fmt, ap);
	va_end(ap);
	return err;
}

int error_instead(int err)
{
	detail.err = -err;
	return err;
}

int error_of_timeout(long long timeout)
{
	return error_because(
		-EINVAL, "timeout: %lld is neither CHAN_WAIT nor a number of nanoseconds", timeout);
}

/* Return the kernel's words for an error number, which are not translated. */
static const char *kernel_words(int err)
{
	const char *text;

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
	text = strerrordesc_np(err);
#else
	text = strerror(err);
#endif
	return text ? text : "unknown error";
}

int error_from(enum tried what, int err)
{
	int saved = errno;

	if (err < 0)
		err = -err;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((table[i].what != ANY && table[i].what != (int)what) ||
			(table[i].err != ANY && table[i].err != err))
			continue;
		if (table[i].result == ENOENT || table[i].result == EEXIST)
			error_forget(); /* the number says all */
		else
			error_because(-table[i].result, "%s: %s (errno %d)%s%s", calls[what],
				kernel_words(err), err, table[i].why ? "; " : "",
				table[i].why ? table[i].why : "");
		errno = saved;
		return -table[i].result;
	}
	error_because(-EIO, "%s: %s (errno %d)", calls[what], kernel_words(err), err);
	errno = saved;
	return -EIO;
}

const char *chan_error_detail(int err)
{
	return detail.err && detail.err == (err < 0 ? -err : err) ? detail.text : "";
}

uint64_t chan_error_size(int err)
{
	return detail.err && detail.err == (err < 0 ? -err : err) ? detail.size : 0;
}
