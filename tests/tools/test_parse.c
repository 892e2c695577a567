/* SPDX-License-Identifier: MIT */
/* Numbers as users write them: what is read, and what is refused with nothing set. */
#include "common/parse.h"
#include "shmchan.h"
#include "support/suite.h"

#include <errno.h>

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

START_TEST(should_read_counts)
{
	uint64_t n = 42;

	ck_assert_int_eq(cli_parse_count("", &n), -EINVAL);
	ck_assert_int_eq(cli_parse_count("12a", &n), -EINVAL);
	ck_assert_int_eq(cli_parse_count("-1", &n), -EINVAL);
	ck_assert_int_eq(cli_parse_count("99999999999999999999999", &n), -ERANGE);
	ck_assert_uint_eq(n, 42);
	ck_assert_int_eq(cli_parse_count("007", &n), 0);
	ck_assert_uint_eq(n, 7);
}
END_TEST

START_TEST(should_read_modes_that_a_user_can_use)
{
	uint32_t mode = 42;

	ck_assert_int_eq(cli_parse_mode("", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("0", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("668", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("rw", &mode), -EINVAL);
	ck_assert_int_eq(cli_parse_mode("1777", &mode), -ERANGE);
	ck_assert_int_eq(cli_parse_mode("77777777777777777", &mode), -ERANGE);
	ck_assert_uint_eq(mode, 42);
	ck_assert_int_eq(cli_parse_mode("0660", &mode), 0);
	ck_assert_uint_eq(mode, 0660);
}
END_TEST

START_TEST(should_read_rates_above_zero)
{
	double rate = 42;

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

void add_tests(void)
{
	GROUP("parse", NULL, NULL, should_read_durations, should_refuse_bad_durations,
		should_read_sizes_and_refuse_bad_ones, should_read_counts,
		should_read_modes_that_a_user_can_use, should_read_rates_above_zero);
}
