/* SPDX-License-Identifier: MIT */
/*
 * Counting the futex system calls of a process, all of them: those of our
 * library, of libc's mutexes and of anybody else, by the kernel's own tracepoint
 * sys_enter_futex.  That takes the right to use it (root, or CAP_PERFMON and a
 * tracefs that may be read); without, there is no honest number, and none is
 * given.
 *
 * An open counter slows every system call of the machine a little, so that what
 * is counted is not what is timed.
 */
#ifndef SHMCHAN_BENCH_COUNT_H
#define SHMCHAN_BENCH_COUNT_H

#include <stdint.h>

/* The tracepoint's number, or a negative errno. */
int bench_count_event(void);

/* Start counting the futex calls of this thread: a descriptor, or a negative errno.
 * The first start and the last stop of the machine wait until every CPU has noticed
 * (RCU in the kernel), which on a busy machine takes seconds. */
int bench_count_start(int event);
void bench_count_stop(int fd);

/* Returns how many there were so far. */
uint64_t bench_count_read(int fd);

#endif
