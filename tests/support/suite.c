/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include "support/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Suite *suite;
static unsigned added;
static char left_out[1024];

void add_group(const char *title, void (*set_up)(void), void (*clean_up)(void), int first, int end,
	const TTest *const *tests, size_t n)
{
	TCase *t = tcase_create(title);

	tcase_set_timeout(t, TESTS_LIMIT);
	tcase_add_checked_fixture(t, set_up, clean_up);
	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(t, tests[i], first, end);
	suite_add_tcase(suite, t);
	added += (unsigned)n;
}

void not_tried(const char *format, ...)
{
	size_t len = strlen(left_out);
	va_list args;

	if (len && len < sizeof(left_out))
		len += (size_t)snprintf(left_out + len, sizeof(left_out) - len, "; ");
	if (len >= sizeof(left_out))
		return;
	va_start(args, format);
	vsnprintf(left_out + len, sizeof(left_out) - len, format, args);
	va_end(args);
}

bool place_has(enum need what)
{
	const char *why = place_lacks(what);

	if (why && !strstr(left_out, why))
		not_tried("%s", why);
	return !why;
}

bool quick_form(void)
{
	const char *form = getenv("TEST_FORM");

	return form && !strcmp(form, "--quick");
}

int main(void)
{
	SRunner *runner;
	unsigned failed, left;
	int tests;

	channel_run_begins();
	suite = suite_create(program_invocation_short_name);
	add_tests();
	if (!added) {
		printf("%s\n", *left_out ? left_out : "there are no tests");
		return *left_out ? 77 : EXIT_FAILURE;
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	tests = srunner_ntests_run(runner);
	failed = (unsigned)srunner_ntests_failed(runner);
	srunner_free(runner);
	left = channel_run_ends(failed == 0);
	if (*left_out)
		printf("%d checks passed, %u failed; not tried: %s\n", tests - (int)failed, failed,
			left_out);
	return failed || left ? EXIT_FAILURE : EXIT_SUCCESS;
}
