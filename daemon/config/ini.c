/* SPDX-License-Identifier: MIT */
#include "config/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u << 10)
#define SECTION_MAX 63
#define WHITE " \t\r"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct parser {
	const struct ini *to;
	const char *section;
	unsigned line;
	int sections;
	bool wrong;
	struct given {
		const char *section, *key;
		unsigned line;
	} * given;
	size_t n, room;
};

/* Returns the text without white space at its ends. */
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

static void complain(struct parser *p, const char *why)
{
	p->to->wrong(p->to->arg, p->line, why);
	p->wrong = true;
}

static void section_line(struct parser *p, char *text, size_t len)
{
	if (text[len - 1] != ']' || len - 2 > SECTION_MAX || strpbrk(text + 1, "[") ||
		strchr(text, ']') != text + len - 1) {
		complain(p, "not one [section]");
		return;
	}
	text[len - 1] = 0;
	p->section = trim(text + 1);
	p->sections++;
}

/* Note that a key is given here.  Returns false if it was given before, or can't be
 * noted. */
static bool note_given(struct parser *p, const char *key)
{
	char why[128];

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->given[i].key, key) && !strcmp(p->given[i].section, p->section)) {
			snprintf(why, sizeof(why),
				"%.64s is given in line %u already; once, with all values", key,
				p->given[i].line);
			complain(p, why);
			return false;
		}
	if (p->n == p->room) {
		size_t larger = p->room ? 2 * p->room : 32;
		struct given *grown = reallocarray(p->given, larger, sizeof(*grown));

		if (!grown) {
			complain(p, "out of memory");
			return false;
		}
		p->given = grown;
		p->room = larger;
	}
	p->given[p->n++] = (struct given){p->section, key, p->line};
	return true;
}

static void parse_line(struct parser *p, char *text)
{
	char *equals, why[512];
	const char *key;
	size_t len;

	text = trim(text);
	len = strlen(text);
	if (!len || *text == '#' || *text == ';')
		return;
	if (*text == '[') {
		section_line(p, text, len);
		return;
	}
	equals = strchr(text, '=');
	if (!equals || equals == text) {
		complain(p, "not 'key = value'");
		return;
	}
	*equals = 0;
	key = trim(text);
	if (note_given(p, key) &&
		p->to->key(p->to->arg, p->section, key, trim(equals + 1), why, sizeof(why)) < 0)
		complain(p, why);
}

int ini_parse(char *text, size_t len, const struct ini *to)
{
	struct parser p = {.to = to, .section = ""};
	char *end = text + len;

	if (memchr(text, 0, len)) {
		complain(&p, "not a text: it has a zero byte");
		return -EINVAL;
	}
	if (len >= strlen(BYTE_ORDER_MARK) &&
		!memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)))
		text += strlen(BYTE_ORDER_MARK);
	while (text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *next = newline ? newline + 1 : end;

		*(newline ? newline : end) = 0;
		p.line++;
		parse_line(&p, text);
		text = next;
	}
	free(p.given);
	return p.wrong ? -EINVAL : p.sections;
}

static int refuse(const struct ini *to, const char *why)
{
	to->wrong(to->arg, 0, why);
	return -EINVAL;
}

int ini_read_fd(int fd, const struct ini *to)
{
	char text[FILE_MAX + 1], why[64];
	size_t len = 0;
	struct stat st;
	ssize_t n = 0;

	if (fstat(fd, &st) < 0)
		return refuse(to, strerror(errno));
	if (S_ISREG(st.st_mode))
		while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
			len += (size_t)n;
	if (S_ISREG(st.st_mode) && n < 0)
		return refuse(to, strerror(errno));
	if (!S_ISREG(st.st_mode) || len > FILE_MAX) {
		snprintf(why, sizeof(why), "not a file of at most %u bytes", FILE_MAX);
		return refuse(to, why);
	}
	return ini_parse(text, len, to);
}

int ini_read(const char *path, const struct ini *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = -errno;
	struct stat st;

	if (fd < 0 && (err == -ENOENT || err == -ENOTDIR) && lstat(path, &st) < 0)
		return err;
	if (fd < 0)
		return refuse(
			to, err == -ENOENT ? "a link to a file that is not there" : strerror(-err));
	err = ini_read_fd(fd, to);
	close(fd);
	return err;
}
