/* SPDX-License-Identifier: MIT */
/*
 * A Check program: main() is in suite.c, and a test file says what it has:
 *
 *   START_TEST(should_keep_the_order)
 *   ...
 *   void add_tests(void)
 *   {
 *           GROUP("order", channel_setup, channel_teardown, should_keep_the_order);
 *           if (place_has(NEED_IO_URING))
 *                   GROUP("io_uring", NULL, NULL, should_wait_in_the_kernel);
 *   }
 *
 * The name of a test is what the code should do.  A test that needs what a place may
 * lack is added only where that is there (place.h).  If nothing else is left, the
 * program says why and is skipped (status 77); else the reason stands behind the result.
 *
 * At the end the channels of this run are removed, also those of a test that crashed.
 * If all tests passed there should be none: then one that is left is a failure.
 */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include "support/place.h"

#include <check.h>
#include <stdbool.h>

/* The test file's. */
void add_tests(void);

#define TESTS_LIMIT 120 /* seconds that a test has; tests/run multiplies it */

/* Add tests that share a set-up and a clean-up (or NULL), run for each. */
#define GROUP(title, set_up, clean_up, ...) GROUP_FOR(0, 1, title, set_up, clean_up, __VA_ARGS__)

/* The same, each once for every _i from `first` up to `end`, that excluded. */
#define GROUP_FOR(first, end, title, set_up, clean_up, ...)                                        \
	add_group(title, set_up, clean_up, (int)(first), (int)(end),                               \
		(const TTest *const[]){__VA_ARGS__},                                               \
		sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

void add_group(const char *title, void (*set_up)(void), void (*clean_up)(void), int first, int end,
	const TTest *const *tests, size_t n);

/* Returns true if it is here; if not, the end of the output says so. */
bool place_has(enum need what);

/* Returns true if what is more of the same may be left out: `make test` runs this. */
bool quick_form(void);

/* Leave out tests for a reason that place.h doesn't know. */
void not_tried(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
