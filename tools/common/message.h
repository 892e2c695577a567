/* SPDX-License-Identifier: MIT */
/*
 * Messages of the programs, to stderr, as `tool: channel: what went wrong; what to do`.
 * Each is one write, so the lines of several processes don't mix.
 */
#ifndef SHMCHAN_MESSAGE_H
#define SHMCHAN_MESSAGE_H

#include <stdbool.h>

/* Set the tool's name, as "chansend" or "chanctl stat": messages begin with its first word,
 * and a usage error says "Try 'chanctl stat --help'".  cli_next() calls this. */
void cli_set_name(const char *name);

/* -1 is quiet, and shows only errors; 0 is the default; 1 is verbose. */
void cli_set_verbosity(int verbosity);
bool cli_verbose(void);
bool cli_quiet(void);

/* Report what is wrong with the command line and "Try 'TOOL --help'"; exit 2. */
_Noreturn void cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Report an error; `channel` may be NULL. */
void cli_error(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Report what is no error: the first unless quiet, the second only if verbose. */
void cli_warn(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_note(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
