/* SPDX-License-Identifier: MIT */
/* Sleeping until a channel has a message, for whoever starts receivers. */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static chan_t *ch, *watcher;

static void setup(void)
{
	channel_setup();
	ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	watcher = open_as(0, NULL);
}

static void teardown(void)
{
	chan_detach(watcher);
	chan_detach(ch);
	channel_teardown();
}

struct sleeper {
	pthread_t thread;
	_Atomic pid_t tid;
	ssize_t (*sleep)(void);
	ssize_t result;
};

static void *sleep_in_thread(void *arg)
{
	struct sleeper *s = arg;

	s->tid = (pid_t)syscall(SYS_gettid);
	s->result = s->sleep();
	return NULL;
}

static void start(struct sleeper *s, ssize_t (*sleep)(void))
{
	*s = (struct sleeper){.sleep = sleep};
	ck_assert_int_eq(pthread_create(&s->thread, NULL, sleep_in_thread, s), 0);
	while (!s->tid)
		nap(MS / 10);
	await_asleep(s->tid);
}

static ssize_t result_of(struct sleeper *s)
{
	ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
	return s->result;
}

static ssize_t watch(void)
{
	return channel_await_message(watcher);
}

static ssize_t receive(void)
{
	char buf[8];

	return chan_recv(ch, buf, sizeof(buf), SOON);
}

START_TEST(should_return_at_once_when_there_is_a_message)
{
	ck_assert_int_eq(chan_send(ch, "m", 1, 0), 0);
	ck_assert_int_eq(watch(), 0);
	ck_assert_uint_eq(stat_of(ch).depth, 1); /* it took nothing */
}
END_TEST

START_TEST(should_sleep_until_a_message_comes_and_leave_it)
{
	struct sleeper s;

	start(&s, watch);
	ck_assert_int_eq(chan_send(ch, "m", 1, 0), 0);
	ck_assert_int_eq(result_of(&s), 0);
	ck_assert_uint_eq(stat_of(ch).depth, 1);
}
END_TEST

START_TEST(should_end_when_interrupted)
{
	struct sleeper s;

	start(&s, watch);
	chan_interrupt(watcher, 1);
	ck_assert_int_eq(result_of(&s), -EINTR);
}
END_TEST

/* A message wakes one sleeper.  If that is the watcher, the receiver that sleeps, too,
 * gets it all the same, and not only after a slice. */
START_TEST(should_pass_the_wake_up_on_to_a_receiver_that_sleeps_too)
{
	int64_t begin, starving;
	struct sleeper s, receiver;

	start(&s, watch);
	start(&receiver, receive);
	begin = now();
	starving = starved();
	ck_assert_int_eq(chan_send(ch, "m", 1, 0), 0);
	ck_assert_int_eq(result_of(&receiver), 1);
	ck_assert_int_lt(now() - begin - (starved() - starving), 500 * MS);
	chan_interrupt(watcher, 1);
	result_of(&s);
}
END_TEST

void add_tests(void)
{
	if (!place_has(NEED_SYSCALLS)) {
		not_tried("needs to see who sleeps");
		return;
	}
	GROUP("awaiting a message", setup, teardown, should_return_at_once_when_there_is_a_message,
		should_sleep_until_a_message_comes_and_leave_it,
		should_pass_the_wake_up_on_to_a_receiver_that_sleeps_too);
	if (CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX)
		GROUP("interrupted", setup, teardown, should_end_when_interrupted);
}
