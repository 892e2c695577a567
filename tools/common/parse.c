/* SPDX-License-Identifier: MIT */
/* See parse.h. */
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/message.h"
#include "shmchan.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Read decimal digits at *text, at least one. */
static int digits(const char **text, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = *text;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	*text = p;
	*ret = n;
	return 0;
}

int cli_parse_count(const char *text, uint64_t *ret)
{
	uint64_t n;
	int r = digits(&text, &n);

	if (!r && *text)
		r = -EINVAL;
	if (!r)
		*ret = n;
	return r;
}

int cli_parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	uint64_t n;
	int r = digits(&text, &n);

	if (r)
		return r;
	if (*text) {
		char upper = (char)(*text & ~0x20);
		const char *u = memchr(units, upper, sizeof(units) - 1);

		if (!u)
			return -EINVAL;
		for (const char *p = units; p <= u; p++)
			if (__builtin_mul_overflow(n, 1024, &n))
				return -ERANGE;
		text++;
		if (!strcmp(text, "iB"))
			text += 2;
	}
	if (*text)
		return -EINVAL;
	*ret = n;
	return 0;
}

int cli_parse_mode(const char *text, uint32_t *ret)
{
	uint32_t mode = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '7')
			return -EINVAL;
		mode = mode * 8 + (uint32_t)(*text - '0');
		if (mode > 0777)
			return -ERANGE;
	}
	if (!mode) /* no user could open it, and the library takes 0 for "default" */
		return -EINVAL;
	*ret = mode;
	return 0;
}

/* Read decimals at *text, if there are any: *ret is the number times `unit`, rounded down. */
static int scale(const char **text, uint64_t whole, int64_t unit, int64_t *ret)
{
	int64_t n;

	if (__builtin_mul_overflow(whole, unit, &n))
		return -ERANGE;
	if (**text == '.') {
		if (!is_digit(*++*text))
			return -EINVAL;
		for (; is_digit(**text); ++*text) {
			unit /= 10;
			if (__builtin_add_overflow(n, (**text - '0') * unit, &n))
				return -ERANGE;
		}
	}
	*ret = n;
	return 0;
}

/* Returns the unit that starts at `text`, in ns, or 0 if it is none; sets its length. */
static int64_t duration_unit(const char *text, size_t *len)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{"ns", 1},
		{"us", 1000},
		{"ms", 1000000},
		{"s", 1000000000},
		{"m", INT64_C(60) * 1000000000},
		{"h", INT64_C(3600) * 1000000000},
		{"d", INT64_C(86400) * 1000000000},
	};

	*len = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (*len == strlen(units[i].name) && !strncmp(text, units[i].name, *len))
			return units[i].ns;
	return 0;
}

int cli_parse_duration(const char *text, int64_t *ret)
{
	int64_t sum = 0;
	bool first = true;

	if (!strcmp(text, "infinity")) {
		*ret = CHAN_WAIT;
		return 0;
	}
	do {
		const char *after = text + strspn(text, "0123456789.");
		size_t len;
		int64_t unit = duration_unit(after, &len), part;
		uint64_t whole = 0;
		int r = 0;

		if (!len && first && !*after)
			unit = 1000000000; /* a bare number is seconds */
		if (!unit)
			return -EINVAL;
		if (*text != '.')
			r = digits(&text, &whole);
		if (!r)
			r = scale(&text, whole, unit, &part);
		if (r)
			return r;
		if (text != after)
			return -EINVAL;
		if (__builtin_add_overflow(sum, part, &sum))
			return -ERANGE;
		text += len;
		first = false;
	} while (*text);
	*ret = sum;
	return 0;
}

int cli_parse_rate(const char *text, double *ret)
{
	static const int64_t billion = 1000000000;
	uint64_t whole = 0;
	int64_t n;
	double per = 1;
	int r = 0;

	if (*text != '.')
		r = digits(&text, &whole);
	if (!r)
		r = scale(&text, whole, billion, &n);
	if (r)
		return r;
	if (!strcmp(text, "/m"))
		per = 60;
	else if (!strcmp(text, "/h"))
		per = 3600;
	else if (*text && strcmp(text, "/s") != 0)
		return -EINVAL;
	if (!n)
		return -EINVAL;
	*ret = (double)n / (double)billion / per;
	return 0;
}

static void check_arg(int r, const char *option, const char *text, const char *what)
{
	if (r == -ERANGE)
		cli_usage("%s: '%s' is too large", option, text);
	if (r)
		cli_usage("%s: '%s' is not %s", option, text, what);
}

#define A_DURATION "a duration (as 250ms, 2s, 1m30s, 1h, infinity; a bare number is seconds)"
#define A_COUNT "a count (decimal digits)"

int64_t cli_duration_arg(const char *option, const char *text)
{
	int64_t ns = 0;

	check_arg(cli_parse_duration(text, &ns), option, text, A_DURATION);
	return ns;
}

uint64_t cli_size_arg(const char *option, const char *text)
{
	uint64_t n = 0;

	check_arg(cli_parse_size(text, &n), option, text, CLI_A_SIZE);
	return n;
}

uint64_t cli_count_arg(const char *option, const char *text)
{
	uint64_t n = 0;

	check_arg(cli_parse_count(text, &n), option, text, A_COUNT);
	return n;
}

double cli_rate_arg(const char *option, const char *text)
{
	double rate = 0;

	check_arg(cli_parse_rate(text, &rate), option, text,
		"a rate above 0 (as 100/s, 0.5/s, 30/m)");
	return rate;
}

void cli_duration_exact(char *text, size_t size, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} unit[] = {{UINT64_C(1000000000), "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
	size_t i = 0;

	while (ns % unit[i].ns)
		i++;
	snprintf(text, size, "%" PRIu64 "%s", ns / unit[i].ns, unit[i].name);
}
