/* SPDX-License-Identifier: MIT */
/* What chanctl top shows: rates, histories, order, and a name that is another channel's now. */
#include "ctl/overview.h"

#include <stdio.h>
#include <string.h>

#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

static struct overview seen;
static chan_t *ch, *busy;

static char *pattern(void)
{
	static char ret[128];

	snprintf(ret, sizeof(ret), "%s", channel_other("*"));
	return ret;
}

static void read_all(void)
{
	nap(MS); /* so that there is a time to divide by */
	ck_assert_int_eq(overview_read(&seen, pattern()), 0);
}

static chan_t *make(const char *what)
{
	chan_t *ret;

	ck_assert_int_eq(chan_open(&ret, channel_other(what), CHAN_CREATE | CHAN_SEND | CHAN_RECV,
				 OPTIONS(.capacity = 65536)),
		0);
	return ret;
}

static void setup(void)
{
	channel_setup();
	ch = make("a");
	busy = make("b");
	seen = (struct overview){.n = 0};
	read_all();
}

static void teardown(void)
{
	overview_free(&seen);
	chan_detach(ch);
	chan_detach(busy);
	chan_remove(channel_other("a"));
	chan_remove(channel_other("b"));
	channel_teardown();
}

START_TEST(should_show_rates_between_two_readings)
{
	ck_assert_uint_eq(seen.n, 2);
	ck_assert_double_eq(seen.row[1].sent_rate, 0);
	for (int i = 0; i < 3; i++)
		send_text(busy, "x");
	expect_text(busy, "x");
	read_all();
	ck_assert_double_gt(seen.row[1].sent_rate, 2.5 * seen.row[1].received_rate);
	ck_assert_double_gt(seen.row[1].received_rate, 0);
	ck_assert_double_eq(seen.row[0].sent_rate, 0);
	read_all();
	ck_assert_double_eq(seen.row[1].sent_rate, 0);
}
END_TEST

START_TEST(should_remember_so_many_depths)
{
	uint64_t depth;

	ck_assert(overview_depth(&seen.row[1], 0, &depth));
	ck_assert(!overview_depth(&seen.row[1], 1, &depth));
	for (int i = 0; i < OVERVIEW_HISTORY + 5; i++) {
		send_text(busy, "x");
		ck_assert_int_eq(overview_read(&seen, pattern()), 0);
	}
	for (size_t ago = 0; ago < OVERVIEW_HISTORY; ago++) {
		ck_assert(overview_depth(&seen.row[1], ago, &depth));
		ck_assert_uint_eq(depth, OVERVIEW_HISTORY + 5 - ago);
	}
	ck_assert(!overview_depth(&seen.row[1], OVERVIEW_HISTORY, &depth));
}
END_TEST

START_TEST(should_sort_by_what_is_asked_for)
{
	send_text(busy, "x");
	read_all();
	ck_assert_str_eq(seen.row[0].name, channel_other("a"));
	for (unsigned order = BY_DEPTH; order <= BY_SENT_RATE; order++) {
		seen.order = (enum overview_order)order;
		overview_sort(&seen);
		ck_assert_str_eq(seen.row[0].name, channel_other("b"));
	}
	seen.order = BY_DROPPED; /* equal: by name */
	overview_sort(&seen);
	ck_assert_str_eq(seen.row[0].name, channel_other("a"));
}
END_TEST

/* Else the counts of two channels would be subtracted. */
START_TEST(should_begin_anew_with_another_channel_of_that_name)
{
	uint64_t depth;

	send_text(busy, "x");
	send_text(busy, "x");
	read_all();
	chan_detach(busy);
	ck_assert_int_eq(chan_remove(channel_other("b")), 0);
	busy = make("b");
	for (int i = 0; i < 4; i++)
		send_text(busy, "x");
	read_all();
	ck_assert_double_eq(seen.row[1].sent_rate, 0);
	ck_assert(overview_depth(&seen.row[1], 0, &depth));
	ck_assert_uint_eq(depth, 4);
	ck_assert(!overview_depth(&seen.row[1], 1, &depth));
}
END_TEST

START_TEST(should_forget_what_is_gone)
{
	chan_remove(channel_other("b"));
	read_all();
	ck_assert_uint_eq(seen.n, 1);
}
END_TEST

START_TEST(should_find_who_has_waited_longest)
{
	struct endpoints ends = {(struct chan_endpoint[]){{.pid = 1, .waiting = 0},
					 {.pid = 2, .waiting = 50}, {.pid = 3, .waiting = 20}},
		3};
	const struct chan_endpoint *end;
	int64_t waits = -1;

	end = overview_longest(&ends, 60, &waits);
	ck_assert_int_eq(end->pid, 3);
	ck_assert_int_eq(waits, 40);
	end = overview_longest(&ends, 10, &waits); /* of a clock that is behind */
	ck_assert_int_eq(waits, 0);
	ends.n = 1;
	ck_assert_ptr_null(overview_longest(&ends, 60, &waits));
}
END_TEST

void add_tests(void)
{
	GROUP("overview", setup, teardown, should_show_rates_between_two_readings,
		should_remember_so_many_depths, should_sort_by_what_is_asked_for,
		should_begin_anew_with_another_channel_of_that_name, should_forget_what_is_gone,
		should_find_who_has_waited_longest);
}
