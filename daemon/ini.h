/* SPDX-License-Identifier: MIT */
/*
 * ini files: `[section]`, `key = value`, comments after # or ; at the start of a
 * line.  Nothing is quoted, nothing is continued.
 */
#ifndef CHAND_INI_H
#define CHAND_INI_H

#include <stddef.h>

/* A key: 0, or -EINVAL and `why`. */
typedef int (*ini_fn)(
	void *arg, const char *section, const char *key, const char *value, char *why, size_t size);

/* Call fn for each key of the file.  0; or a negative errno and `why`, with the
 * line in front if one is to blame. */
int ini_read(const char *path, ini_fn fn, void *arg, char *why, size_t size);

/* The same of a text, which is used up; text[len] is written. */
int ini_parse(char *text, size_t len, ini_fn fn, void *arg, char *why, size_t size);

#endif
