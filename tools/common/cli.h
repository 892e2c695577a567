/* SPDX-License-Identifier: MIT */
/*
 * What the command-line tools share: one table of options a tool, from which
 * parsing, --help and the tests of man pages and completions are made; one
 * table of errors with exit status and remedy; parsers of numbers that accept
 * nothing halfway; signals that end a tool between two messages.
 *
 * Functions named cli_parse_*, cli_escape and cli_exit_code are pure.  Those
 * marked _Noreturn, and the *_arg ones on bad input, end the process.
 */
#ifndef SHMCHAN_CLI_H
#define SHMCHAN_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "shmchan.h"

/* Exit status, the same for all tools. */
enum cli_status {
	CLI_OK = 0,
	CLI_ERROR = 1,
	CLI_USAGE = 2,
	CLI_NO_CHANNEL = 3,
	CLI_DENIED = 4,
	CLI_WOULD_BLOCK = 5,
	CLI_CLOSED = 6,
	CLI_TOO_LARGE = 7,
	CLI_PARTIAL = 8,
	CLI_CONDITION = 9,
	CLI_TIMEOUT = 124,
	CLI_CHILD_FAILED = 125, /* a child did, or could not be made */
};

/* Exit status of a child that a message is given to: 0, or one of these, or it
 * failed.  The last two are the tool's own status, too. */
enum cli_child {
	CLI_CHILD_LAST = 99, /* the message is done, and no other is wanted */
	CLI_CHILD_NO_EXEC = 126,
	CLI_CHILD_NOT_FOUND = 127,
};

/* Options. */

/* First value of `letter` for an option that has no letter; those below are common. */
#define CLI_LONG 256
enum { CLI_SYSTEM = CLI_LONG - 3, CLI_USER };

struct cli_option {
	int letter;	       /* 'c', or CLI_LONG and up: what cli_next() returns */
	const char *long_name; /* NULL: only the letter */
	const char *arg;       /* NULL: none; "NAME": required; "[NAME]": optional;
				* "a|b|c": a choice */
	const char *help;      /* one line; \n starts another */
};

/* The options of every tool; the last entries of its table.  cli_next() deals
 * with them.  A table ends with CLI_END. */
/* clang-format off */
#define CLI_COMMON \
	{ 'q', "quiet", NULL, "say nothing but errors" }, \
	{ 'v', "verbose", NULL, "say more" }, \
	{ 'h', "help", NULL, "show this help and end" }, \
	{ 'V', "version", NULL, "show the version and end" }
#define CLI_END { 0, NULL, NULL, NULL }

/* Of those that work on channels: which chand is meant.  cli_next() keeps it, and
 * bus_name() applies it to a name. */
#define CLI_BUS \
	{ CLI_SYSTEM, "system", NULL, "channels of the system's bus (chand)" }, \
	{ CLI_USER, "user", NULL, "your own channels, those of your own bus" }
/* clang-format on */

struct cli_tool {
	const char *name;    /* "chansend"; "chanctl stat" for a verb's own table */
	const char *usage;   /* what follows the name: "[OPTIONS] CHANNEL..." */
	const char *summary; /* a sentence */
	const char *notes;   /* after the options, or NULL */
	const struct cli_option *options;
	bool verb_follows;    /* the first operand ends the options (chanctl) */
	bool command_follows; /* what is behind OPERAND -- is a command (chanrecv) */
};

/*
 * The next option of argv: its letter, with its argument in getopt's optarg, or
 * -1 at the end, with optind at the first operand.  A different tool than in the
 * call before starts again at argv[1].  --help, --version and --help-options (a
 * line for each option: letter, long name, argument and the first line of its
 * help, separated by tabs) print and exit; -q and -v are counted; what is wrong is
 * a usage error.
 */
int cli_next(const struct cli_tool *tool, int argc, char **argv);

/* Of a tool with command_follows, once cli_next() returned -1: the command behind
 * "--" and its arguments, or NULL if there is no "--" behind an operand.  The
 * operands are those from argv[optind] to the next NULL. */
char **cli_command(void);

enum cli_bus { CLI_ANY_BUS, CLI_SYSTEM_BUS, CLI_USER_BUS };
enum cli_bus cli_bus(void);

/* Messages: to stderr, as `tool: ...`. */

/* What is wrong with the command line, "Try 'TOOL --help'", exit 2. */
_Noreturn void cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An error; `channel` may be NULL. */
void cli_error(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Said unless -q; said only with -v. */
void cli_warn(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_note(const char *channel, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool cli_verbose(void);
bool cli_quiet(void);

/* Report negative errno `err` of a library call on `channel`: what it means and
 * what to do.  `opt`: what it was to be created with, or NULL.  Returns the exit
 * status. */
int cli_fail(const char *channel, const struct chan_options *opt, int err);

/* How often a call that does not wait is made again while it says -EBUSY, which takes
 * it a tenth of a second each time: the lock is busy, and nothing is known of the channel. */
#define CLI_BUSY_TRIES 10

/* Exit status of a negative errno of the library (0: CLI_OK). */
int cli_exit_code(int err);

/* What to do about a negative errno, or NULL. */
const char *cli_remedy(int err);

/* What an error of inotify_init1(2) means (`watch` false), or of inotify_add_watch(2):
 * a line for people, with what to do; good until the next call. */
const char *cli_inotify_error(int err, bool watch);

/* A user's name, or its number; good until the next call. */
const char *cli_user(uint32_t uid);

/* Numbers: 0, or -EINVAL it is none, or -ERANGE it is too large. */

int cli_parse_duration(const char *text, int64_t *ret); /* ns, or CHAN_WAIT */
int cli_parse_size(const char *text, uint64_t *ret);
int cli_parse_count(const char *text, uint64_t *ret); /* decimal digits */
int cli_parse_mode(const char *text, uint32_t *ret);  /* octal, up to 0777 */
int cli_parse_rate(const char *text, double *ret);    /* N/s, N/m, N/h or N: > 0 a second */

/* The same for the argument of an option, named as the user wrote it, as in
 * "--timeout": a usage error says what is wrong with it. */
int64_t cli_duration_arg(const char *option, const char *text);
uint64_t cli_size_arg(const char *option, const char *text);
uint64_t cli_count_arg(const char *option, const char *text);
double cli_rate_arg(const char *option, const char *text);

/* How to make a channel: SPEC is KEY=VALUE,... with capacity, max-message,
 * overflow, mode, endpoints, lifetime, linger, kind, and the bare words
 * end-with-senders and need-receivers. */

/* For struct chan_options before the first key. */
#define CLI_OPTIONS_INIT                                                                           \
	{                                                                                          \
		.size = sizeof(struct chan_options)                                                \
	}

/* Set one key (value NULL for a bare word).  On -EINVAL `why` says what is
 * wrong, in `size` bytes. */
int cli_parse_key(
	struct chan_options *opt, const char *key, const char *value, char *why, size_t size);
int cli_parse_spec(struct chan_options *opt, const char *spec, char *why, size_t size);
void cli_spec_arg(const char *option, struct chan_options *opt, const char *spec);

/* Time: deadlines are of CLOCK_MONOTONIC, CHAN_WAIT is never. */

int64_t cli_now(void);
int64_t cli_deadline(int64_t duration);
int64_t cli_remaining(int64_t deadline);  /* 0 when it passed */
int64_t cli_sooner(int64_t a, int64_t b); /* of two deadlines or durations */

/*
 * Signals.  After cli_signals(), the first TERM, INT or HUP (unless it was
 * ignored) interrupts every endpoint given to cli_watch(), makes cli_wait_fd()
 * return -EINTR, and cli_signalled() tells its number; a second one kills.  A
 * tool that ends because of it calls cli_die(), which dies of that signal as if
 * it had not been caught (and does nothing if there was none).
 */
void cli_signals(void);
int cli_signalled(void);
void cli_die(void);

/* The same, but later signals don't kill: whoever called this counts them and ends
 * sooner with each. */
void cli_count_signals(void);
int cli_signal_count(void);

/* Main thread only; at most CLI_WATCH_MAX, else -EMFILE. */
#define CLI_WATCH_MAX 1024
int cli_watch(chan_t *ch);
void cli_unwatch(chan_t *ch);

/* Wait until poll(2)'s `events` on `fd`: 1, or -EINTR after a signal of
 * cli_signals(), or -ETIMEDOUT. */
int cli_wait_fd(int fd, short events, int64_t deadline);

/*
 * Write all of it, however short the writes; 0 or negative errno.  After a
 * signal it goes on as long as the reader takes something every second, then
 * -EINTR.  *done, if not NULL, is set in any case: the bytes written.  The iov
 * array is used up.
 */
int cli_write(int fd, const void *buf, size_t len, size_t *done);
int cli_writev(int fd, struct iovec *iov, size_t n, size_t *done);

/* Make bytes harmless for a terminal: controls but newline and tab as \xHH.
 * `out` has room for 4 * len; returns the bytes used. */
size_t cli_escape(char *out, const void *data, size_t len);

#endif
