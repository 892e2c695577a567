/* SPDX-License-Identifier: MIT */
/* A request taken apart: what is one, what is none, and at which size it ends.  Each
 * packet lies in memory of just its size, so that a sanitizer sees a step too far. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/message.h"
#include "support/suite.h"

#define HEAD MESSAGE_PROTOCOL " VERB\n"

static struct message m;
static char *packet;
static const char *why;

static int parse_bytes(const void *text, size_t len)
{
	free(packet);
	packet = malloc(len + 1);
	ck_assert_ptr_nonnull(packet);
	memcpy(packet, text, len);
	packet[len] = 'x'; /* it is the parser's to write */
	return message_parse(&m, packet, len, &why);
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

START_TEST(should_read_a_verb_and_its_keys)
{
	ck_assert_int_eq(parse(MESSAGE_PROTOCOL " OPEN\nname=a\nroles=send receive\n"), 0);
	ck_assert_str_eq(m.verb, "OPEN");
	ck_assert_uint_eq(m.n, 2);
	ck_assert_str_eq(message_get(&m, "name"), "a");
	ck_assert_str_eq(message_get(&m, "roles"), "send receive");
	ck_assert_ptr_null(message_get(&m, "role"));
	ck_assert_ptr_null(message_get(&m, "roless"));
}
END_TEST

START_TEST(should_take_the_rest_of_a_line_as_the_value)
{
	ck_assert_int_eq(parse(HEAD "a=b=c = d\nempty=\nutf8=\xc3\xa4\n"), 0);
	ck_assert_str_eq(message_get(&m, "a"), "b=c = d");
	ck_assert_str_eq(message_get(&m, "empty"), "");
	ck_assert_str_eq(message_get(&m, "utf8"), "\xc3\xa4");
}
END_TEST

START_TEST(should_refuse_every_truncation_or_read_less)
{
	static const char whole[] = HEAD "name=abc\nbus=1\n";

	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		int err = parse_bytes(whole, len);
		bool line_ends = len > 1 && whole[len - 1] == '\n';

		ck_assert_msg((err == 0) == line_ends, "cut to %zu bytes: %d", len, err);
		if (err == 0)
			ck_assert_uint_lt(m.n, 2);
		else
			ck_assert_str_ne(why, "");
	}
}
END_TEST

START_TEST(should_refuse_what_is_no_text)
{
	char text[] = HEAD "name=abc\n";

	for (int byte = 0; byte < 256; byte++) {
		bool good = (byte >= ' ' && byte != 0x7f) || byte == '\n';

		text[strlen(HEAD) + 6] = (char)byte;
		if (byte == '\n') /* then "c" is a line without = */
			good = false;
		ck_assert_msg((parse_bytes(text, sizeof(text) - 1) == 0) == good, "byte %d", byte);
	}
}
END_TEST

START_TEST(should_tell_versions_apart)
{
	static const char *const others[] = {"chand/2 STATUS\n", "chand/0 STATUS\n",
		"chand/10 STATUS\n", "chand/ STATUS\n", "Chand/1 STATUS\n", "HTTP/1.1 GET\n",
		" STATUS\n"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(parse(others[i]) == -EPROTONOSUPPORT, "%s", others[i]);
		ck_assert_ptr_nonnull(strstr(why, MESSAGE_PROTOCOL));
	}
	ck_assert_int_eq(parse("chand/1\n"), -EINVAL);
	ck_assert_int_eq(parse("\n\n"), -EINVAL);
	ck_assert_int_eq(parse("chand/1 STATUS\n"), 0);
	ck_assert_uint_eq(m.n, 0);
}
END_TEST

START_TEST(should_refuse_lines_that_are_no_pairs)
{
	static const char *const bad[] = {
		HEAD "name\n", HEAD "=value\n", HEAD "\n", HEAD "a=1\n\n", HEAD "a=1\nb\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(parse(bad[i]) == -EINVAL, "%s", bad[i]);
		ck_assert_str_eq(why, "a line after the first is key=value");
	}
	ck_assert_int_eq(parse(HEAD "a=1\nb=2\na=1\n"), -EINVAL);
	ck_assert_str_eq(why, "a key is given twice");
}
END_TEST

static int parse_pairs(unsigned n)
{
	char text[1024] = HEAD;
	size_t len = strlen(text);

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "k%u=%u\n", i, i);
	return parse(text);
}

START_TEST(should_read_so_many_keys_and_no_more)
{
	ck_assert_int_eq(parse_pairs(MESSAGE_PAIRS), 0);
	ck_assert_uint_eq(m.n, MESSAGE_PAIRS);
	ck_assert_str_eq(m.pair[MESSAGE_PAIRS - 1].value, "31");
	ck_assert_int_eq(parse_pairs(MESSAGE_PAIRS + 1), -EINVAL);
	ck_assert_str_eq(why, "there are too many keys");
}
END_TEST

START_TEST(should_read_the_largest_packet_and_no_larger)
{
	char text[MESSAGE_MAX];

	memset(text, 'v', sizeof(text));
	memcpy(text, HEAD "name=", strlen(HEAD "name="));
	text[sizeof(text) - 1] = '\n';
	ck_assert_int_eq(parse_bytes(text, sizeof(text)), 0);
	ck_assert_uint_eq(strlen(message_get(&m, "name")), MESSAGE_MAX - strlen(HEAD "name=") - 1);
}
END_TEST

START_TEST(should_set_nothing_on_failure)
{
	ck_assert_int_eq(parse(HEAD "name=kept\n"), 0);
	m.pair[0].value = "kept";
	ck_assert_int_eq(parse(HEAD "other=1\nbad\n"), -EINVAL);
	ck_assert_uint_eq(m.n, 1);
	ck_assert_str_eq(m.pair[0].value, "kept");
}
END_TEST

static void free_packet(void)
{
	free(packet);
	packet = NULL;
}

void add_tests(void)
{
	GROUP("message", NULL, free_packet, should_read_a_verb_and_its_keys,
		should_take_the_rest_of_a_line_as_the_value,
		should_refuse_every_truncation_or_read_less, should_refuse_what_is_no_text,
		should_tell_versions_apart, should_refuse_lines_that_are_no_pairs,
		should_read_so_many_keys_and_no_more, should_read_the_largest_packet_and_no_larger,
		should_set_nothing_on_failure);
}
