/* SPDX-License-Identifier: MIT */
/*
 * Backoff: what threads learn that meet at a lock.  Their clock is a number here, and so
 * is what a change of the lock's lines costs.
 */
#include "core/backoff.h"
#include "support/suite.h"

static struct backoff backoff;
static int64_t now;

static void setup(void)
{
	backoff = (struct backoff){0};
	now = 1000000;
}

/* The lock is found taken `apart` ns after the last time.  Returns the pause. */
static uint32_t meet(int64_t apart)
{
	uint32_t pause;

	now += apart;
	pause = backoff_begin(&backoff, now);
	now += pause;
	backoff_end(&backoff, now);
	return pause;
}

static uint32_t meet_often(unsigned times, int64_t apart)
{
	uint32_t pause = 0;

	for (unsigned i = 0; i < times; i++)
		pause = meet(apart);
	return pause;
}

START_TEST(should_not_pause_at_first)
{
	ck_assert_uint_eq(meet(0), 0);
}
END_TEST

START_TEST(should_pause_longer_where_the_lock_is_found_taken_again_and_again)
{
	uint32_t last = meet_often(2, 50);

	ck_assert_uint_gt(last, 0);
	while (last < BACKOFF_MAX) {
		uint32_t pause = meet(50);

		ck_assert_uint_gt(pause, last);
		last = pause;
	}
	ck_assert_uint_eq(last, BACKOFF_MAX);
	ck_assert_uint_eq(meet_often(100, 50), BACKOFF_MAX);
}
END_TEST

/* One that pauses is found to be there by the other, who pauses then: each of the two
 * meets the lock once in two pauses. */
START_TEST(should_stay_long_while_two_change_places)
{
	meet_often(20, 50);
	ck_assert_uint_eq(meet_often(100, BACKOFF_MAX), BACKOFF_MAX);
	ck_assert_uint_eq(meet_often(100, 5 * BACKOFF_MAX), BACKOFF_MAX);
}
END_TEST

START_TEST(should_not_pause_where_they_meet_now_and_then)
{
	ck_assert_uint_eq(meet_often(100, 10000), 0);
	meet_often(20, 50);
	ck_assert_uint_eq(meet_often(8, 1000000), 0);
	ck_assert_uint_eq(meet_often(100, 10000), 0);
}
END_TEST

/* A message costs 20 ns with the lines at hand, and a change of the side's lines 300.  Two
 * threads send as fast as they can; the one that has the lock goes on until the other one
 * tries, and is the one that pauses then. */
START_TEST(should_let_two_threads_send_faster_than_in_turns)
{
	struct backoff both[2] = {0};
	int64_t sent = 0, start = now;

	for (unsigned i = 0; now < 2000000; i++) {
		struct backoff *late = &both[i % 2];
		uint32_t pause = backoff_begin(late, now);

		sent += 1 + pause / 20;
		now += 300 + pause;
		backoff_end(late, now);
	}
	/* In turns, a message costs 320. */
	ck_assert_int_lt((now - start) / sent, 40);
}
END_TEST

void add_tests(void)
{
	GROUP("backoff", setup, NULL, should_not_pause_at_first,
		should_pause_longer_where_the_lock_is_found_taken_again_and_again,
		should_stay_long_while_two_change_places,
		should_not_pause_where_they_meet_now_and_then,
		should_let_two_threads_send_faster_than_in_turns);
}
