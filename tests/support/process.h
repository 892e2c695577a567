/* SPDX-License-Identifier: MIT */
/*
 * Other processes: children that end with their parent, and what a process or
 * thread is doing, as the kernel sees it.  Nothing here needs Check.  What can't be
 * done (no process, no such child) aborts the test.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Run fn(arg) in a child; its return value is the exit status.  The child is killed
 * when the thread that started it ends. */
pid_t in_child(int (*fn)(void *arg), void *arg);

/* Wait until the child ends: its exit status, or 128 + the signal. */
int wait_child(pid_t pid);

/* Wait until the child is stopped by a signal.  Returns false if it ended. */
bool wait_stopped(pid_t pid);

/* Kill the child with SIGKILL and wait for its end. */
void kill_child(pid_t pid);

/* Return the number of the system call in which thread `tid` sleeps (of a process's main
 * thread: its pid), or -1 if it runs, or is gone, or we may not look. */
long sleeping_in(pid_t tid);

/* Returns true if thread `tid` sleeps in futex(2). */
bool asleep(pid_t tid);

/* Wait until `pid` sleeps in the system call `nr`; false if it does not within a
 * generous bound. */
bool wait_asleep(pid_t pid, long nr);

/* Count the open descriptors of this process, its mappings of /dev/shm, and the names in
 * directory `dir` that begin with `start`. */
int count_descriptors(void);
int count_mappings(void);
int count_names(const char *dir, const char *start);

#endif
