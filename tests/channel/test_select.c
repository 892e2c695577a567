/* SPDX-License-Identifier: MIT */
/* chan_select(): which case is executed, what its outcome is, who is woken, and bad use. */
#include "core/condvar.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#define CHANNELS 8

static char names[CHANNELS][64];

static char met[] = "met";
static chan_t *all[CHANNELS]; /* each to send and to receive */
static char buf[CHANNELS][64];
static struct chan_case cases[CHANNELS];

static const char *nth(int i)
{
	char what[8] = {(char)('a' + i), 0};

	return strcpy(names[i], channel_other(what));
}

static void open_each(unsigned flags, const struct chan_options *opt)
{
	for (int i = 0; i < CHANNELS; i++) {
		ck_assert_int_eq(chan_open(&all[i], nth(i), flags | CHAN_CREATE, opt), 0);
		cases[i] = (struct chan_case){.size = sizeof(cases[i]),
			.op = CHAN_OP_RECV,
			.ch = all[i],
			.data = buf[i],
			.len = sizeof(buf[i])};
	}
}

static void setup(void)
{
	channel_setup();
	open_each(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
}

static void teardown(void)
{
	for (int i = 0; i < CHANNELS; i++) {
		chan_detach(all[i]);
		chan_remove(nth(i));
	}
	channel_teardown();
}

static int select_all(int64_t timeout)
{
	return chan_select(cases, CHANNELS, timeout, 0);
}

START_TEST(should_receive_from_the_one_that_has_a_message)
{
	for (int i = CHANNELS - 1; i >= 0; i--) {
		send_text(all[i], "hello");
		ck_assert_int_eq(select_all(0), i);
		ck_assert_int_eq(cases[i].result, 5);
		ck_assert(memcmp(buf[i], "hello", 5) == 0);
		ck_assert_int_eq(select_all(0), -EAGAIN);
	}
}
END_TEST

START_TEST(should_execute_one_case_only)
{
	for (int i = 0; i < CHANNELS; i++)
		send_text(all[i], "x");
	for (int left = CHANNELS; left > 0; left--) {
		uint64_t depth = 0;

		for (int i = 0; i < CHANNELS; i++)
			depth += stat_of(all[i]).depth;
		ck_assert_uint_eq(depth, (uint64_t)left);
		ck_assert_int_ge(select_all(0), 0);
	}
}
END_TEST

START_TEST(should_be_fair_unless_it_is_biased)
{
	unsigned got[CHANNELS] = {0};

	for (int i = 0; i < 2000; i++) {
		int at;

		for (int c = 0; c < CHANNELS; c++)
			while (stat_of(all[c]).depth == 0)
				send_text(all[c], "x");
		at = select_all(0);
		ck_assert_int_ge(at, 0);
		got[at]++;
	}
	for (int i = 0; i < CHANNELS; i++) /* 250 is the mean, and 15 the deviation */
		ck_assert_uint_gt(got[i], 150);
	for (int i = 0; i < 5; i++) {
		send_text(all[2], "x");
		ck_assert_int_eq(chan_select(&cases[2], 3, 0, CHAN_BIASED), 0);
	}
}
END_TEST

START_TEST(should_only_say_which_is_ready)
{
	ck_assert_int_eq(chan_select(cases, CHANNELS, 0, CHAN_ONLY_READY), -EAGAIN);
	send_text(all[3], "x");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(chan_select(cases, CHANNELS, 0, CHAN_ONLY_READY), 3);
		ck_assert_int_eq(cases[3].result, 0);
	}
	expect_text(all[3], "x");
}
END_TEST

static void fill(chan_t *ch)
{
	char message[512] = "";

	while (chan_send(ch, message, sizeof(message), 0) == 0)
		;
	while (chan_send(ch, message, 1, 0) == 0)
		;
}

START_TEST(should_send_where_there_is_room)
{
	for (int i = 0; i < CHANNELS; i++) {
		fill(all[i]);
		cases[i].op = CHAN_OP_SEND;
		memcpy(buf[i], "value", 5);
		cases[i].len = 5;
	}
	ck_assert_int_eq(select_all(0), -EAGAIN);
	ck_assert_int_eq(chan_select(cases, CHANNELS, 0, CHAN_ONLY_READY), -EAGAIN);
	ck_assert_int_ge(chan_purge(all[6]), 1);
	ck_assert_int_eq(chan_select(cases, CHANNELS, 0, CHAN_ONLY_READY), 6);
	ck_assert_uint_eq(stat_of(all[6]).depth, 0);
	ck_assert_int_eq(select_all(0), 6);
	ck_assert_int_eq(cases[6].result, 0);
	expect_text(all[6], "value");
}
END_TEST

START_TEST(should_take_a_lease)
{
	struct chan_lease lease;

	cases[1].op = CHAN_OP_TAKE;
	cases[1].data = &lease;
	cases[1].len = 1;
	send_text(all[1], "leased");
	ck_assert_int_eq(select_all(0), 1);
	ck_assert_int_eq(cases[1].result, 1);
	ck_assert(memcmp(lease.data, "leased", 6) == 0);
	ck_assert_int_eq(chan_ack(all[1], &lease, 1), 1);
}
END_TEST

START_TEST(should_give_the_end_of_a_channel_as_the_outcome_of_its_case)
{
	chan_close(all[4], CHAN_DRAIN);
	ck_assert_int_eq(select_all(CHAN_WAIT), 4);
	ck_assert_int_eq(cases[4].result, -EPIPE);
	ck_assert_int_eq(chan_select(cases, CHANNELS, 0, CHAN_ONLY_READY), 4);
	ck_assert_int_eq(cases[4].result, -EPIPE);
}
END_TEST

START_TEST(should_give_a_message_that_is_too_long_as_an_outcome)
{
	send_text(all[0], "longer than that");
	cases[0].len = 3;
	ck_assert_int_eq(select_all(0), 0);
	ck_assert_int_eq(cases[0].result, -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 16);
}
END_TEST

static void *select_in_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)select_all(30 * SECOND);
}

static bool all_show_a_waiter(void *unused)
{
	(void)unused;
	for (int i = 0; i < CHANNELS; i++) {
		struct chan_endpoint e;

		if (chan_endpoints(all[i], &e, 1) != 1 || !e.waiting)
			return false;
	}
	return true;
}

static void start_waiting(pthread_t *t)
{
	ck_assert_int_eq(pthread_create(t, NULL, select_in_thread, NULL), 0);
	await(all_show_a_waiter, NULL);
}

static int result_of(pthread_t t)
{
	void *result;

	pthread_join(t, &result);
	return (int)(intptr_t)result;
}

START_TEST(should_be_woken_by_any_of_them)
{
	for (int i = 0; i < CHANNELS; i++) {
		pthread_t t;

		start_waiting(&t);
		send_text(all[i], "wake");
		ck_assert_int_eq(result_of(t), i);
		ck_assert_int_eq(cases[i].result, 4);
	}
}
END_TEST

/* ---- the wake-up that is counted twice ---- */

/* Keep to one CPU, and let others run only when this process sleeps. */
static void stay(int policy)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	sched_setscheduler(0, policy, &(struct sched_param){0});
}

static int select_first_of_two(void *arg)
{
	struct chan_case two[2];

	(void)arg;
	stay(SCHED_IDLE);
	for (int i = 0; i < 2; i++) {
		two[i] = cases[i];
		if (chan_open(&two[i].ch, names[i], CHAN_RECV, NULL) < 0)
			return 100;
	}
	return chan_select(two, 2, 30 * SECOND, CHAN_BIASED);
}

static int receive_from_second(void *arg)
{
	chan_t *ch;
	char m[8];

	(void)arg;
	if (chan_open(&ch, names[1], CHAN_RECV, NULL) < 0)
		return 100;
	return (int)chan_recv(ch, m, sizeof(m), 30 * SECOND);
}

static bool many_wait(void *arg)
{
	struct chan_endpoint e[16];
	int n = chan_endpoints(all[1], e, 16), waiting = 0;

	for (int i = 0; i < n; i++)
		waiting += e[i].waiting != 0;
	return waiting == *(int *)arg;
}

/* Both messages count the selection, which takes the first channel's; so the receiver, which
 * sleeps behind it, depends on the passing on, or on a slice of a second. */
START_TEST(should_pass_on_the_wake_up_that_it_did_not_use)
{
	int64_t begin, took = 0;
	int one = 1, two = 2;
	pid_t child[2];

	stay(SCHED_OTHER);
	for (int i = 0; i < 10; i++) {
		child[0] = in_child(select_first_of_two, NULL);
		await(many_wait, &one);
		ck_assert(wait_asleep(child[0], SYS_futex_waitv));
		child[1] = in_child(receive_from_second, NULL);
		await(many_wait, &two);
		await_asleep(child[1]);
		begin = now();
		ck_assert_int_eq(chan_send(all[1], "2", 1, 0), 0);
		ck_assert_int_eq(chan_send(all[0], "1", 1, 0), 0);
		if (wait_child(child[0]) == 1) { /* it ran in between */
			expect_text(all[0], "1");
			send_text(all[1], "2");
		}
		ck_assert_int_eq(wait_child(child[1]), 1);
		took += now() - begin;
	}
	ck_assert_msg(took < 4 * SECOND, "ten rounds took %d ms", (int)(took / MS));
}
END_TEST

START_TEST(should_end_when_an_endpoint_is_interrupted)
{
	pthread_t t;

	start_waiting(&t);
	chan_interrupt(all[5], 1);
	ck_assert_int_eq(result_of(t), -EINTR);
	chan_interrupt(all[5], 0);
}
END_TEST

START_TEST(should_time_out)
{
	int64_t begin = now();

	ck_assert_int_eq(select_all(20 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now() - begin, 20 * MS);
}
END_TEST

START_TEST(should_refuse_bad_use_and_say_which_case)
{
	chan_t *sender;

	ck_assert_int_eq(chan_select(cases, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_select(cases, CHANNELS, -2, 0), -EINVAL);
	ck_assert_int_eq(chan_select(cases, CHANNELS, 0, 4), -EINVAL);
	cases[2].op = 9;
	ck_assert_int_eq(select_all(0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(EINVAL), "cases[2]"));
	cases[2].op = CHAN_OP_RECV;
	cases[3].size = 3;
	ck_assert_int_eq(select_all(0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(EINVAL), "cases[3]"));
	cases[3].size = sizeof(cases[3]);
	ck_assert_int_eq(chan_open(&sender, nth(7), CHAN_SEND, NULL), 0);
	cases[7].ch = sender;
	ck_assert_int_eq(select_all(0), -EBADF);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(EBADF), "cases[7]"));
	chan_detach(sender);
}
END_TEST

static void *exclusive_of_another_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)chan_select(cases, 1, 0, 0);
}

START_TEST(should_refuse_another_threads_exclusive_endpoint)
{
	pthread_t t;

	chan_detach(all[0]);
	ck_assert_int_eq(chan_open(&all[0], nth(0), CHAN_RECV | CHAN_EXCLUSIVE, NULL), 0);
	cases[0].ch = all[0];
	ck_assert_int_eq(chan_select(cases, 1, 0, 0), -EAGAIN);
	ck_assert_int_eq(pthread_create(&t, NULL, exclusive_of_another_thread, NULL), 0);
	ck_assert_int_eq(result_of(t), -EPERM);
}
END_TEST

/* ---- rendezvous ---- */

static void setup_rendezvous(void)
{
	channel_setup();
	open_each(CHAN_SEND | CHAN_RECV, OPTIONS(.kind = CHAN_KIND_RENDEZVOUS));
}

START_TEST(should_meet_another_selection)
{
	for (int i = 0; i < 50; i++) {
		struct chan_case send[2];
		pthread_t t;
		int at;

		for (int c = 0; c < 2; c++)
			send[c] = (struct chan_case){.size = sizeof(send[c]),
				.op = CHAN_OP_SEND,
				.ch = all[c + 3],
				.data = met,
				.len = 3};
		ck_assert_int_eq(pthread_create(&t, NULL, select_in_thread, NULL), 0);
		at = chan_select(send, 2, 30 * SECOND, 0);
		ck_assert_int_ge(at, 0);
		ck_assert_int_eq(send[at].result, 0);
		ck_assert_int_eq(result_of(t), at + 3);
		ck_assert_int_eq(cases[at + 3].result, 3);
	}
}
END_TEST

/* Its own offer to send wakes its own receive, round after round. */
START_TEST(should_time_out_though_it_wakes_itself)
{
	struct chan_case both[2] = {
		{.size = sizeof(both[0]), .op = CHAN_OP_SEND, .ch = all[0], .data = met, .len = 3},
		{.size = sizeof(both[0]), .op = CHAN_OP_RECV, .ch = all[0], .data = met, .len = 3},
	};
	int64_t begin = now();

	ck_assert_int_eq(chan_select(both, 2, 50 * MS, 0), -ETIMEDOUT);
	ck_assert_int_ge(now() - begin, 50 * MS);
}
END_TEST

void add_tests(void)
{
	GROUP("select", setup, teardown, should_receive_from_the_one_that_has_a_message,
		should_execute_one_case_only, should_be_fair_unless_it_is_biased,
		should_only_say_which_is_ready, should_send_where_there_is_room,
		should_take_a_lease, should_give_the_end_of_a_channel_as_the_outcome_of_its_case,
		should_give_a_message_that_is_too_long_as_an_outcome,
		should_be_woken_by_any_of_them, should_end_when_an_endpoint_is_interrupted,
		should_time_out, should_refuse_bad_use_and_say_which_case,
		should_refuse_another_threads_exclusive_endpoint);
	if (CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX)
		GROUP("select, two wake-ups", setup, teardown,
			should_pass_on_the_wake_up_that_it_did_not_use);
	else
		not_tried("the reference looks again and again, and needs no passing on");
	GROUP("select, rendezvous", setup_rendezvous, teardown, should_meet_another_selection,
		should_time_out_though_it_wakes_itself);
}
