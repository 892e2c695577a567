/* SPDX-License-Identifier: MIT */
/*
 * ini files: `[section]`, `key = value`, comments after # or ; at the start of a line.
 * There are no quotes, and no line continues the one before.  A key is given once in all the parts
 * of a section that one file has.  A byte order mark and carriage returns, as editors of
 * other systems leave, mean nothing.
 */
#ifndef CHAND_INI_H
#define CHAND_INI_H

#include <stddef.h>

/* What the reader of a file does. */
struct ini {
	/* Take a key.  Returns 0, or -EINVAL and `why`. */
	int (*key)(void *arg, const char *section, const char *key, const char *value, char *why,
		size_t size);
	/* Take note of what is wrong in a line; line 0 is the file as a whole. */
	void (*wrong)(void *arg, unsigned line, const char *why);
	void *arg;
};

/* Call key() for each key of the file, and wrong() for each line that is wrong: also
 * those after the first one.  Returns the number of sections, or
 *   -ENOENT, -ENOTDIR   there is no such file; wrong() was not called
 *   -EINVAL             wrong() was called */
int ini_read(const char *path, const struct ini *to);

/* Do the same with a file that is open. */
int ini_read_fd(int fd, const struct ini *to);

/* Do the same with a text, which is changed; text[len] is written. */
int ini_parse(char *text, size_t len, const struct ini *to);

#endif
