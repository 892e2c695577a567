/* SPDX-License-Identifier: MIT */
/* What the library's tests share: a channel of a name of its own, removed
 * afterwards; other processes and threads; waiting for events with a bound. */
#ifndef TESTS_LIB_SUPPORT_H
#define TESTS_LIB_SUPPORT_H

#include "shmchan.h"

#include <check.h>
#include <stdbool.h>
#include <sys/types.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define SOON (20 * SECOND) /* a bound for what happens at once */

/* This test's channel name. */
extern char name[64];

/* Check fixtures: choose a name; remove the channel. */
void name_setup(void);
void name_teardown(void);

#define OPTIONS(...) (&(struct chan_options){.size = sizeof(struct chan_options), __VA_ARGS__})

/* Open, or fail the test. */
chan_t *open_as(unsigned flags, const struct chan_options *opt);

/* Run fn(arg) in a child; its return value is the exit status. */
pid_t in_child(int (*fn)(void *arg), void *arg);
int wait_child(pid_t pid); /* exit status, or 128 + signal */

/* The same, and until its endpoints on `ch` are gone: who reads /proc/PID/cmdline or
 * the like (ps) keeps the memory of a dead process, and what it had mapped, a moment
 * longer. */
int wait_gone(pid_t pid, const chan_t *ch);

/* Until ready() or the bound (then the test fails). */
void await(bool (*ready)(void *arg), void *arg);

/* Does thread `tid` (a process's main thread: its pid) sleep in futex(2)? */
bool asleep(pid_t tid);
void await_asleep(pid_t tid);

struct chan_stat stat_of(const chan_t *ch);
int64_t now(void);

int run_suite(Suite *s);

#endif
