/* SPDX-License-Identifier: MIT */
/* What is written, in short writes too; and what is escaped for a terminal. */
#include "common/io.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_escape_what_a_terminal_would_obey)
{
	static const struct {
		const char *in, *out;
	} table[] = {
		{"plain\ttext\n", "plain\ttext\n"},
		{"\033[2J", "\\x1b[2J"},
		{"\r\a\177", "\\x0d\\x07\\x7f"},
		{"gr\303\274n \342\202\254 \360\237\220\201",
			"gr\303\274n \342\202\254 \360\237\220\201"},
		{"\302\233", "\\xc2\\x9b"},		      /* U+009B, CSI */
		{"\233\233", "\\x9b\\x9b"},		      /* the same in 8 bits */
		{"\303", "\\xc3"},			      /* cut off */
		{"\300\233", "\\xc0\\x9b"},		      /* overlong */
		{"\355\240\200", "\\xed\\xa0\\x80"},	      /* a surrogate */
		{"\364\220\200\200", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
		{"\370\210\200\200\200", "\\xf8\\x88\\x80\\x80\\x80"},
	};
	char out[64];

	for (size_t i = 0; i < COUNT(table); i++) {
		size_t len = cli_escape(out, table[i].in, strlen(table[i].in));

		ck_assert_uint_eq(len, strlen(table[i].out));
		ck_assert_mem_eq(out, table[i].out, len);
	}
	ck_assert_uint_eq(cli_escape(out, "\0", 1), 4);
	ck_assert_uint_eq(cli_escape(out, "", 0), 0);
}
END_TEST

#define STREAM 300001

static void *read_in_pieces(void *arg)
{
	static unsigned char got[STREAM + 1];
	size_t n = 0, piece = 1;
	ssize_t r;
	int fd = *(int *)arg;

	while ((r = read(fd, got + n, piece < sizeof(got) - n ? piece : sizeof(got) - n)) > 0) {
		n += (size_t)r;
		piece = piece * 3 % 65537;
	}
	return n == STREAM ? got : NULL;
}

/* A pipe takes 64 KiB at once: the writes are short, and pieces end anywhere. */
START_TEST(should_go_on_after_short_writes)
{
	static unsigned char data[STREAM];
	struct iovec iov[3000];
	size_t n = 0, at = 0, done = 0;
	pthread_t reader;
	void *got;
	int fd[2];

	for (size_t i = 0; i < STREAM; i++)
		data[i] = (unsigned char)(i * 2654435761u >> 24);
	for (; n < COUNT(iov) - 1; n++) {
		iov[n] = (struct iovec){data + at, n % 7 ? n % 199 : 0};
		at += iov[n].iov_len;
	}
	ck_assert(at < STREAM);
	iov[n++] = (struct iovec){data + at, STREAM - at};
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_in_pieces, &fd[0]), 0);
	ck_assert_int_eq(cli_writev(fd[1], iov, n, &done), 0);
	ck_assert_uint_eq(done, STREAM);
	close(fd[1]);
	pthread_join(reader, &got);
	ck_assert_ptr_nonnull(got);
	ck_assert_mem_eq(got, data, STREAM);
	close(fd[0]);
}
END_TEST

START_TEST(should_report_errors_of_writing)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	size_t done = 42;

	ck_assert_int_eq(cli_write(full, "x", 1, &done), -ENOSPC);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(cli_write(full, "", 0, NULL), 0);
	close(full);
	ck_assert_int_eq(cli_write(full, "x", 1, NULL), -EBADF);
}
END_TEST

void add_tests(void)
{
	GROUP("io", NULL, NULL, should_escape_what_a_terminal_would_obey,
		should_go_on_after_short_writes, should_report_errors_of_writing);
}
