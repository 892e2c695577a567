/* SPDX-License-Identifier: MIT */
/*
 * What users write as numbers and specifications, what errors become, what is
 * escaped, what is written.
 */
#include "common/deadline.h"
#include "common/failure.h"
#include "common/io.h"
#include "common/parse.h"
#include "common/signals.h"
#include "common/spec.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_read_durations)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"0", 0},
		{"1", 1000000000},
		{"250ms", 250000000},
		{"2s", INT64_C(2000000000)},
		{"1m30s", INT64_C(90000000000)},
		{"1h", INT64_C(3600000000000)},
		{"1d", INT64_C(86400000000000)},
		{"1.5", 1500000000},
		{".5s", 500000000},
		{"0.25m", INT64_C(15000000000)},
		{"1.9ns", 1},
		{"7us", 7000},
		{"infinity", CHAN_WAIT},
		{"9223372036s", INT64_C(9223372036000000000)},
		{"0.9999999999999999999999999999999", 999999999},
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		int64_t ns = -2;

		ck_assert_msg(!cli_parse_duration(good[i].text, &ns), "%s", good[i].text);
		ck_assert_msg(ns == good[i].ns, "%s: %jd", good[i].text, (intmax_t)ns);
	}
}
END_TEST

START_TEST(should_refuse_bad_durations)
{
	static const char *const bad[] = {"", "s", "-1", "+1", " 1", "1 ", "1 s", "1x", "1.", "1.s",
		".", "s1", "1s2", "1m30", "1..5", "1e3", "0x10", "1S", "inf", "infinitys", "nan",
		"1,5", "1ss"};
	static const char *const large[] = {"9223372037s", "99999999999999999999", "200000000h",
		"9223372036s1s", "9223372036.9s"};
	int64_t ns = 42;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(cli_parse_duration(bad[i], &ns) == -EINVAL, "'%s'", bad[i]);
	for (size_t i = 0; i < COUNT(large); i++)
		ck_assert_msg(cli_parse_duration(large[i], &ns) == -ERANGE, "'%s'", large[i]);
	ck_assert_int_eq(ns, 42); /* outputs are set only on success */
}
END_TEST

START_TEST(should_read_sizes_and_refuse_bad_ones)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"1", 1},
		{"4096", 4096},
		{"64K", 65536},
		{"64k", 65536},
		{"1M", 1 << 20},
		{"1MiB", 1 << 20},
		{"2G", UINT64_C(2) << 30},
		{"1T", UINT64_C(1) << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {
		"", "K", "-1", "1.5M", "1KB", "1MB", "1 K", "1KiBs", "0x1", "1P"};
	static const char *const large[] = {
		"18446744073709551616", "16777216T", "18014398509481984K"};
	uint64_t n = 42;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(cli_parse_size(bad[i], &n) == -EINVAL, "'%s'", bad[i]);
	for (size_t i = 0; i < COUNT(large); i++)
		ck_assert_msg(cli_parse_size(large[i], &n) == -ERANGE, "'%s'", large[i]);
	ck_assert_uint_eq(n, 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		ck_assert_msg(!cli_parse_size(good[i].text, &n), "%s", good[i].text);
		ck_assert_msg(n == good[i].bytes, "%s", good[i].text);
	}
}
END_TEST

START_TEST(should_read_counts_modes_and_rates)
{
	uint64_t n = 42;
	uint32_t mode = 42;
	double rate = 42;

	ck_assert_int_eq(cli_parse_count("", &n), -EINVAL);
	ck_assert_int_eq(cli_parse_count("12a", &n), -EINVAL);
	ck_assert_int_eq(cli_parse_count("-1", &n), -EINVAL);
	ck_assert_int_eq(cli_parse_count("99999999999999999999999", &n), -ERANGE);
	ck_assert_uint_eq(n, 42);
	ck_assert_int_eq(cli_parse_count("007", &n), 0);
	ck_assert_uint_eq(n, 7);

	ck_assert_int_eq(cli_parse_mode("", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("0", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("668", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("rw", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("1777", &mode), -ERANGE);
	ck_assert_int_eq(cli_parse_mode("77777777777777777", &mode), -ERANGE);
	ck_assert_uint_eq(mode, 42);
	ck_assert_int_eq(cli_parse_mode("0660", &mode), 0);
	ck_assert_uint_eq(mode, 0660);

	ck_assert_int_eq(cli_parse_rate("0", &rate), -EINVAL);
	ck_assert_int_eq(cli_parse_rate("/s", &rate), -EINVAL);
	ck_assert_int_eq(cli_parse_rate("1/d", &rate), -EINVAL);
	ck_assert_int_eq(cli_parse_rate("1/", &rate), -EINVAL);
	ck_assert_int_eq(cli_parse_rate("-1/s", &rate), -EINVAL);
	ck_assert_int_eq(cli_parse_rate("99999999999/s", &rate), -ERANGE);
	ck_assert(rate == 42);
	ck_assert_int_eq(cli_parse_rate("100/s", &rate), 0);
	ck_assert(rate == 100);
	ck_assert_int_eq(cli_parse_rate("0.5", &rate), 0);
	ck_assert(rate == 0.5);
	ck_assert_int_eq(cli_parse_rate("30/m", &rate), 0);
	ck_assert(rate == 0.5);
	ck_assert_int_eq(cli_parse_rate("1800/h", &rate), 0);
	ck_assert(rate == 0.5);
}
END_TEST

START_TEST(should_read_specs)
{
	struct chan_options opt = CLI_OPTIONS_INIT;
	char why[256] = "";

	ck_assert_int_eq(cli_parse_spec(&opt,
				 "capacity=1M,max-message=64K,overflow=drop-old,mode=0660,"
				 "endpoints=7,lifetime=ref,linger=10s,kind=queue,"
				 "end-with-senders,need-receivers",
				 why, sizeof(why)),
		0);
	ck_assert_uint_eq(opt.size, sizeof(opt));
	ck_assert_uint_eq(opt.capacity, 1 << 20);
	ck_assert_uint_eq(opt.max_message, 65536);
	ck_assert_uint_eq(opt.overflow, CHAN_DROP_OLDEST);
	ck_assert_uint_eq(opt.mode, 0660);
	ck_assert_uint_eq(opt.endpoints, 7);
	ck_assert_uint_eq(opt.lifetime, CHAN_REF);
	ck_assert_uint_eq(opt.linger, UINT64_C(10000000000));
	ck_assert_uint_eq(opt.flags, CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS);

	opt = (struct chan_options)CLI_OPTIONS_INIT;
	ck_assert_int_eq(cli_parse_spec(&opt, "capacity=0", why, sizeof(why)), 0);
	ck_assert_uint_eq(opt.kind, CHAN_KIND_RENDEZVOUS);

	opt = (struct chan_options)CLI_OPTIONS_INIT;
	ck_assert_int_eq(cli_parse_spec(&opt, "kind=rendezvous", why, sizeof(why)), 0);
	ck_assert_uint_eq(opt.kind, CHAN_KIND_RENDEZVOUS);
}
END_TEST

START_TEST(should_refuse_bad_specs_and_say_where)
{
	/* and what the explanation must name */
	static const struct {
		const char *spec, *named;
	} bad[] = {
		{"", "KEY=VALUE"},
		{"capacity", "capacity needs a value"},
		{"capacity=", "capacity"},
		{"capacity=1X", "1X"},
		{"capacity=9223372036854775808", "9223372036854775808"},
		{"capacity=1M,", "KEY=VALUE"},
		{",capacity=1M", "KEY=VALUE"},
		{"size=1M", "size"},
		{"max-message=0", "max-message"},
		{"max-message=4G", "4G"},
		{"overflow=drop", "drop"},
		{"mode=999", "999"},
		{"endpoints=0", "endpoints"},
		{"endpoints=4097", "4097"},
		{"lifetime=daemon", "daemon"},
		{"linger=infinity", "infinity"},
		{"kind=topic", "topic"},
		{"need-receivers=1", "need-receivers"},
		{"capacity=1M,kind=rendezvous", "kind"},
		{"kind=rendezvous,capacity=1M", "capacity"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct chan_options opt = CLI_OPTIONS_INIT, before = opt;
		char why[256] = "";

		ck_assert_msg(cli_parse_spec(&opt, bad[i].spec, why, sizeof(why)) == -EINVAL, "%s",
			bad[i].spec);
		ck_assert_msg(strstr(why, bad[i].named) != NULL, "%s: %s", bad[i].spec, why);
		ck_assert_mem_eq(&opt, &before, sizeof(opt));
	}
}
END_TEST

START_TEST(should_give_each_error_its_exit_status)
{
	static const struct {
		int err, status;
	} table[] = {
		{0, 0},
		{-ENOENT, 3},
		{-EACCES, 4},
		{-EPERM, 4},
		{-EAGAIN, 5},
		{-EPIPE, 6},
		{-EMSGSIZE, 7},
		{-EBADMSG, 9},
		{-EPROTONOSUPPORT, 9},
		{-EPROTOTYPE, 9},
		{-EXDEV, 9},
		{-ETIMEDOUT, 124},
		{-EINVAL, 2},
		{-ENOSPC, 1},
		{-EUSERS, 1},
		{-EBUSY, 1},
		{-EIO, 1},
		{-ENOMEM, 1},
	};

	for (size_t i = 0; i < COUNT(table); i++)
		ck_assert_int_eq(cli_exit_code(table[i].err), table[i].status);
	ck_assert_ptr_nonnull(strstr(cli_remedy(-ENOENT), "chanctl create"));
	ck_assert_ptr_null(cli_remedy(-EIO));
}
END_TEST

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

START_TEST(should_keep_to_deadlines)
{
	int64_t soon = cli_deadline(100000000000), left = cli_remaining(soon);

	ck_assert(left > 0 && left <= 100000000000);
	ck_assert_int_eq(cli_remaining(cli_deadline(0)), 0);
	ck_assert_int_eq(cli_deadline(CHAN_WAIT), CHAN_WAIT);
	ck_assert_int_eq(cli_deadline(INT64_MAX), CHAN_WAIT); /* in 292 years */
	ck_assert_int_eq(cli_remaining(CHAN_WAIT), CHAN_WAIT);
	ck_assert_int_eq(cli_sooner(CHAN_WAIT, 5), 5);
	ck_assert_int_eq(cli_sooner(5, CHAN_WAIT), 5);
	ck_assert_int_eq(cli_sooner(7, 5), 5);
	ck_assert_int_eq(cli_sooner(CHAN_WAIT, CHAN_WAIT), CHAN_WAIT);
	ck_assert_int_eq(cli_wait_fd(-1, 0, cli_deadline(1000000)), -ETIMEDOUT);
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
	GROUP("cli", NULL, NULL, should_read_durations, should_refuse_bad_durations,
		should_read_sizes_and_refuse_bad_ones, should_read_counts_modes_and_rates,
		should_read_specs, should_refuse_bad_specs_and_say_where,
		should_give_each_error_its_exit_status, should_escape_what_a_terminal_would_obey,
		should_keep_to_deadlines, should_go_on_after_short_writes,
		should_report_errors_of_writing);
}
