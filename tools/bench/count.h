/* SPDX-License-Identifier: MIT */
/*
 * Counts the futex system calls of a process, all of them: those of our library,
 * of libc's mutexes and of any other code, by the kernel's own tracepoint
 * sys_enter_futex.  That takes the right to use it (root, or CAP_PERFMON and a
 * tracefs that may be read); without that right there is no honest number, and
 * none is given.
 *
 * An open counter slows every system call of the machine a little.  So the runs
 * that are counted are not those that are timed.
 */
#ifndef SHMCHAN_BENCH_COUNT_H
#define SHMCHAN_BENCH_COUNT_H

#include <stdint.h>

/* Returns the tracepoint's number, or a negative errno. */
int bench_count_event(void);

/* Start counting the futex calls of this thread; returns a descriptor, or a negative
 * errno.  The first start and the last stop of the machine wait until every CPU has noticed
 * (RCU in the kernel), which on a busy machine takes seconds. */
int bench_count_start(int event);
void bench_count_stop(int fd);

/* Returns how many calls there were so far. */
uint64_t bench_count_read(int fd);

#endif
