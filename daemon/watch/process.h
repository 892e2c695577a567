/* SPDX-License-Identifier: MIT */
/* The processes that have a channel open: a pidfd for each, counted by endpoints. */
#ifndef CHAND_PROCESS_H
#define CHAND_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Call died() once for each process that dies while it is held. */
void process_start(void (*died)(pid_t pid));

/* Hold a process for one more endpoint.  If this fails, its death can't be seen, but
 * process_release() has to be called all the same.
 *   -ESRCH    it is dead already
 *   -ENOMEM   there is no memory; the process is not held
 *   other     a negative errno */
int process_hold(pid_t pid);

/* Release it; nothing happens if it is not held. */
void process_release(pid_t pid);

/* Returns the number of processes that are held. */
size_t process_count(void);

#endif
