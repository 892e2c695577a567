/* SPDX-License-Identifier: MIT */
/* ini files: sections, keys and values, and for what is wrong the number of its line. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/ini.h"
#include "support/suite.h"

static char seen[16384], why[1024];

/* What came, as `section.key=value;`; the key `refuse` is refused. */
static int note(void *arg, const char *section, const char *key, const char *value, char *reason,
	size_t size)
{
	size_t len = strlen(seen);

	ck_assert_ptr_eq(arg, seen);
	if (!strcmp(key, "refuse")) {
		snprintf(reason, size, "refused: %s", value);
		return -EINVAL;
	}
	snprintf(seen + len, sizeof(seen) - len, "%s.%s=%s;", section, key, value);
	return 0;
}

/* What is wrong, separated by `; `. */
static void note_wrong(void *arg, unsigned line, const char *reason)
{
	size_t len = strlen(why);

	ck_assert_ptr_eq(arg, seen);
	if (line)
		snprintf(why + len, sizeof(why) - len, "%sline %u: %s", len ? "; " : "", line,
			reason);
	else
		snprintf(why + len, sizeof(why) - len, "%s%s", len ? "; " : "", reason);
}

static const struct ini to = {.key = note, .wrong = note_wrong, .arg = seen};

static int parse_bytes(const void *text, size_t len)
{
	char *copy = malloc(len + 1);
	int err;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, len);
	copy[len] = 'x'; /* it is the parser's to write */
	seen[0] = why[0] = '\0';
	err = ini_parse(copy, len, &to);
	free(copy);
	return err;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

START_TEST(should_read_sections_keys_and_values)
{
	ck_assert_int_eq(parse("a=1\n[one]\nb = 2 \n\t c\t=\t3 = 4\r\n[ two ]\nd=\n"), 2);
	ck_assert_str_eq(seen, ".a=1;one.b=2;one.c=3 = 4;two.d=;");
}
END_TEST

START_TEST(should_skip_what_says_nothing)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_int_eq(parse("\n \n\t\r\n# a=1\n ; b=2\n"), 0);
	ck_assert_str_eq(seen, "");
	/* Only at the start of a line is it a comment. */
	ck_assert_int_eq(parse("a=1 # no\n"), 0);
	ck_assert_str_eq(seen, ".a=1 # no;");
}
END_TEST

START_TEST(should_need_no_newline_at_the_end)
{
	ck_assert_int_eq(parse("a=1\nb=2"), 0);
	ck_assert_str_eq(seen, ".a=1;.b=2;");
	ck_assert_int_eq(parse("a=1\n[sec"), -EINVAL);
	ck_assert_str_eq(why, "line 2: not one [section]");
}
END_TEST

static const struct {
	const char *text, *why, *seen;
} wrong[] = {
	{"nonsense", "line 1: not 'key = value'", ""},
	{"\n\n=1\n", "line 3: not 'key = value'", ""},
	{"a=1\n# x\n  = 2\nb=3\n", "line 3: not 'key = value'", ".a=1;.b=3;"},
	{"[a] [b]\n", "line 1: not one [section]", ""},
	{"[a\t[b]\n", "line 1: not one [section]", ""},
	{"a=1\na=1\n", "line 2: a is given in line 1 already; once, with all values", ".a=1;"},
	{"[x]\na=1\n[y]\na=2\n[x]\nb=3\na=4\n",
		"line 7: a is given in line 2 already; once, with all values",
		"x.a=1;y.a=2;x.b=3;"},
	{"what\n[\nb=2\nrefuse=x\nrefuse=y\n",
		"line 1: not 'key = value'; line 2: not one [section]; line 4: refused: x; "
		"line 5: refuse is given in line 4 already; once, with all values",
		".b=2;"},
	{"[\n", "line 1: not one [section]", ""},
	{"[x\n", "line 1: not one [section]", ""},
	{"[x] y\n", "line 1: not one [section]", ""},
	{"a=1\r\n\r\n[x]\r\nrefuse=it\r\n", "line 4: refused: it", ".a=1;"},
	{"a=1\nrefuse=", "line 2: refused: ", ".a=1;"},
};

START_TEST(should_give_the_line_of_what_is_wrong)
{
	ck_assert_int_eq(parse(wrong[_i].text), -EINVAL);
	ck_assert_str_eq(why, wrong[_i].why);
	ck_assert_str_eq(seen, wrong[_i].seen);
}
END_TEST

START_TEST(should_skip_a_byte_order_mark)
{
	ck_assert_int_eq(parse("\xef\xbb\xbf[x]\r\na=1\r\n"), 1);
	ck_assert_str_eq(seen, "x.a=1;");
	ck_assert_int_eq(parse("[x]\n\xef\xbb\xbf[y]\n"), -EINVAL);
}
END_TEST

START_TEST(should_read_as_many_keys_as_fit)
{
	char text[16384] = "[x]\n";
	size_t len = strlen(text);

	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "k%d=\n", i);
	ck_assert_int_eq(parse(text), 1);
	snprintf(text + len, sizeof(text) - len, "k999=\n");
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "line 1002: k999 is given in line 1001"));
}
END_TEST

START_TEST(should_refuse_a_zero_byte)
{
	ck_assert_int_eq(parse_bytes("a=1\n\0b=2\n", 9), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "zero byte"));
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(should_read_the_longest_section_and_no_longer)
{
	char text[80], expected[80];

	snprintf(text, sizeof(text), "[%063d]\na=1\n", 0);
	snprintf(expected, sizeof(expected), "%063d.a=1;", 0);
	ck_assert_int_eq(parse(text), 1);
	ck_assert_str_eq(seen, expected);
	snprintf(text, sizeof(text), "[%064d]\na=1\n", 0);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_str_eq(why, "line 1: not one [section]");
}
END_TEST

/* A file of `size` bytes: the first `a=1`, all others newlines. */
static int read_of_size(size_t size)
{
	char path[] = "/tmp/test_ini.XXXXXX";
	int fd = mkstemp(path), err;
	FILE *file = fdopen(fd, "w");

	ck_assert_ptr_nonnull(file);
	fputs("a=1", file);
	for (size_t i = 3; i < size; i++)
		fputc('\n', file);
	ck_assert_int_eq(fclose(file), 0);
	seen[0] = why[0] = '\0';
	err = ini_read(path, &to);
	unlink(path);
	return err;
}

START_TEST(should_read_the_largest_file_and_no_larger)
{
	ck_assert_int_eq(read_of_size(65536), 0);
	ck_assert_str_eq(seen, ".a=1;");
	ck_assert_int_eq(read_of_size(65537), -EINVAL);
	ck_assert_str_eq(why, "not a file of at most 65536 bytes");
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(should_refuse_what_is_no_file)
{
	char dir[] = "/tmp/test_ini.XXXXXX", path[64];

	seen[0] = why[0] = '\0';
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x", dir);
	ck_assert_int_eq(ini_read(path, &to), -ENOENT);
	ck_assert_int_eq(ini_read(dir, &to), -EINVAL);
	ck_assert_str_eq(why, "not a file of at most 65536 bytes");
	ck_assert_int_eq(symlink("/nonexistent", path), 0);
	ck_assert_int_eq(ini_read(path, &to), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "a link to a file that is not there"));
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	/* Nobody writes to it: it must not be waited for. */
	ck_assert_int_eq(ini_read(path, &to), -EINVAL);
	unlink(path);
	rmdir(dir);
}
END_TEST

void add_tests(void)
{
	GROUP("ini", NULL, NULL, should_read_sections_keys_and_values,
		should_skip_what_says_nothing, should_need_no_newline_at_the_end,
		should_skip_a_byte_order_mark, should_read_as_many_keys_as_fit,
		should_refuse_a_zero_byte, should_read_the_longest_section_and_no_longer,
		should_read_the_largest_file_and_no_larger, should_refuse_what_is_no_file);
	GROUP_FOR(0, sizeof(wrong) / sizeof(wrong[0]), "wrong", NULL, NULL,
		should_give_the_line_of_what_is_wrong);
}
