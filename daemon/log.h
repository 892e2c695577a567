/* SPDX-License-Identifier: MIT */
/*
 * The log: what an administrator must know, a line each.  Under systemd a line goes to the
 * journal with fields of its own (CHAND_EVENT, CHAND_CHANNEL, CHAND_PID), otherwise to
 * stderr.
 */
#ifndef CHAND_LOG_H
#define CHAND_LOG_H

#include <sys/types.h>
#include <syslog.h> /* priorities */

/* Begin; lines less important than this are not written. */
void log_open(int threshold);

/* Write a line.  `event` is a word to search for; `channel` may be NULL, `pid` 0. */
void log_line(int priority, const char *event, const char *channel, pid_t pid, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
