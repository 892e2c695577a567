/* SPDX-License-Identifier: MIT */
/* Waiting, in a Check program, for what has to happen: by looking, with a bound after
 * which the test fails, never by sleeping and hoping. */
#ifndef TESTS_SUPPORT_AWAIT_H
#define TESTS_SUPPORT_AWAIT_H

#include "shmchan.h"
#include "support/clock.h"
#include "support/process.h"

/* Look until ready(arg), or until the bound. */
void await(bool (*ready)(void *arg), void *arg);

/* Wait until thread `tid` sleeps in futex(2). */
void await_asleep(pid_t tid);

/* Wait for a child's end, and until its endpoints on `ch` are gone: a program that reads
 * /proc/PID/cmdline or the like (ps) keeps the memory of a dead process, and what it had
 * mapped, a moment longer.  Returns what wait_child() does. */
int wait_gone(pid_t pid, const chan_t *ch);

#endif
