/* SPDX-License-Identifier: MIT */
/* chanrecv --format: what each directive prints, and where a bad one is. */
#include "recv/format.h"
#include "support/suite.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_print_formats)
{
	static const struct {
		const char *format, *out;
	} good[] = {
		{"%p\\n", "it's\n"},
		{"%x", "69742773"},
		{"%q", "'it'\\''s'"},
		{"%l %n %s %t", "4 jobs 7 1700000000.123456"},
		{"100%%\\t\\x41\\\\", "100%\tA\\"},
		{"plain", "plain"},
		{"", ""},
	};
	static const struct {
		const char *format;
		size_t at;
	} bad[] = {{"%", 0}, {"ab%z", 2}, {"\\", 0}, {"%p\\y", 2}, {"%p %-5l", 3}};
	struct envelope m = {
		.data = "it's", .len = 4, .channel = "jobs", .seq = 7, .time = 1700000000123456789};
	const char *where;
	char out[64];

	for (size_t i = 0; i < COUNT(good); i++) {
		size_t len = strlen(good[i].out);

		ck_assert_int_eq(format_check(good[i].format, &where), 0);
		for (size_t room = 0; room < sizeof(out); room += room < len ? 1 : sizeof(out))
			ck_assert_int_eq(format_encode(good[i].format, &m, out, room), (int)len);
		format_encode(good[i].format, &m, out, len); /* just enough */
		ck_assert_mem_eq(out, good[i].out, len);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		ck_assert_int_eq(format_check(bad[i].format, &where), -EINVAL);
		ck_assert_int_eq(where - bad[i].format, (int)bad[i].at);
	}
	ck_assert_int_eq(format_encode("%L", &m, out, sizeof(out)), 4);
	ck_assert_mem_eq(out, "\0\0\0\4", 4);
}
END_TEST

void add_tests(void)
{
	GROUP("format", NULL, NULL, should_print_formats);
}
