/* SPDX-License-Identifier: MIT */
/*
 * The segments that chand finds at its start and has not adopted yet, by name.  There may be
 * thousands, so they are adopted a few at a time; one that is asked for comes first.
 */
#ifndef CHAND_FOUND_H
#define CHAND_FOUND_H

#include <stdbool.h>
#include <stddef.h>

/* Look for them.  Returns 0 or a negative errno. */
int found_read(void);

/* Returns whether it is one of them. */
bool found_has(const char *name);

/* Returns any of them, or NULL; the name is valid until found_forget(). */
const char *found_next(void);

/* Forget one: it is adopted now, or can't be. */
void found_forget(const char *name);

size_t found_count(void);

#endif
