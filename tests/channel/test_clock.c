/* SPDX-License-Identifier: MIT */
/*
 * The linger of a CHAN_REF channel, and the age of a wait, against clocks that are
 * set: the wall clock (NTP, an administrator), and the monotonic clock as another
 * time namespace has it.
 */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define DAY (86400 * SECOND)
#define LONG_LINGER (600 * SECOND)

static _Atomic int64_t real_step, monotonic_step;

/* In place of the libc's, for the library too. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	int err = (int)syscall(SYS_clock_gettime, id, ret);
	int64_t step = id == CLOCK_REALTIME ? real_step : monotonic_step;
	int64_t at = (int64_t)ret->tv_sec * SECOND + ret->tv_nsec + step;

	ret->tv_sec = at / SECOND;
	ret->tv_nsec = at % SECOND;
	return err;
}

static void setup(void)
{
	real_step = monotonic_step = 0;
	channel_setup();
}

static void leave_a_message(int64_t linger)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.lifetime = CHAN_REF, .linger = (uint64_t)linger));

	ck_assert_int_eq(chan_send(ch, "order", 5, 0), 0);
	chan_detach(ch);
}

static void expect_the_message(void)
{
	chan_t *ch = open_as(CHAN_RECV, NULL);
	char buf[8];

	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 5);
	chan_detach(ch);
}

static bool collected(void *arg)
{
	(void)arg;
	return chan_collect(name) == 1;
}

static const int64_t steps[] = {3600 * SECOND, -3600 * SECOND, 1000 * DAY, -1000 * DAY};

START_TEST(should_not_remove_a_lingering_channel_at_a_step_of_the_wall_clock)
{
	leave_a_message(LONG_LINGER);
	real_step = steps[_i];
	ck_assert_int_eq(chan_collect(name), 0);
	expect_the_message();
}
END_TEST

START_TEST(should_not_keep_a_channel_whose_linger_passed_at_a_step_of_the_wall_clock)
{
	leave_a_message(50 * MS);
	real_step = steps[_i];
	await(collected, NULL);
}
END_TEST

START_TEST(should_count_anew_from_a_time_in_the_future)
{
	chan_t *ch;

	monotonic_step = DAY;
	leave_a_message(LONG_LINGER);
	monotonic_step = 0;
	ck_assert_int_eq(chan_collect(name), 0);
	ch = open_as(0, NULL);
	ck_assert(stat_of(ch).idle >= 0 && stat_of(ch).idle < LONG_LINGER);
	chan_detach(ch);
	/* From now, by this clock. */
	monotonic_step = LONG_LINGER + SECOND;
	ck_assert_int_eq(chan_collect(name), 1);
}
END_TEST

START_TEST(should_say_for_how_long_nobody_has_used_it)
{
	chan_t *look, *ch = open_as(CHAN_SEND,
			      OPTIONS(.lifetime = CHAN_REF, .linger = (uint64_t)LONG_LINGER));

	look = open_as(0, NULL);
	ck_assert_int_eq(stat_of(look).idle, 0);
	chan_detach(ch);
	monotonic_step = 100 * SECOND;
	ck_assert_int_ge(stat_of(look).idle, 100 * SECOND);
	ck_assert_int_lt(stat_of(look).idle, LONG_LINGER);
	real_step = DAY;
	ck_assert_int_lt(stat_of(look).idle, LONG_LINGER);
	/* As a killed one leaves it. */
	atomic_store(&look->control->idle_since, 0);
	ck_assert_int_eq(stat_of(look).idle, -1);
	chan_detach(look);
}
END_TEST

/* ---- a time namespace, where one may be made ---- */

static int with_offset(int (*fn)(void *arg), void *arg)
{
	pid_t pid;
	int fd;

	if (unshare(CLONE_NEWTIME) < 0)
		return 77;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "monotonic 864000 0\n", 19) != 19)
		return 77;
	close(fd);
	pid = in_child(fn, arg);
	return wait_child(pid);
}

static int collect_there(void *arg)
{
	(void)arg;
	return -chan_collect(name);
}

static int collect_in_a_namespace(void *arg)
{
	return with_offset(collect_there, arg);
}

START_TEST(should_not_remove_it_from_another_time_namespace)
{
	int status;

	leave_a_message(LONG_LINGER);
	status = wait_child(in_child(collect_in_a_namespace, NULL));
	if (status == 77)
		fprintf(stderr, "no time namespace can be made here\n");
	else
		ck_assert_int_eq(status, 0);
	/* Counted there, it starts anew here. */
	ck_assert_int_eq(chan_collect(name), 0);
	expect_the_message();
}
END_TEST

static int receive_there(void *arg)
{
	chan_t *ch;
	char buf[8];

	(void)arg;
	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return 1;
	return chan_recv(ch, buf, sizeof(buf), SOON) == 5 ? 0 : 2;
}

static int receive_in_a_namespace(void *arg)
{
	return with_offset(receive_there, arg);
}

struct look {
	chan_t *ch;
	pid_t pid;
	bool ended;
	struct chan_endpoint found;
};

static bool sleeps(void *arg)
{
	struct look *look = arg;
	struct chan_endpoint end[8];
	int n = chan_endpoints(look->ch, end, 8);
	int status;

	for (int i = 0; i < n; i++)
		if (end[i].roles & CHAN_RECV && end[i].waiting) {
			look->found = end[i];
			return true;
		}
	look->ended = waitpid(look->pid, &status, WNOHANG) == look->pid;
	return look->ended;
}

START_TEST(should_give_no_false_age_to_a_wait_in_another_time_namespace)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.endpoints = 8));
	struct look look = {.ch = ch};
	int64_t before = now();

	look.pid = in_child(receive_in_a_namespace, NULL);
	await(sleeps, &look);
	if (!look.ended) {
		ck_assert_int_ge(look.found.waiting, before);
		ck_assert_int_le(look.found.waiting, now());
		ck_assert_int_eq(chan_send(ch, "order", 5, 0), 0);
		ck_assert_int_eq(wait_child(look.pid), 0);
	}
	chan_detach(ch);
}
END_TEST

void add_tests(void)
{
	GROUP_FOR(0, 4, "steps", setup, channel_teardown,
		should_not_remove_a_lingering_channel_at_a_step_of_the_wall_clock,
		should_not_keep_a_channel_whose_linger_passed_at_a_step_of_the_wall_clock);
	GROUP("times", setup, channel_teardown, should_count_anew_from_a_time_in_the_future,
		should_say_for_how_long_nobody_has_used_it,
		should_not_remove_it_from_another_time_namespace,
		should_give_no_false_age_to_a_wait_in_another_time_namespace);
}
