/* SPDX-License-Identifier: MIT */
/* chansend --rate: how many messages may go now, and how long the next one waits. */
#include "common/deadline.h"
#include "send/pace.h"
#include "support/suite.h"

#include <errno.h>

START_TEST(should_not_hold_back_without_a_rate)
{
	struct pace p;
	unsigned n = 500;

	pace_init(&p, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pace_wait(&p, 0, &n), 0);
		ck_assert_uint_eq(n, 500);
		pace_count(&p, 500);
	}
}
END_TEST

START_TEST(should_let_the_first_go_and_hold_back_the_next)
{
	struct pace p;
	unsigned n = 500;

	pace_init(&p, 1e12);
	ck_assert_int_eq(pace_wait(&p, CHAN_WAIT, &n), 0);
	ck_assert_uint_eq(n, 1);
	pace_count(&p, 1);
	n = 500;
	ck_assert_int_eq(pace_wait(&p, cli_deadline(1000000), &n), -ETIMEDOUT);
}
END_TEST

START_TEST(should_wait_no_longer_than_until_the_next_is_due)
{
	struct pace p;
	unsigned n = 1;
	int64_t due;

	pace_init(&p, 5e6);
	pace_count(&p, 1);
	due = p.due;
	ck_assert_int_eq(pace_wait(&p, CHAN_WAIT, &n), 0);
	ck_assert_int_ge(cli_now(), due);
	ck_assert_uint_ge(n, 1);
}
END_TEST

/* It was stopped for long: the messages of a hundredth of a second may follow at once. */
START_TEST(should_catch_up_a_little)
{
	struct pace p;
	unsigned n = 500;

	pace_init(&p, 1e6);
	p.due -= INT64_C(1000000000);
	ck_assert_int_eq(pace_wait(&p, CHAN_WAIT, &n), 0);
	ck_assert_uint_eq(n, 11);
}
END_TEST

void add_tests(void)
{
	GROUP("pace", NULL, NULL, should_not_hold_back_without_a_rate,
		should_let_the_first_go_and_hold_back_the_next,
		should_wait_no_longer_than_until_the_next_is_due, should_catch_up_a_little);
}
