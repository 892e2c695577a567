/* SPDX-License-Identifier: MIT */
/*
 * The kernel walks no more than 2048 robust mutexes of a dead thread, so a thread keeps
 * 1024 of the channels' locks at most, and all that it may have are free again when it
 * is killed.
 */
#include "support/channel.h"
#include "support/clock.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 1024, ALL = MOST + 2 };

static const struct chan_options tiny = {.size = sizeof(tiny), .capacity = 4096, .endpoints = 4};
static chan_t *end[ALL];
static char base[sizeof(name)];

static const char *nth(int i)
{
	static char text[sizeof(name) + 16];

	snprintf(text, sizeof(text), "%s.%d", base, i);
	return text;
}

static void set_up(void)
{
	struct rlimit files;

	channel_setup();
	memcpy(base, name, sizeof(base));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_uint_ge(files.rlim_max, 2 * ALL + 100);
	files.rlim_cur = files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (int i = 0; i < ALL; i++)
		ck_assert_int_eq(chan_create(nth(i), &tiny), 0);
}

static void clean_up(void)
{
	for (int i = 0; i < ALL; i++)
		chan_remove(nth(i));
}

static int open_nth(int i, unsigned flags)
{
	return chan_open(&end[i], nth(i), flags, NULL);
}

static void refused(int err)
{
	ck_assert_int_eq(err, -ENOLCK);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(err), "1024"));
}

/* In a child: the exit status is what went wrong. */
static void keep_all_and_die(void)
{
	for (int i = 0; i < MOST / 2; i++)
		if (open_nth(i, CHAN_SEND | CHAN_EXCLUSIVE))
			_exit(1);
	for (int i = MOST / 2; i < MOST; i++) {
		void *place;

		if (open_nth(i, CHAN_SEND) || chan_reserve(end[i], &place, 8, 0))
			_exit(2);
	}
	if (open_nth(MOST, CHAN_SEND | CHAN_EXCLUSIVE) != -ENOLCK)
		_exit(3);
	raise(SIGKILL);
}

START_TEST(should_release_all_locks_of_a_killed_thread)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		keep_all_and_die();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status), "the child ended with %d", WEXITSTATUS(status));
	for (int i = 0; i < MOST; i++) {
		ck_assert_int_eq(open_nth(i, CHAN_SEND | CHAN_RECV), 0);
		ck_assert_int_eq(chan_send(end[i], "x", 1, SOON), 0);
		chan_detach(end[i]);
	}
}
END_TEST

static void *open_one_more(void *arg)
{
	(void)arg;
	ck_assert_int_eq(open_nth(MOST, CHAN_SEND | CHAN_EXCLUSIVE), 0);
	chan_detach(end[MOST]);
	return NULL;
}

START_TEST(should_count_each_thread_by_itself)
{
	pthread_t thread;
	pid_t child;
	void *place;

	for (int i = 0; i < MOST; i++)
		ck_assert_int_eq(open_nth(i, CHAN_RECV | CHAN_EXCLUSIVE), 0);
	refused(open_nth(MOST, CHAN_SEND | CHAN_EXCLUSIVE));
	/* Others don't count, but a reservation does. */
	ck_assert_int_eq(open_nth(MOST, CHAN_SEND), 0);
	ck_assert_int_eq(chan_send(end[MOST], "x", 1, 0), 0);
	refused(chan_reserve(end[MOST], &place, 8, 0));
	ck_assert_int_eq(chan_send(end[MOST], "x", 1, 0), 0);
	chan_detach(end[MOST]);

	ck_assert_int_eq(pthread_create(&thread, NULL, open_one_more, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	child = fork(); /* it has none of them */
	if (child == 0) {
		open_one_more(NULL);
		_exit(0);
	}
	ck_assert_int_eq(wait_child(child), 0);

	/* What is given back can be had again: by detaching, committing and aborting. */
	chan_detach(end[0]);
	ck_assert_int_eq(open_nth(MOST, CHAN_SEND), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(chan_reserve(end[MOST], &place, 8, 0), 0);
		if (i % 2)
			chan_abort(end[MOST]);
		else
			ck_assert_int_eq(chan_commit(end[MOST], 8), 0);
	}
	chan_detach(end[MOST]);
	refused(open_nth(MOST, CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE)); /* needs two */
	ck_assert_int_eq(open_nth(MOST, CHAN_SEND | CHAN_EXCLUSIVE), 0);
	refused(open_nth(0, CHAN_SEND | CHAN_EXCLUSIVE));
	/* What was refused has left nothing: another thread can have it. */
	for (int i = 1; i <= MOST; i++)
		chan_detach(end[i]);
	ck_assert_int_eq(open_nth(0, CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE), 0);
	chan_detach(end[0]);
}
END_TEST

void add_tests(void)
{
	if (THREAD_SANITIZER)
		not_tried("the thread sanitizer ends a thread that has 64 locks");
	else
		GROUP("locks of a thread", set_up, clean_up,
			should_release_all_locks_of_a_killed_thread,
			should_count_each_thread_by_itself);
}
