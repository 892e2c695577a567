/* SPDX-License-Identifier: MIT */
/* Deadlines: when they come, and that those too far away never do. */
#include "common/deadline.h"
#include "support/suite.h"

START_TEST(should_count_down_to_a_deadline)
{
	int64_t left = cli_remaining(cli_deadline(100000000000));

	ck_assert(left > 0 && left <= 100000000000);
	ck_assert_int_eq(cli_remaining(cli_deadline(0)), 0);
}
END_TEST

START_TEST(should_never_reach_what_is_too_far_away)
{
	ck_assert_int_eq(cli_deadline(CHAN_WAIT), CHAN_WAIT);
	ck_assert_int_eq(cli_deadline(INT64_MAX), CHAN_WAIT); /* in 292 years */
	ck_assert_int_eq(cli_remaining(CHAN_WAIT), CHAN_WAIT);
}
END_TEST

START_TEST(should_choose_the_sooner_of_two)
{
	ck_assert_int_eq(cli_sooner(CHAN_WAIT, 5), 5);
	ck_assert_int_eq(cli_sooner(5, CHAN_WAIT), 5);
	ck_assert_int_eq(cli_sooner(7, 5), 5);
	ck_assert_int_eq(cli_sooner(CHAN_WAIT, CHAN_WAIT), CHAN_WAIT);
}
END_TEST

void add_tests(void)
{
	GROUP("deadline", NULL, NULL, should_count_down_to_a_deadline,
		should_never_reach_what_is_too_far_away, should_choose_the_sooner_of_two);
}
