/* SPDX-License-Identifier: MIT */
/* A message as a line of JSON: what is written, what is read, and where a bad line is bad. */
#include "common/json.h"
#include "support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_write_json_lines)
{
	struct envelope m = {.data = "a\"\n\0",
		.len = 4,
		.channel = "jobs",
		.seq = 7,
		.time = 1700000000123456789};
	static const char text[] = "{\"ch\":\"jobs\",\"seq\":7,\"ts\":1700000000.123456,\"len\":4,"
				   "\"data\":\"a\\\"\\n\\u0000\"}\n";
	static const char binary[] = "{\"len\":4,\"b64\":\"YQD/gA==\"}\n";
	char out[256];

	ck_assert_int_eq(json_encode(&m, out, sizeof(out)), (int)sizeof(text) - 1);
	ck_assert_mem_eq(out, text, sizeof(text) - 1);
	for (size_t room = 0; room < sizeof(text) - 1; room++)
		ck_assert_int_eq(json_encode(&m, out, room), (int)sizeof(text) - 1);

	m = (struct envelope){.data = "a\0\377\200", .len = 4};
	ck_assert_int_eq(json_encode(&m, out, sizeof(out)), (int)sizeof(binary) - 1);
	ck_assert_mem_eq(out, binary, sizeof(binary) - 1);
}
END_TEST

/* Decode a line; on success, returns the message, which is in `payload`. */
static int decode(const char *line, char **payload, size_t *len, char why[96], size_t *at)
{
	struct chan_meta meta;
	size_t size = 0;
	bool headed;

	chan_meta_init(&meta);
	*payload = NULL;
	return json_decode(line, strlen(line), payload, &size, len, &meta, &headed, why, 96, at);
}

START_TEST(should_read_text_and_base64_and_ignore_the_rest)
{
	static const struct {
		const char *line, *data;
		size_t len;
	} table[] = {
		{"{\"data\":\"a\"}", "a", 1},
		{"{\"data\":\"\"}", "", 0},
		{"{\"x\":[1],\"b64\":\"Yg==\",\"len\":1}", "b", 1},
		{"{\"b64\":\"YQD/gA==\"}", "a\0\377\200", 4},
		{"{\"data\":\"\\u00e9\\n\"}", "\303\251\n", 3},
		{"{\"data\":\"\\u0000\",\"seq\":99999999999999999999999}", "\0", 1},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		char *payload, why[96] = "";
		size_t len = 42, at = 0;

		ck_assert_msg(!decode(table[i].line, &payload, &len, why, &at), "%s: %s",
			table[i].line, why);
		ck_assert_uint_eq(len, table[i].len);
		ck_assert(!memcmp(payload, table[i].data, len));
		free(payload);
	}
}
END_TEST

START_TEST(should_refuse_bad_lines_and_say_where)
{
	static const char object[] = "an object with \"data\" or \"b64\" is expected";
	static const char b64[] = "\"b64\" is not base64";
	static const struct {
		const char *line, *why;
		size_t at;
	} table[] = {
		{"{}", object, 0},
		{"[]", object, 0},
		{"{\"data\":1}", object, 0},
		{"{\"data\":\"a\",\"b64\":\"Yg==\"}", object, 0},
		{"{\"data\":\"a\",\"len\":2}", "\"len\" is not the length of the message", 0},
		{"{\"b64\":\"Yh==\"}", b64, 0},
		{"{\"b64\":\"Y=g=\"}", b64, 0},
		{"{\"b64\":\"Yg=\"}", b64, 0},
		{"{\"b64\":\"====\"}", b64, 0},
		{"{\"data\":nonsense}", "not JSON", 16},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		char *payload, why[96] = "";
		size_t len = 42, at = 42;

		ck_assert_int_eq(decode(table[i].line, &payload, &len, why, &at), -EPROTO);
		ck_assert_msg(strstr(why, table[i].why) == why, "%s: %s", table[i].line, why);
		ck_assert_uint_eq(at, table[i].at);
		ck_assert_uint_eq(len, 42);
		free(payload);
	}
}
END_TEST

void add_tests(void)
{
	GROUP("json", NULL, NULL, should_write_json_lines,
		should_read_text_and_base64_and_ignore_the_rest,
		should_refuse_bad_lines_and_say_where);
}
