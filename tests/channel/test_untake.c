/* SPDX-License-Identifier: MIT */
/* chan_untake(): given back as if it had not been taken. */
#include "channel/channel.h"
#include "support/channel.h"
#include "support/clock.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>

#define SMALL OPTIONS(.capacity = 4096)

static struct chan_lease take(chan_t *ch, uint64_t seq, uint32_t attempt)
{
	struct chan_lease l;

	ck_assert_int_eq(chan_take(ch, &l, 1, 0), 1);
	ck_assert_uint_eq(l.seq, seq);
	ck_assert_uint_eq(l.attempt, attempt);
	return l;
}

START_TEST(should_deliver_again_before_newer_ones_and_not_count)
{
	chan_t *tx = open_as(CHAN_SEND, SMALL);
	chan_t *a = open_as(CHAN_RECV, NULL), *b = open_as(CHAN_RECV, NULL);
	struct chan_lease l;

	send_text(tx, "1");
	send_text(tx, "2");
	l = take(a, 1, 1);
	ck_assert_int_eq(chan_untake(a, &l, 1), 1);
	l = take(b, 1, 1);
	ck_assert_int_eq(chan_release(b, &l, 1), 1);
	l = take(a, 1, 2); /* that one counted */
	ck_assert_int_eq(chan_untake(a, &l, 1), 1);
	l = take(b, 1, 2);
	ck_assert_int_eq(chan_ack(b, &l, 1), 1);
	l = take(b, 2, 1);
	ck_assert_int_eq(chan_ack(b, &l, 1), 1);
	ck_assert_uint_eq(stat_of(tx).depth, 0);
	ck_assert_uint_eq(stat_of(tx).redelivered, 3);
	chan_detach(a);
	chan_detach(b);
	chan_detach(tx);
}
END_TEST

START_TEST(should_untake_several_and_refuse_what_is_not_held)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL), *other = open_as(CHAN_RECV, NULL);
	struct chan_lease l[3];

	send_text(ch, "1");
	send_text(ch, "2");
	send_text(ch, "3");
	ck_assert_int_eq(chan_take(ch, l, 3, 0), 3);
	ck_assert_int_eq(chan_untake(other, l, 3), -ESTALE);
	ck_assert_int_eq(chan_untake(ch, l, 2), 2);
	ck_assert_int_eq(chan_untake(ch, l, 2), -ESTALE);
	ck_assert_int_eq(chan_ack(ch, l, 1), -ESTALE);
	take(other, 1, 1);
	take(other, 2, 1);
	ck_assert_int_eq(chan_untake(ch, l + 2, 1), 1);
	take(other, 3, 1);
	chan_detach(other);
	chan_detach(ch);
}
END_TEST

START_TEST(should_not_count_down_from_the_most_that_is_counted)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	struct chan_lease l;

	send_text(ch, "1");
	for (uint32_t i = 1; i <= RECORD_ATTEMPTS_MAX; i++) {
		l = take(ch, 1, i);
		ck_assert_int_eq(chan_release(ch, &l, 1), 1);
	}
	l = take(ch, 1, RECORD_ATTEMPTS_MAX);
	ck_assert_int_eq(chan_untake(ch, &l, 1), 1);
	take(ch, 1, RECORD_ATTEMPTS_MAX);
	chan_detach(ch);
}
END_TEST

static void *receive_one(void *arg)
{
	char buf[8];

	return (void *)(intptr_t)chan_recv(arg, buf, sizeof(buf), SOON);
}

START_TEST(should_wake_a_receiver_that_waits)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL), *other = open_as(CHAN_RECV, NULL);
	struct chan_lease l;
	pthread_t thread;
	void *result;

	send_text(ch, "text");
	l = take(ch, 1, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, receive_one, other), 0);
	ck_assert_int_eq(chan_untake(ch, &l, 1), 1);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, 4);
	chan_detach(other);
	chan_detach(ch);
}
END_TEST

void add_tests(void)
{
	GROUP("untake", channel_setup, channel_teardown,
		should_deliver_again_before_newer_ones_and_not_count,
		should_untake_several_and_refuse_what_is_not_held,
		should_not_count_down_from_the_most_that_is_counted,
		should_wake_a_receiver_that_waits);
}
