/* SPDX-License-Identifier: MIT */
/* The difference between two lists of endpoints: those that came, then those that went. */
#include <stdio.h>
#include <string.h>

#include "common/endpoints.h"
#include "support/suite.h"

static char seen[128];

static void note(char sign, const struct chan_endpoint *end)
{
	size_t len = strlen(seen);

	snprintf(seen + len, sizeof(seen) - len, "%c%u/%d ", sign, end->id, end->pid);
}

static void came(const struct chan_endpoint *end, void *arg)
{
	ck_assert_ptr_eq(arg, seen);
	note('+', end);
}

static void went(const struct chan_endpoint *end, void *arg)
{
	ck_assert_ptr_eq(arg, seen);
	note('-', end);
}

#define LIST(...)                                                                                  \
	&(struct endpoints)                                                                        \
	{                                                                                          \
		(struct chan_endpoint[]){__VA_ARGS__},                                             \
			sizeof((struct chan_endpoint[]){__VA_ARGS__}) /                            \
				sizeof(struct chan_endpoint)                                       \
	}
#define END(number, process)                                                                       \
	{                                                                                          \
		.id = number, .pid = process                                                       \
	}

static const struct endpoints none;

static void expect(const struct endpoints *before, const struct endpoints *now, const char *result)
{
	seen[0] = '\0';
	endpoints_compare(before, now, came, went, seen);
	ck_assert_str_eq(seen, result);
}

START_TEST(should_call_for_nothing_that_stayed)
{
	expect(&none, &none, "");
	expect(LIST(END(1, 10), END(3, 11)), LIST(END(1, 10), END(3, 11)), "");
}
END_TEST

START_TEST(should_call_for_all_that_came_and_then_for_all_that_went)
{
	expect(&none, LIST(END(1, 10), END(2, 11)), "+1/10 +2/11 ");
	expect(LIST(END(1, 10), END(2, 11)), &none, "-1/10 -2/11 ");
	expect(LIST(END(1, 10), END(4, 11), END(6, 12)),
		LIST(END(0, 13), END(4, 11), END(5, 14), END(9, 15)),
		"+0/13 +5/14 +9/15 -1/10 -6/12 ");
}
END_TEST

START_TEST(should_see_that_an_id_was_given_away_again)
{
	struct chan_endpoint old = END(2, 10), later = END(2, 10);

	expect(LIST(END(2, 10)), LIST(END(2, 11)), "+2/11 -2/10 ");
	later.attached = 1;
	expect(LIST(old), LIST(later), "+2/10 -2/10 ");
}
END_TEST

void add_tests(void)
{
	GROUP("endpoints", NULL, NULL, should_call_for_nothing_that_stayed,
		should_call_for_all_that_came_and_then_for_all_that_went,
		should_see_that_an_id_was_given_away_again);
}
