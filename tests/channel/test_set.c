/* SPDX-License-Identifier: MIT */
/* Sets: what is ready, once, again and for how long; and what a wait costs. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHANNELS 200

static chan_t *all[CHANNELS];
static char names[CHANNELS][64];
static chan_set_t *set;
static struct chan_ready ready[CHANNELS];

static const char *nth(int i)
{
	char what[16];

	snprintf(what, sizeof(what), "n%d", i);
	return strcpy(names[i], channel_other(what));
}

static void open_each(const struct chan_options *opt)
{
	channel_setup();
	for (int i = 0; i < CHANNELS; i++)
		ck_assert_int_eq(
			chan_open(&all[i], nth(i), CHAN_SEND | CHAN_RECV | CHAN_CREATE, opt), 0);
	ck_assert_int_eq(chan_set_create(&set), 0);
	for (int i = 0; i < CHANNELS; i++)
		ck_assert_int_eq(chan_set_add(set, all[i], CHAN_RECV, &all[i]), 0);
}

static void setup(void)
{
	open_each(OPTIONS(.capacity = 4096));
}

static void setup_end_with_senders(void)
{
	open_each(OPTIONS(.capacity = 4096, .flags = CHAN_END_WITH_SENDERS));
}

static void teardown(void)
{
	chan_set_destroy(set);
	for (int i = 0; i < CHANNELS; i++) {
		chan_detach(all[i]);
		chan_remove(nth(i));
	}
	channel_teardown();
}

static int look(void)
{
	return chan_set_wait(set, ready, CHANNELS, 0);
}

START_TEST(should_give_those_that_are_ready_until_their_calls_find_nothing)
{
	ck_assert_int_eq(look(), -EAGAIN);
	for (int i = 0; i < CHANNELS; i += 7) {
		send_text(all[i], "a");
		for (int again = 0; again < 3; again++) {
			ck_assert_int_eq(look(), 1);
			ck_assert_ptr_eq(ready[0].ch, all[i]);
			ck_assert_ptr_eq(ready[0].data, &all[i]);
			ck_assert_uint_eq(ready[0].role, CHAN_RECV);
		}
		expect_text(all[i], "a");
		ck_assert_int_eq(look(), -EAGAIN);
	}
}
END_TEST

START_TEST(should_give_each_its_turn_when_few_are_asked_for)
{
	unsigned times[CHANNELS] = {0};

	for (int i = 0; i < CHANNELS; i++)
		send_text(all[i], "a");
	for (int i = 0; i < 3 * CHANNELS; i++) {
		ck_assert_int_eq(chan_set_wait(set, ready, 1, 0), 1);
		times[(chan_t **)ready[0].data - all]++;
	}
	for (int i = 0; i < CHANNELS; i++)
		ck_assert_uint_eq(times[i], 3);
	ck_assert_int_eq(look(), CHANNELS);
}
END_TEST

static _Atomic pid_t waiter; /* the thread below, once it runs */

static void *wait_in_thread(void *arg)
{
	(void)arg;
	waiter = gettid();
	return (void *)(intptr_t)chan_set_wait(set, ready, 1, 30 * SECOND);
}

static bool started(void *arg)
{
	(void)arg;
	return waiter != 0;
}

static void start_waiting(pthread_t *t)
{
	waiter = 0;
	ck_assert_int_eq(pthread_create(t, NULL, wait_in_thread, NULL), 0);
	await(started, NULL);
	ck_assert(wait_asleep(waiter, SYS_ppoll));
}

START_TEST(should_be_woken_by_any)
{
	ck_assert_int_eq(look(), -EAGAIN);
	for (int i = 0; i < CHANNELS; i += 19) {
		pthread_t t;
		void *result;

		start_waiting(&t);
		send_text(all[i], "a");
		pthread_join(t, &result);
		ck_assert_int_eq((int)(intptr_t)result, 1);
		ck_assert_ptr_eq(ready[0].ch, all[i]);
		expect_text(all[i], "a");
	}
}
END_TEST

START_TEST(should_end_when_a_member_is_interrupted)
{
	pthread_t t;
	void *result;

	ck_assert_int_eq(look(), -EAGAIN);
	start_waiting(&t);
	chan_interrupt(all[77], 1);
	pthread_join(t, &result);
	ck_assert_int_eq((int)(intptr_t)result, -EINTR);
	ck_assert_int_eq(look(), -EINTR);
	chan_interrupt(all[77], 0);
	ck_assert_int_eq(look(), -EAGAIN);
}
END_TEST

START_TEST(should_time_out)
{
	int64_t begin = now();

	ck_assert_int_eq(chan_set_wait(set, ready, 1, 20 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now() - begin, 20 * MS);
}
END_TEST

START_TEST(should_give_a_sender_when_a_long_message_has_room)
{
	char m[1024] = "";

	ck_assert_int_eq(chan_set_add(set, all[5], CHAN_SEND, NULL), 0);
	ck_assert_int_eq(look(), 1);
	ck_assert_uint_eq(ready[0].role, CHAN_SEND);
	while (chan_send(all[5], m, sizeof(m) - 16, 0) == 0)
		;
	ck_assert_int_eq(look(), 1); /* what it has to receive */
	ck_assert_uint_eq(ready[0].role, CHAN_RECV);
	chan_purge(all[5]);
	ck_assert_int_eq(look(), 1);
	ck_assert_uint_eq(ready[0].role, CHAN_SEND);
}
END_TEST

START_TEST(should_give_a_channel_that_ended)
{
	ck_assert_int_eq(look(), -EAGAIN);
	chan_close(all[9], CHAN_DRAIN);
	ck_assert_int_eq(look(), 1);
	ck_assert_ptr_eq(ready[0].ch, all[9]);
	chan_remove(nth(11));
	ck_assert_int_eq(look(), 2);
}
END_TEST

START_TEST(should_notice_a_name_that_somebody_removed)
{
	char path[sizeof(segment_path) + 64];
	char *at;

	ck_assert_int_eq(look(), -EAGAIN);
	strcpy(path, segment_path);
	at = strstr(path, name);
	ck_assert_ptr_nonnull(at);
	strcpy(at, nth(13));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(chan_set_wait(set, ready, 1, 30 * SECOND), 1);
	ck_assert_ptr_eq(ready[0].ch, all[13]);
}
END_TEST

START_TEST(should_forget_what_is_removed)
{
	send_text(all[1], "a");
	send_text(all[2], "a");
	ck_assert_int_eq(chan_set_remove(set, all[1], CHAN_RECV), 0);
	ck_assert_int_eq(chan_set_remove(set, all[1], CHAN_RECV), -ENOENT);
	ck_assert_int_eq(look(), 1);
	ck_assert_ptr_eq(ready[0].ch, all[2]);
	ck_assert_int_eq(chan_set_add(set, all[1], CHAN_RECV, NULL), 0);
	ck_assert_int_eq(look(), 2);
}
END_TEST

START_TEST(should_be_part_of_a_loop)
{
	struct pollfd p = {.fd = chan_set_fd(set), .events = POLLIN};

	ck_assert_int_gt(p.fd, 2);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(look(), -EAGAIN);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(poll(&p, 1, 0), 0);
		send_text(all[i], "1");
		send_text(all[i + 1], "1");
		for (int left = 2; left > 0; left--) {
			ck_assert_int_eq(poll(&p, 1, 0), 1);
			ck_assert_int_eq(chan_set_wait(set, ready, 1, 0), 1);
			expect_text(ready[0].ch, "1");
		}
		ck_assert_int_eq(poll(&p, 1, 0), 1);
		ck_assert_int_eq(look(), -EAGAIN);
	}
}
END_TEST

static int hold_open(void *arg)
{
	chan_t *ch;
	int *to = arg;

	if (chan_open(&ch, names[3], CHAN_SEND, NULL) < 0 || write(to[1], "", 1) != 1)
		return 1;
	pause();
	return 0;
}

START_TEST(should_learn_of_the_death_of_the_last_sender)
{
	int to[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(chan_set_remove(set, all[3], CHAN_RECV), 0);
	chan_detach(all[3]);
	ck_assert_int_eq(chan_open(&all[3], nth(3), CHAN_RECV, NULL), 0);
	ck_assert_int_eq(chan_set_add(set, all[3], CHAN_RECV, NULL), 0);
	ck_assert_int_eq(pipe(to), 0);
	pid = in_child(hold_open, to);
	ck_assert_int_eq(read(to[0], &byte, 1), 1);
	while (look() != -EAGAIN)
		;
	kill(pid, SIGKILL);
	ck_assert_int_eq(chan_set_wait(set, ready, 1, 30 * SECOND), 1);
	ck_assert_ptr_eq(ready[0].ch, all[3]);
	ck_assert_int_eq(chan_recv(all[3], &byte, 1, 0), -EPIPE);
	wait_child(pid);
	close(to[0]);
	close(to[1]);
}
END_TEST

START_TEST(should_select_among_more_cases_than_one_can_sleep_on)
{
	static struct chan_case cases[CHANNELS];
	char m[8];

	for (int i = 0; i < CHANNELS; i++)
		cases[i] = (struct chan_case){.size = sizeof(cases[i]),
			.op = CHAN_OP_RECV,
			.ch = all[i],
			.data = m,
			.len = sizeof(m)};
	ck_assert_int_eq(chan_select(cases, CHANNELS, 20 * MS, 0), -ETIMEDOUT);
	send_text(all[190], "late");
	ck_assert_int_eq(chan_select(cases, CHANNELS, CHAN_WAIT, 0), 190);
	ck_assert_int_eq(cases[190].result, 4);
}
END_TEST

START_TEST(should_give_an_endpoint_that_was_detached_until_it_is_removed)
{
	chan_t *gone = all[6];
	char m[8];

	ck_assert_int_eq(look(), -EAGAIN);
	chan_detach(gone);
	ck_assert_int_eq(chan_open(&all[6], names[6], CHAN_SEND | CHAN_RECV, NULL), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(chan_set_wait(set, ready, CHANNELS, 30 * SECOND), 1);
		ck_assert_ptr_eq(ready[0].ch, gone);
		ck_assert_int_eq(chan_recv(gone, m, sizeof(m), 0), -ENOTCONN);
	}
	ck_assert_int_eq(chan_set_remove(set, gone, CHAN_RECV), 0);
	ck_assert_int_eq(look(), -EAGAIN);
}
END_TEST

START_TEST(should_be_of_no_use_in_a_child)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int err = look();

		chan_set_destroy(set);
		_exit(err != -ENOTCONN);
	}
	ck_assert_int_eq(wait_child(pid), 0);
	send_text(all[0], "a");
	ck_assert_int_eq(look(), 1);
}
END_TEST

START_TEST(should_refuse_bad_use)
{
	chan_t *sender;

	ck_assert_int_eq(chan_set_add(set, all[0], CHAN_RECV, NULL), -EEXIST);
	ck_assert_int_eq(chan_set_add(set, all[0], 0, NULL), -EINVAL);
	ck_assert_int_eq(chan_open(&sender, nth(0), CHAN_SEND, NULL), 0);
	ck_assert_int_eq(chan_set_add(set, sender, CHAN_RECV, NULL), -EBADF);
	chan_detach(sender);
	ck_assert_int_eq(chan_set_wait(set, ready, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_set_wait(set, ready, 1, -2), -EINVAL);
	chan_set_destroy(NULL);
}
END_TEST

void add_tests(void)
{
	GROUP("set", setup, teardown,
		should_give_those_that_are_ready_until_their_calls_find_nothing,
		should_give_each_its_turn_when_few_are_asked_for, should_be_woken_by_any,
		should_end_when_a_member_is_interrupted, should_time_out,
		should_give_a_sender_when_a_long_message_has_room, should_give_a_channel_that_ended,
		should_notice_a_name_that_somebody_removed, should_forget_what_is_removed,
		should_be_part_of_a_loop, should_select_among_more_cases_than_one_can_sleep_on,
		should_give_an_endpoint_that_was_detached_until_it_is_removed,
		should_be_of_no_use_in_a_child, should_refuse_bad_use);
	GROUP("set, ends with its senders", setup_end_with_senders, teardown,
		should_learn_of_the_death_of_the_last_sender);
}
