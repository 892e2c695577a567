/* SPDX-License-Identifier: MIT */
/*
 * What a place may lack: a container, a hardened kernel or a user without rights.  A
 * test that needs it asks first, and is skipped with the reason, so that a failure
 * always is one of the code.  prog_place asks for the scripts.
 */
#ifndef TESTS_SUPPORT_PLACE_H
#define TESTS_SUPPORT_PLACE_H

#include <stdbool.h>

/* Which sanitizers this is built with: 0 or 1 (gcc and clang say so differently). */
#ifndef __has_feature
#define __has_feature(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#else
#define ADDRESS_SANITIZER 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#else
#define THREAD_SANITIZER 0
#endif

enum need {
	NEED_ROOT,	    /* user 0 */
	NEED_USERS,	    /* to become another user */
	NEED_PTY,	    /* pseudo-terminals */
	NEED_PTRACE,	    /* to trace a child */
	NEED_SYSCALLS,	    /* to see in which system call a child sleeps */
	NEED_IO_URING,	    /* io_uring */
	NEED_MOUNTS,	    /* a mount namespace of one's own */
	NEED_PID_NAMESPACE, /* a PID namespace of one's own */
	NEED_SECCOMP,	    /* to decide on a thread's system calls */
	NEEDS
};

/* Return NULL if it is here; else why not, for people. */
const char *place_lacks(enum need what);

/* Its name, as prog_place takes it. */
extern const char *const place_names[NEEDS];

/* Enter a PID namespace, for the children.  A process that may not do so enters a user
 * namespace first, in which it keeps its user.  Returns 0, or -1 and errno. */
int place_leave_pid_namespace(void);

/* Is this program run by another one, valgrind (WRAP, see tests/run)? */
bool place_is_wrapped(void);

#endif
