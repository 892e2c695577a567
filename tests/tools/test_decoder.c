/* SPDX-License-Identifier: MIT */
/*
 * Decoding: what is encoded is decoded, whatever the pieces in which it comes; what is
 * malformed is an error at the right byte; what is too long is skipped.
 */
#include "common/decoder.h"
#include "common/framing.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MAX 70000

static const size_t sizes[] = {
	0, 1, 2, 3, 4, 15, 16, 17, 99, 255, 256, 4095, 4096, 65535, 65536, MAX};
static char payload[MAX];

static void fill_payload(void)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < MAX; i++) {
		x = x * 1664525 + 1013904223;
		payload[i] = (char)(x >> 24);
	}
}

/* Text without the bytes that delimit. */
static void fill_text(void)
{
	for (size_t i = 0; i < MAX; i++)
		payload[i] = (char)('A' + i % 50);
}

struct stream {
	char *data;
	size_t len, size;
};

static void append(struct stream *s, const struct framing *f, const struct envelope *m)
{
	ssize_t need = framing_encode(f, m, s->data + s->len, s->size - s->len);

	ck_assert_int_ge(need, 0);
	if ((size_t)need > s->size - s->len) {
		ssize_t again;

		s->size = s->len + (size_t)need;
		s->data = realloc(s->data, s->size);
		ck_assert_ptr_nonnull(s->data);
		again = framing_encode(f, m, s->data + s->len, s->size - s->len);
		ck_assert_int_eq(again, need); /* it takes exactly what it said */
	}
	s->len += (size_t)need;
}

/* Decode a stream that comes in pieces of `piece` bytes, and compare. */
static void decode_in_pieces(const struct framing *f, const struct stream *s, size_t piece)
{
	struct decoder d;
	struct iovec msg[3];
	size_t start = 0, end = 0, k = 0;

	decoder_init(&d, f, MAX);
	for (;;) {
		/* A copy of exactly what there is, so a sanitizer sees reads beyond. */
		char *in = malloc(end - start + 1);
		size_t used = 0;
		bool eof = end == s->len;
		int n;

		memcpy(in, s->data + start, end - start);
		n = decoder_next(&d, in, end - start, eof, msg, COUNT(msg), &used);
		ck_assert_msg(n >= 0, "%s", d.error);
		for (int i = 0; i < n; i++, k++) {
			ck_assert_uint_lt(k, COUNT(sizes));
			ck_assert_uint_eq(msg[i].iov_len, sizes[k]);
			ck_assert(!memcmp(msg[i].iov_base, payload, sizes[k]));
		}
		free(in);
		start += used;
		ck_assert_uint_eq(d.offset, start);
		if (n || used)
			continue;
		if (eof)
			break;
		end = s->len - end < piece ? s->len : end + piece;
	}
	ck_assert_uint_eq(k, COUNT(sizes));
	ck_assert_uint_eq(start, s->len);
	decoder_free(&d);
}

static void round_trip(const struct framing *f)
{
	static const size_t pieces[] = {509, 4096, 65537, 1 << 20};
	struct stream s = {0};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct envelope m = {
			.data = payload, .len = sizes[i], .channel = "c", .seq = i, .time = 1};

		append(&s, f, &m);
	}
	for (size_t i = 0; i < COUNT(pieces); i++)
		decode_in_pieces(f, &s, pieces[i]);
	free(s.data);
}

START_TEST(should_lose_nothing_in_a_round_trip)
{
	static const char *const names[] = {"len32", "netstring", "jsonl"};
	struct framing f;

	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert_int_eq(framing_parse(names[i], &f), 0);
		fill_payload(); /* bytes that are not UTF-8 */
		round_trip(&f);
		fill_text();
		round_trip(&f);
	}
}
END_TEST

START_TEST(should_split_at_delimiters)
{
	struct framing f;

	fill_text();
	ck_assert_int_eq(framing_parse("lines", &f), 0);
	round_trip(&f);
	ck_assert_int_eq(framing_parse("null", &f), 0);
	round_trip(&f);
	f.delimiter = '\377';
	round_trip(&f);
}
END_TEST

/* The same byte by byte, with short messages. */
START_TEST(should_decode_byte_by_byte_as_at_once)
{
	static const char *const names[] = {"lines", "null", "len32", "netstring", "jsonl"};

	fill_text();
	for (size_t i = 0; i < COUNT(names); i++) {
		struct stream s = {0};
		struct decoder d;
		struct framing f;
		size_t at = 0, used, k = 0;

		ck_assert_int_eq(framing_parse(names[i], &f), 0);
		for (size_t len = 0; len < 20; len++)
			append(&s, &f, &(struct envelope){.data = payload, .len = len});
		decoder_init(&d, &f, MAX);
		for (size_t end = 0; end <= s.len; end++) {
			struct iovec msg;
			int n = decoder_next(&d, s.data + at, end - at, false, &msg, 1, &used);

			ck_assert_int_ge(n, 0);
			if (n) {
				ck_assert_uint_eq(msg.iov_len, k++);
				ck_assert(!memcmp(msg.iov_base, payload, msg.iov_len));
			}
			at += used;
		}
		ck_assert_uint_eq(k, 20);
		ck_assert_uint_eq(at, s.len);
		decoder_free(&d);
		free(s.data);
	}
}
END_TEST

/* Decode a whole text, as "a|bc|" with | after each message, and what ends it. */
static const char *decode(const char *framing, uint64_t max, const char *text, size_t len, int *err)
{
	static char out[4096];
	struct framing f;
	struct decoder d;
	struct iovec msg[2];
	size_t at = 0;
	char *o = out;

	ck_assert_int_eq(framing_parse(framing, &f), 0);
	decoder_init(&d, &f, max);
	*err = 0;
	for (;;) {
		size_t used = 0;
		int n = decoder_next(&d, text + at, len - at, true, msg, 2, &used);

		at += used;
		for (int i = 0; i < n; i++) {
			memcpy(o, msg[i].iov_base, msg[i].iov_len);
			o += msg[i].iov_len;
			*o++ = '|';
		}
		if (n < 0) {
			*err = n;
			o += sprintf(o, "<%s>", d.error);
		}
		if (n == -EPROTO && !used)
			break; /* no way on */
		if (n <= 0 && n != -EMSGSIZE && !used)
			break;
		ck_assert_uint_lt((size_t)(o - out), sizeof(out) / 2);
	}
	*o = '\0';
	decoder_free(&d);
	return out;
}

static void expect(const char *framing, uint64_t max, const char *text, int err, const char *out)
{
	int got;
	const char *decoded = decode(framing, max, text, strlen(text), &got);

	ck_assert_msg(
		got == err && !strcmp(decoded, out), "%s '%s': %d %s", framing, text, got, decoded);
}

START_TEST(should_split_lines)
{
	expect("lines", 9, "", 0, "");
	expect("lines", 9, "\n", 0, "|");
	expect("lines", 9, "a\n\nbc", 0, "a||bc|");
	expect("lines", 9, "a\r\n", 0, "a\r|");
	expect("lines", 3, "abc\nde\n", 0, "abc|de|");
	expect("lines", 3, "a\nabcd\nde\n", -EMSGSIZE,
		"a|<byte 2: a message of 4 bytes; the longest allowed is 3>de|");
	expect("lines", 3, "abcde", -EMSGSIZE,
		"<byte 0: a message of 5 bytes; the longest allowed is 3>");
	expect("raw:2", 9, "abcde", 0, "ab|cd|e|");
	expect("raw:4", 3, "abcde", -EMSGSIZE,
		"<byte 0: a message of 4 bytes; the longest allowed is 3>e|");
	expect("raw:4", 3, "abc", 0, "abc|");
}
END_TEST

START_TEST(should_skip_empty_messages_if_asked)
{
	struct framing f = {.kind = FRAMING_DELIMITED, .delimiter = '\n', .skip_empty = true};
	struct decoder d;
	struct iovec msg[4];
	size_t used;

	decoder_init(&d, &f, 10);
	ck_assert_int_eq(decoder_next(&d, "\n\na\n\nb\n", 7, true, msg, 4, &used), 2);
	ck_assert_uint_eq(used, 7);
	ck_assert_uint_eq(msg[0].iov_len, 1);
	decoder_free(&d);
}
END_TEST

START_TEST(should_take_the_whole_input)
{
	struct framing f = {.kind = FRAMING_WHOLE};
	struct decoder d;
	struct iovec msg[2];
	size_t used;

	decoder_init(&d, &f, 3);
	ck_assert_int_eq(decoder_next(&d, "", 0, true, msg, 2, &used), 1);
	ck_assert_uint_eq(msg[0].iov_len, 0);
	ck_assert_int_eq(decoder_next(&d, "", 0, true, msg, 2, &used), 0); /* only one */

	decoder_init(&d, &f, 3);
	ck_assert_int_eq(decoder_next(&d, "a\nb", 3, false, msg, 2, &used), 0);
	ck_assert_uint_eq(used, 0);
	ck_assert_int_eq(decoder_next(&d, "a\nb", 3, true, msg, 2, &used), 1);
	ck_assert_uint_eq(msg[0].iov_len, 3);

	decoder_init(&d, &f, 2);
	ck_assert_int_eq(decoder_next(&d, "abc", 3, false, msg, 2, &used), -EMSGSIZE);
}
END_TEST

START_TEST(should_read_netstrings_and_refuse_bad_ones)
{
	expect("netstring", 9, "0:,3:a,b,", 0, "|a,b|");
	expect("netstring", 9, "3:abc", -EPROTO, "<byte 5: the input ends within a message>");
	expect("netstring", 9, "1", -EPROTO, "<byte 1: the input ends within a message>");
	expect("netstring", 9, "1:a,x:", -EPROTO,
		"a|<byte 4: the length of a netstring is expected>");
	expect("netstring", 9, "1:a,1;", -EPROTO,
		"a|<byte 5: ':' is expected after a netstring's length>");
	expect("netstring", 9, "2:abc,", -EPROTO, "<byte 4: ',' is expected after a netstring>");
	expect("netstring", 9, "01:a,", -EPROTO,
		"<byte 0: a netstring length with a leading zero>");
	expect("netstring", 9, "12345678901:", -EPROTO,
		"<byte 10: a netstring length of too many digits>");
	expect("netstring", 2, "3:abc,1:d,", -EMSGSIZE,
		"<byte 0: a message of 3 bytes; the longest allowed is 2>d|");
}
END_TEST

START_TEST(should_read_len32_and_refuse_bad_ones)
{
	int err;

	ck_assert_str_eq(decode("len32", 9, "\0\0\0\1a\0\0\0\0\0\0\0\2bc", 15, &err), "a||bc|");
	ck_assert_int_eq(err, 0);
	ck_assert_str_eq(decode("len32", 9, "\0\0\0\1a\0\0", 7, &err),
		"a|<byte 7: the input ends within a message>");
	ck_assert_int_eq(err, -EPROTO);
	ck_assert_str_eq(decode("len32", 9, "\0\0\0\3ab", 6, &err),
		"<byte 6: the input ends within a message>");
	ck_assert_str_eq(decode("len32", 1, "\0\0\0\2ab\0\0\0\1c", 11, &err),
		"<byte 0: a message of 2 bytes; the longest allowed is 1>c|");
	ck_assert_str_eq(decode("len32", 9, "\377\377\377\377a", 5, &err),
		"<byte 0: a message of 4294967295 bytes; the longest allowed is 9>");
}
END_TEST

START_TEST(should_read_jsonl_and_go_on_after_a_bad_line)
{
	int err;

	expect("jsonl", 9, "{\"data\":\"a\"}\n \n{\"x\":[1],\"b64\":\"Yg==\",\"len\":1}", 0,
		"a|b|");
	expect("jsonl", 9, "{\"data\":\"\\u00e9\\n\"}\n", 0, "\303\251\n|");
	ck_assert_str_eq(decode("jsonl", 9, "{\"data\":\"\\u0000\"}", 17, &err), "");
	ck_assert_int_eq(err, 0); /* a NUL, which ends the string here */
	expect("jsonl", 2, "{\"data\":\"abc\"}\n{\"data\":\"d\"}", -EMSGSIZE,
		"<byte 0: a message of 3 bytes; the longest allowed is 2>d|");
	/* after an error the next line is the next message */
	expect("jsonl", 9, "{\"data\":\"a\"}\n{}\n{\"data\":\"c\"}\n", -EPROTO,
		"a|<byte 13: an object with \"data\" or \"b64\" is expected>c|");
	ck_assert_ptr_nonnull(strstr(decode("jsonl", 9, "{\"data\":\"a\"", 11, &err), "not JSON"));
	ck_assert_int_eq(err, -EPROTO);
}
END_TEST

void add_tests(void)
{
	GROUP("decoder", NULL, NULL, should_lose_nothing_in_a_round_trip,
		should_split_at_delimiters, should_decode_byte_by_byte_as_at_once,
		should_split_lines, should_skip_empty_messages_if_asked,
		should_take_the_whole_input, should_read_netstrings_and_refuse_bad_ones,
		should_read_len32_and_refuse_bad_ones,
		should_read_jsonl_and_go_on_after_a_bad_line);
}
