/* SPDX-License-Identifier: MIT */
/*
 * The segments that chand finds at its start and has not taken up yet, by name.  There may
 * be thousands, so they are taken up a few at a time; one that is asked for comes first.
 */
#ifndef CHAND_FOUND_H
#define CHAND_FOUND_H

#include <stdbool.h>
#include <stddef.h>

/* Look for them: 0 or a negative errno. */
int found_read(void);

/* Is it one of them? */
bool found_has(const char *name);

/* Return any of them, or NULL; it stays good until found_forget(). */
const char *found_next(void);

/* It is taken up now, or can't be. */
void found_forget(const char *name);

size_t found_count(void);

#endif
