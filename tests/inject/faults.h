/* SPDX-License-Identifier: MIT */
/*
 * System calls that fail on demand.  A filter (seccomp, user notification) holds
 * each system call of one thread until another has decided whether it fails, and
 * with which error; so any call of the library can be made to fail at its k-th
 * system call, whatever that is, without knowing how it is made.
 */
#ifndef TESTS_INJECT_FAULTS_H
#define TESTS_INJECT_FAULTS_H

#include <stdbool.h>

/* From now on the calling thread's system calls are watched; false if the kernel
 * does not allow that.  For the rest of the process's life. */
bool faults_start(void);

/* The k-th system call from now on fails with `error`. */
void faults_arm(unsigned k, int error);

/* No more.  Returns the number of the system call that failed, or -1: there were
 * fewer. */
int faults_disarm(void);

#endif
