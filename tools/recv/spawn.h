/* SPDX-License-Identifier: MIT */
/*
 * Making a child of COMMAND, and reaching it with signals.
 *
 * The child has the default action for each signal and none blocked, of this process's
 * descriptors only those that are given to it and stderr, and this process's own limit of
 * descriptors as it was.  When this process dies, the kernel kills the child with SIGKILL
 * (PR_SET_PDEATHSIG): not what the child has started, nor a child that has changed its user.
 */
#ifndef SHMCHAN_SPAWN_H
#define SHMCHAN_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct spawn {
	char *const *argv;
	char *const *env; /* more of it, NAME=VALUE to a NULL, or NULL */
	int in, out;	  /* its stdin and stdout, or -1: as this process has them */
	int extra;	  /* another descriptor, or -1, */
	int extra_as;	  /* which the child has as this one */
	bool own_group;	  /* it leads a process group of its own */
};

/* Call once, before the first child: allow this process as many descriptors as there may be,
 * and ignore SIGPIPE, for writing to a child that does not read. */
void spawn_init(void);
/* Call after the last: SIGPIPE is as it was. */
void spawn_finish(void);

/* Returns the child's process number, or a negative errno.  A child that can't execute its
 * command reports it, and exits with CLI_CHILD_NO_EXEC or CLI_CHILD_NOT_FOUND. */
pid_t spawn_start(const struct spawn *s);

/* Send a signal to the child and its group, wherever it may be by now, also if it is stopped. */
void spawn_signal(pid_t pid, int sig);

#endif
