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

/* Watch the calling thread's system calls, for the rest of the process's life.  Returns
 * false if the kernel does not allow that. */
bool faults_start(void);

/* Make the k-th system call from now on fail with `error`. */
void faults_arm(unsigned k, int error);

/* Make each system call of that number fail with `error` from now on. */
void faults_arm_all(int number, int error);

/* Let no more system calls fail.  Returns the number of the one that failed, or -1 if there
 * were fewer. */
int faults_disarm(void);

#endif
