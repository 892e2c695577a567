/* SPDX-License-Identifier: MIT */
/* Framings: their names, the bytes that users write for a delimiter, and what is encoded. */
#include "common/framing.h"
#include "support/suite.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_know_framings_by_name)
{
	static const char *const good[] = {
		"lines", "null", "len32", "netstring", "jsonl", "raw", "raw:1", "raw:64K"};
	static const char *const bad[] = {
		"", "line", "raw:", "raw:0", "raw:x", "raw:5G", "LINES", "lines "};
	struct framing f;

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(!framing_parse(good[i], &f), "%s", good[i]);
	ck_assert_uint_eq(f.size, 64 << 10);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(framing_parse(bad[i], &f) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(should_read_one_byte_as_users_write_it)
{
	static const char *const bad[] = {
		"", "ab", "\\x", "\\x1", "\\x1g", "\\q", "\\n\\n", "\\x123"};
	static const struct {
		const char *text;
		unsigned char byte;
	} good[] = {{",", ','}, {"\\n", '\n'}, {"\\t", '\t'}, {"\\0", 0}, {"\\\\", '\\'},
		{"\\x1e", 30}, {"\\xFf", 255}, {"\377", 255}, {"\\", '\\'}};
	unsigned char byte;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(framing_parse_byte(bad[i], &byte) == -EINVAL, "%s", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++) {
		ck_assert_int_eq(framing_parse_byte(good[i].text, &byte), 0);
		ck_assert_uint_eq(byte, good[i].byte);
	}
}
END_TEST

START_TEST(should_encode_in_the_room_that_it_asks_for)
{
	static const struct {
		const char *framing, *out;
		int len;
	} table[] = {{"lines", "a,b\n", 4}, {"null", "a,b", 4}, {"len32", "\0\0\0\3a,b", 7},
		{"netstring", "3:a,b,", 6}, {"raw", "a,b", 3}};
	const struct envelope m = {.data = "a,b", .len = 3, .channel = "jobs", .seq = 7};
	struct framing f;
	char out[16];

	for (size_t i = 0; i < COUNT(table); i++) {
		ck_assert_int_eq(framing_parse(table[i].framing, &f), 0);
		for (int room = 0; room < table[i].len; room++)
			ck_assert_int_eq(framing_encode(&f, &m, out, (size_t)room), table[i].len);
		ck_assert_int_eq(framing_encode(&f, &m, out, (size_t)table[i].len), table[i].len);
		ck_assert_mem_eq(out, table[i].out, (size_t)table[i].len);
	}
}
END_TEST

void add_tests(void)
{
	GROUP("framing", NULL, NULL, should_know_framings_by_name,
		should_read_one_byte_as_users_write_it, should_encode_in_the_room_that_it_asks_for);
}
