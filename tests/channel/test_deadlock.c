/* SPDX-License-Identifier: MIT */
/* A thread that would wait for itself gets -EDEADLK, by whichever endpoint. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>

static chan_t *a, *b, *rx;
static void *to;

/* A reservation of this thread on `a`. */
static void setup(void)
{
	channel_setup();
	a = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));
	b = open_as(CHAN_SEND | CHAN_RECV, NULL);
	rx = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(chan_send(a, "one", 3, 0), 0);
	ck_assert_int_eq(chan_send(a, "two", 3, 0), 0);
	ck_assert_int_eq(chan_reserve(a, &to, 1, 0), 0);
}

static void teardown(void)
{
	chan_detach(a);
	chan_detach(b);
	chan_detach(rx);
	channel_teardown();
}

START_TEST(should_refuse_to_send_on_another_endpoint_within_a_reservation)
{
	static const int64_t timeouts[] = {0, SECOND, CHAN_WAIT};
	struct iovec v = {name, 1};
	void *other;

	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(chan_send(b, "x", 1, timeouts[i]), -EDEADLK);
		ck_assert_int_eq(chan_send_batch(b, &v, 1, timeouts[i]), -EDEADLK);
		ck_assert_int_eq(chan_reserve(b, &other, 1, timeouts[i]), -EDEADLK);
		ck_assert_int_eq(chan_send(a, "x", 1, timeouts[i]), -EDEADLK);
	}
	ck_assert_int_eq(chan_set_overflow(b, CHAN_DROP_OLDEST), 0);
	ck_assert_int_eq(chan_send(b, "x", 1, CHAN_WAIT), -EDEADLK);
	ck_assert_int_eq(chan_commit(a, 1), 0);
	ck_assert_int_eq(chan_send(b, "x", 1, 0), 0);
}
END_TEST

START_TEST(should_receive_within_a_reservation_what_is_there_and_not_wait_for_more)
{
	struct chan_lease lease;
	char m[8];

	ck_assert_int_eq(chan_recv(b, m, sizeof(m), CHAN_WAIT), 3);
	ck_assert_int_eq(chan_take(rx, &lease, 1, CHAN_WAIT), 1);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), CHAN_WAIT), -EDEADLK);
	ck_assert_int_eq(chan_take(b, &lease, 1, SECOND), -EDEADLK);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	ck_assert_int_eq(chan_commit(a, 1), 0);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), CHAN_WAIT), 1);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), MS), -ETIMEDOUT);
}
END_TEST

START_TEST(should_look_purge_recover_and_close_within_a_reservation)
{
	chan_t *observer = open_as(0, NULL);
	struct chan_cursor at = {0};
	char m[8];

	ck_assert_int_eq(chan_peek(observer, m, sizeof(m), &at), 3);
	ck_assert_int_eq(chan_peek(a, m, sizeof(m), &at), 3);
	ck_assert_uint_eq(stat_of(a).depth, 2);
	ck_assert_int_eq(chan_recover(observer), 0);
	ck_assert_int_eq(chan_recover(a), 0);
	ck_assert_int_eq(chan_purge(a), 2);
	ck_assert_int_eq(chan_purge(observer), 0);
	ck_assert_int_eq(chan_close(observer, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_commit(a, 1), -EPIPE);
	chan_detach(observer);
}
END_TEST

/* The lock that this thread has is its exclusive endpoint's. */
START_TEST(should_say_busy_at_once_of_this_thread_s_own_exclusive_side)
{
	chan_t *only, *observer = open_as(0, NULL);
	struct chan_cursor at = {0};
	char m[8];
	int64_t begin;

	chan_abort(a);
	chan_detach(rx);
	chan_detach(b);
	b = open_as(CHAN_SEND, NULL);
	only = rx = open_as(CHAN_RECV | CHAN_EXCLUSIVE, NULL);
	begin = now();
	ck_assert_int_eq(chan_peek(observer, m, sizeof(m), &at), -EBUSY);
	ck_assert_int_eq(chan_purge(b), -EBUSY);
	ck_assert_int_eq(chan_recover(observer), -EBUSY);
	ck_assert_int_eq(chan_set_overflow(b, CHAN_DROP_OLDEST), 0);
	while (chan_send(b, "x", 1, CHAN_WAIT) == 0)
		;
	ck_assert_int_eq(chan_send(b, "x", 1, CHAN_WAIT), -EBUSY);
	ck_assert_int_lt(now() - begin - starved(), SECOND);
	ck_assert_int_eq(chan_recv(only, m, sizeof(m), 0), 3);
	chan_detach(observer);
}
END_TEST

void add_tests(void)
{
	GROUP("deadlock", setup, teardown,
		should_refuse_to_send_on_another_endpoint_within_a_reservation,
		should_receive_within_a_reservation_what_is_there_and_not_wait_for_more,
		should_look_purge_recover_and_close_within_a_reservation,
		should_say_busy_at_once_of_this_thread_s_own_exclusive_side);
}
