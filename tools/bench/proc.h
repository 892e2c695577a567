/* SPDX-License-Identifier: MIT */
/* What the kernel says of a process, in /proc. */
#ifndef SHMCHAN_BENCH_PROC_H
#define SHMCHAN_BENCH_PROC_H

#include <sys/types.h>

struct bench_proc {
	char state;	/* as in /proc/PID/stat: R, S, D, T, t, Z; 0: not known */
	double cpu;	/* seconds used so far */
	char where[64]; /* the function of the kernel in which it waits, or empty */
	long call;	/* its system call's number, or -1: none, or not known */
};

/* Read all of it.  What can't be read stays unknown. */
void bench_proc_read(struct bench_proc *ret, pid_t pid);

/* Returns the state alone, or 0; `stat` is a descriptor of /proc/PID/stat. */
char bench_proc_state(int stat);

#endif
