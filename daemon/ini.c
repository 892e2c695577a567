/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "ini.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u << 10)
#define WHITE " \t\r"

/* Without white space at its ends. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, WHITE);
	len = strlen(text);
	while (len && strchr(WHITE, text[len - 1]))
		len--;
	text[len] = 0;
	return text;
}

static int line_error(unsigned line, const char *what, char *why, size_t size)
{
	snprintf(why, size, "line %u: %s", line, what);
	return -EINVAL;
}

static int parse_line(char *text, char section[64], ini_fn fn, void *arg, char *why, size_t size)
{
	char *equals;
	size_t len;

	text = trim(text);
	len = strlen(text);
	if (!len || *text == '#' || *text == ';')
		return 0;
	if (*text == '[') {
		if (text[len - 1] != ']' || len - 2 >= 64) {
			snprintf(why, size, "not a [section]");
			return -EINVAL;
		}
		text[len - 1] = 0;
		snprintf(section, 64, "%s", trim(text + 1));
		return 0;
	}
	equals = strchr(text, '=');
	if (!equals || equals == text) {
		snprintf(why, size, "not 'key = value'");
		return -EINVAL;
	}
	*equals = 0;
	return fn(arg, section, trim(text), trim(equals + 1), why, size);
}

int ini_parse(char *text, size_t len, ini_fn fn, void *arg, char *why, size_t size)
{
	char section[64] = "", what[256];
	char *end = text + len;

	if (memchr(text, 0, len)) {
		snprintf(why, size, "not a text: it has a zero byte");
		return -EINVAL;
	}
	for (unsigned line = 1; text < end; line++) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *next = newline ? newline + 1 : end;
		int err;

		*(newline ? newline : end) = 0;
		err = parse_line(text, section, fn, arg, what, sizeof(what));
		if (err < 0)
			return line_error(line, what, why, size);
		text = next;
	}
	return 0;
}

int ini_read(const char *path, ini_fn fn, void *arg, char *why, size_t size)
{
	char text[FILE_MAX + 1];
	size_t len = 0;
	struct stat st;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = -errno;

		snprintf(why, size, "%s", strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (S_ISREG(st.st_mode))
		while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
			len += (size_t)n;
	close(fd);
	if (!S_ISREG(st.st_mode) || n < 0 || len > FILE_MAX) {
		snprintf(why, size, "not a file of at most %u bytes", FILE_MAX);
		return -EINVAL;
	}
	return ini_parse(text, len, fn, arg, why, size);
}
