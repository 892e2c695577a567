/* SPDX-License-Identifier: MIT */
/*
 * A channel for a test: a name of its own, which has the numbers of the test program
 * and of the process in it, and is removed afterwards.
 */
#ifndef TESTS_SUPPORT_CHANNEL_H
#define TESTS_SUPPORT_CHANNEL_H

#include "shmchan.h"

#include <stdbool.h>
#include <sys/types.h>

/* This test's channel, and the file of its segment. */
extern char name[64];
extern char segment_path[128];

/* Set-up: choose a name that nobody has.  Clean-up: remove that channel. */
void channel_setup(void);
void channel_teardown(void);

/* Return a name of this test's, with the program's and the process's numbers before
 * `what`, when a test needs several channels. */
const char *channel_other(const char *what);

#define OPTIONS(...) (&(struct chan_options){.size = sizeof(struct chan_options), __VA_ARGS__})

/* Open `name`, or fail the test; with options, make it if it is missing. */
chan_t *open_as(unsigned flags, const struct chan_options *opt);

struct chan_stat stat_of(const chan_t *ch);

/* Send a text without waiting, or receive this one; else the test fails. */
void send_text(chan_t *ch, const char *text);
void expect_text(chan_t *ch, const char *text);

/* For the suite, before all tests and after them.  The second removes what is left, and
 * if `complain`, says so and returns how many there were. */
void channel_run_begins(void);
unsigned channel_run_ends(bool complain);

#endif
