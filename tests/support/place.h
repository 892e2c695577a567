/* SPDX-License-Identifier: MIT */
/*
 * What a place may lack: a container, a hardened kernel or a user without rights.  A
 * test that needs it asks first, and is skipped with the reason, so that a failure
 * always is one of the code.  prog_place asks for the scripts.
 */
#ifndef TESTS_SUPPORT_PLACE_H
#define TESTS_SUPPORT_PLACE_H

enum place {
	PLACE_ROOT,	     /* user 0 */
	PLACE_USERS,	     /* to become another user */
	PLACE_PTY,	     /* pseudo-terminals */
	PLACE_PTRACE,	     /* to trace a child */
	PLACE_SYSCALLS,	     /* to see in which system call a child sleeps */
	PLACE_IO_URING,	     /* io_uring */
	PLACE_MOUNTS,	     /* a mount namespace of one's own */
	PLACE_PID_NAMESPACE, /* a PID namespace of one's own */
	PLACE_SECCOMP,	     /* to decide on a thread's system calls */
	PLACES
};

/* NULL if it is here; else why not, for people. */
const char *place_lacks(enum place what);

/* Its name, as prog_place takes it. */
extern const char *const place_names[PLACES];

/* Enter a PID namespace, for the children; one who may not, in a user namespace in
 * which it keeps its user.  0 or -1 and errno. */
int place_leave_pid_namespace(void);

#endif
