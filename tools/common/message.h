/* SPDX-License-Identifier: MIT */
/*
 * Messages of the programs, to stderr, as `tool: channel: what went wrong; what to do`.
 * Each is one write, so the lines of several processes don't mix.
 */
#ifndef SHMCHAN_MESSAGE_H
#define SHMCHAN_MESSAGE_H

#include <stdbool.h>

/* Set the name that messages begin with, "chansend", or "chanctl stat" of which --help is
 * asked; cli_next() does it. */
void cli_set_name(const char *name);

/* -1: quiet, only errors; 0; 1: verbose. */
void cli_set_verbosity(int verbosity);
bool cli_verbose(void);
bool cli_quiet(void);

/* Report what is wrong with the command line and "Try 'TOOL --help'"; exit 2. */
_Noreturn void cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Report an error; `channel` may be NULL. */
void cli_error(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same unless quiet, and only if verbose. */
void cli_warn(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_note(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
