/* SPDX-License-Identifier: MIT */
/* What errors mean, for people. */
#ifndef CHAND_ERRORS_H
#define CHAND_ERRORS_H

#include <errno.h>
#include <stdbool.h>

/* Errors of chand's own: no inotify instance, or no further watch (for one channel). */
#define ERROR_NO_INOTIFY ENOSTR
#define ERROR_NO_WATCH ENOSR

/* Returns a sentence for the errno value, which may be negative. */
const char *error_text(int err);

/* If `err` means that descriptors have run out, log that, with the limit and what to do:
 * at most once a minute.  Returns whether it means that. */
bool report_shortage(int err);

#endif
