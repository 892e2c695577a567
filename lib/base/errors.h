/* SPDX-License-Identifier: MIT */
/*
 * Errors on their way to the caller.
 *
 * The kernel's error numbers mean something else for each system call, and many of
 * them mean something else again in shmchan.h.  So none is passed on as it is: each
 * failed call goes through error_from(), which has a table of what was tried, how it
 * failed and what the caller gets.  What the table does not know becomes -EIO.
 * tests/inject fails each system call of the library with each error.
 *
 * Beside the number a thread keeps one line of text about it, which
 * chan_error_detail() shows: the argument that is wrong, the limit that was reached, or
 * the system call and the kernel's own words.
 */
#ifndef CHAN_ERRORS_H
#define CHAN_ERRORS_H

/* What was tried. */
enum tried {
	TRIED_FIND_USER,     /* the user database, for OWNER */
	TRIED_LOOK_UP,	     /* the name, lstat(2) */
	TRIED_OPEN,	     /* the segment of that name */
	TRIED_READ,	     /* its header */
	TRIED_REMOVE,	     /* the name */
	TRIED_LIST,	     /* the names */
	TRIED_BEGIN,	     /* a segment without a name */
	TRIED_ALLOCATE,	     /* its memory */
	TRIED_MAP,	     /* mmap(2), madvise(2) */
	TRIED_SET_MODE,	     /* fchmod(2) */
	TRIED_LINK,	     /* to its name */
	TRIED_EXAMINE,	     /* fstat(2), fcntl(2) of an open segment */
	TRIED_LOCK,	     /* open file description locks */
	TRIED_PID_NAMESPACE, /* stat(2) in /proc */
	TRIED_MUTEX,	     /* pthread_mutex_init() and kin */
	TRIED_AT_FORK,	     /* pthread_atfork() */
	TRIED_SOCKET,	     /* a socket, to ask chand */
	TRIED_LISTEN,	     /* inotify(7) */
};

/* Return what the library's caller gets when `what` failed with the error number `err`
 * (positive or negative): a documented negative errno.  Sets the detail. */
int error_from(enum tried what, int err);

/* Set the detail of `err`, and return it. */
int error_because(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold, noinline));

/* Set the detail, and the size that it speaks of. */
int error_of_size(int err, unsigned long long size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold, noinline));

/* Return -EINVAL, and set the detail: a number that is no timeout was given. */
int error_of_timeout(long long timeout) __attribute__((cold, noinline));

/* Keep the text as the detail of `err`, and return `err`. */
int error_instead(int err);

/* Forget the detail of the last call: a call begins that sets its own. */
void error_forget(void);

#endif
