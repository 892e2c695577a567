/* SPDX-License-Identifier: MIT */
/* Batches of encoded messages: what is added comes out as it was, and when one is full. */
#include "common/batch.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct framing lines = {.kind = FRAMING_DELIMITED, .delimiter = '\n'};

static void add(struct batch *b, const char *text)
{
	ck_assert_int_eq(
		batch_add(b, &lines, &(struct envelope){.data = text, .len = strlen(text)}), 0);
}

/* Write the batch to a pipe in place of stdout; returns what comes out. */
static const char *write_out(struct batch *b, bool escape, size_t *done)
{
	static char got[4096];
	int saved = dup(STDOUT_FILENO), fd[2];
	ssize_t n;

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(dup2(fd[1], STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_int_eq(batch_write(b, escape, done), 0);
	dup2(saved, STDOUT_FILENO);
	close(fd[1]);
	n = read(fd[0], got, sizeof(got) - 1);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	close(fd[0]);
	close(saved);
	return got;
}

START_TEST(should_write_what_was_added_once)
{
	struct batch b = {.n = 0};
	size_t done = 42;

	add(&b, "one");
	add(&b, "");
	add(&b, "three");
	ck_assert_uint_eq(b.n, 3);
	ck_assert_uint_eq(b.end[1], 5);
	ck_assert_str_eq(write_out(&b, false, &done), "one\n\nthree\n");
	ck_assert_uint_eq(done, 3);
	ck_assert_uint_eq(b.n, 0);
	add(&b, "four");
	ck_assert_str_eq(write_out(&b, false, &done), "four\n");
	ck_assert_uint_eq(done, 1);
	batch_free(&b);
}
END_TEST

START_TEST(should_escape_if_asked)
{
	struct batch b = {.n = 0};
	size_t done;

	add(&b, "\033[2J");
	add(&b, "b");
	ck_assert_str_eq(write_out(&b, true, &done), "\\x1b[2J\nb\n");
	ck_assert_uint_eq(done, 2);
	batch_free(&b);
}
END_TEST

START_TEST(should_be_full_of_messages_or_of_bytes)
{
	struct batch b = {.n = 0};
	char *large = calloc(1, 1 << 20);

	ck_assert_ptr_nonnull(large);
	for (int i = 0; i < BATCH_MAX; i++) {
		ck_assert(!batch_is_full(&b));
		add(&b, "");
	}
	ck_assert(batch_is_full(&b));
	batch_drop(&b);
	ck_assert(!batch_is_full(&b));
	memset(large, 'x', (1 << 20) - 1);
	add(&b, "kept");
	add(&b, large); /* the buffer grows, and what is in it stays */
	ck_assert(batch_is_full(&b));
	ck_assert_uint_eq(b.used, 5 + (1 << 20));
	ck_assert(!memcmp(b.buf, "kept\nxxx", 8));
	batch_free(&b);
	free(large);
}
END_TEST

static ssize_t refuse(const void *how, const struct envelope *m, char *out, size_t room)
{
	(void)m;
	(void)out;
	(void)room;
	return *(const int *)how;
}

START_TEST(should_hold_nothing_of_what_can_not_be_encoded)
{
	static const int err = -ENOMEM;
	struct batch b = {.n = 0};

	add(&b, "a");
	ck_assert_int_eq(batch_add_encoded(&b, refuse, &err, &(struct envelope){.len = 0}), err);
	ck_assert_uint_eq(b.n, 1);
	ck_assert_uint_eq(b.used, 2);
	batch_free(&b);
}
END_TEST

void add_tests(void)
{
	GROUP("batch", NULL, NULL, should_write_what_was_added_once, should_escape_if_asked,
		should_be_full_of_messages_or_of_bytes,
		should_hold_nothing_of_what_can_not_be_encoded);
}
