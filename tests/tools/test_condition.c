/* SPDX-License-Identifier: MIT */
/* The conditions of chanctl wait and test: when each holds, and which need a message. */
#include "ctl/condition.h"
#include "support/suite.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_hold_where_the_state_is_so)
{
	static const struct chan_stat empty = {.depth = 0},
				      some = {.depth = 3, .senders = 1, .receivers = 2},
				      full = {.depth = 9, .full = 1},
				      draining = {.depth = 3, .closed = 1},
				      discarding = {.depth = 3, .closed = 2};
	static const struct {
		const char *text;
		const struct chan_stat *stat;
		bool holds;
	} table[] = {
		{"empty", &empty, true},
		{"empty", &some, false},
		{"empty", &discarding, true},
		{"nonempty", &some, true},
		{"nonempty", &empty, false},
		{"nonempty", &draining, true},
		{"full", &full, true},
		{"full", &some, false},
		{"notfull", &some, true},
		{"notfull", &full, false},
		{"closed", &draining, true},
		{"closed", &discarding, true},
		{"closed", &some, false},
		{"receivers>=2", &some, true},
		{"receivers>=3", &some, false},
		{"receivers=2", &some, true},
		{"receivers=1", &some, false},
		{"senders<=1", &some, true},
		{"senders<=0", &some, false},
		{"depth<=3", &some, true},
		{"depth<=2", &some, false},
		{"depth=3", &some, true},
		{"depth=0", &discarding, true},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct condition cond = condition_parse(table[i].text);

		ck_assert(!condition_is_about_name(&cond));
		ck_assert_msg(condition_holds(&cond, table[i].stat) == table[i].holds, "%zu: %s", i,
			table[i].text);
	}
}
END_TEST

START_TEST(should_know_what_can_not_come_true_once_closed)
{
	static const struct {
		const char *text;
		bool needs;
	} table[] = {
		{"empty", false},
		{"nonempty", true},
		{"full", true},
		{"notfull", false},
		{"closed", false},
		{"receivers>=2", false},
		{"depth>=4", true},
		{"depth=4", true},
		{"depth=2", false},
		{"depth<=4", false},
		{"depth<=2", false},
	};
	static const struct chan_stat stat = {.depth = 3, .closed = 1};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct condition cond = condition_parse(table[i].text);

		ck_assert_msg(condition_needs_message(&cond, &stat) == table[i].needs, "%s",
			table[i].text);
		ck_assert_str_eq(cond.text, table[i].text);
	}
}
END_TEST

START_TEST(should_know_conditions_of_the_name)
{
	struct condition exists = condition_parse("exists"), gone = condition_parse("gone");

	ck_assert(condition_is_about_name(&exists));
	ck_assert(condition_is_about_name(&gone));
	ck_assert_int_eq(exists.subject, EXISTS);
	ck_assert_int_eq(gone.subject, GONE);
}
END_TEST

void add_tests(void)
{
	GROUP("condition", NULL, NULL, should_hold_where_the_state_is_so,
		should_know_what_can_not_come_true_once_closed, should_know_conditions_of_the_name);
}
