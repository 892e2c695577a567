/* SPDX-License-Identifier: MIT */
/* What the receivers of chanrecv share: the limit, the figures, stopping, and the time. */
#include "recv/run.h"
#include "support/suite.h"

static struct recv_options options;
static struct run run;

static void start(struct recv_options o)
{
	options = o;
	options.count = 1;
	run_init(&run, &options);
}

START_TEST(should_claim_no_more_than_the_limit)
{
	start((struct recv_options){.limit = 5});
	ck_assert_uint_eq(run_claim(&run, 3), 3);
	ck_assert_uint_eq(run_wanted(&run), 2);
	ck_assert_uint_eq(run_claim(&run, 3), 2);
	ck_assert_uint_eq(run_wanted(&run), 0);
	ck_assert_uint_eq(run_claim(&run, 1), 0);
}
END_TEST

START_TEST(should_claim_all_without_a_limit)
{
	start((struct recv_options){.limit = UINT64_MAX});
	ck_assert_uint_eq(run_claim(&run, 1000), 1000);
	ck_assert(run_wanted(&run) == UINT64_MAX);
}
END_TEST

START_TEST(should_sum_what_was_received)
{
	start((struct recv_options){.limit = UINT64_MAX});
	run_count(&run, 2, 300);
	run_count(&run, 0, 0);
	run_count(&run, 1, 40);
	ck_assert_uint_eq(run_received(&run), 3);
	ck_assert_uint_eq(run_bytes(&run), 340);
}
END_TEST

START_TEST(should_stop_and_know_whether_the_reader_missed_something)
{
	start((struct recv_options){.limit = 2});
	ck_assert(!run_stopping(&run));
	run_stop(&run);
	ck_assert(run_stopping(&run));
	ck_assert(!run_lost_its_reader(&run));
	run_lose_reader(&run);
	ck_assert(run_lost_its_reader(&run));
	run_count(&run, 2, 0); /* it had all that was wanted, and went */
	ck_assert(!run_lost_its_reader(&run));
}
END_TEST

START_TEST(should_wait_as_long_as_the_options_allow)
{
	const struct recv_options forever = {
		.deadline = CHAN_WAIT, .idle = CHAN_WAIT, .idle_exit = CHAN_WAIT};
	struct recv_options o = forever;

	start(o);
	ck_assert_int_eq(run_patience(&run), CHAN_WAIT);
	ck_assert(!run_is_over(&run));
	o.idle = INT64_C(100000000000);
	start(o);
	ck_assert(run_patience(&run) > 0 && run_patience(&run) <= o.idle);
	o.nowait = true;
	start(o);
	ck_assert_int_eq(run_patience(&run), 0);
	o = forever;
	o.drain = true;
	start(o);
	ck_assert_int_eq(run_patience(&run), 0);
}
END_TEST

START_TEST(should_distinguish_the_limits_of_time)
{
	const struct recv_options forever = {
		.deadline = CHAN_WAIT, .idle = CHAN_WAIT, .idle_exit = CHAN_WAIT};
	struct recv_options o = forever;

	o.idle_exit = 0;
	start(o);
	ck_assert_int_eq(run_patience(&run), 0);
	ck_assert(run_is_idle(&run));
	o.idle = 0;
	start(o);
	ck_assert(!run_is_idle(&run));
	o = forever;
	o.deadline = 1; /* long ago */
	start(o);
	ck_assert_int_eq(run_patience(&run), 0);
	ck_assert(run_is_over(&run));
	ck_assert(!run_is_idle(&run));
}
END_TEST

void add_tests(void)
{
	GROUP("run", NULL, NULL, should_claim_no_more_than_the_limit,
		should_claim_all_without_a_limit, should_sum_what_was_received,
		should_stop_and_know_whether_the_reader_missed_something,
		should_wait_as_long_as_the_options_allow, should_distinguish_the_limits_of_time);
}
