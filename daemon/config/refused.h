/* SPDX-License-Identifier: MIT */
/* Which files of the configuration were refused when it was last read, for STATUS and for
 * the log. */
#ifndef CHAND_REFUSED_H
#define CHAND_REFUSED_H

#include <stddef.h>

/* The configuration is about to be read: forget those of the last time. */
void refused_begin(void);

/* Log what is wrong in a file, and count it: a config_wrong (reading.h). */
void refused_add(const char *path, unsigned line, const char *channel, const char *why);

unsigned refused_count(void);

/* Write their paths, as many as fit, separated by blanks.  Returns `text`. */
const char *refused_text(char *text, size_t size);

#endif
