/* SPDX-License-Identifier: MIT */
/*
 * The options of a program.  A tool's table is the one place where they are stated:
 * parsing, --help and the listing for the tests of man pages and completions are made
 * of it.
 */
#ifndef SHMCHAN_OPTIONS_H
#define SHMCHAN_OPTIONS_H

#include <stdbool.h>

/* The first value of `letter` for an option without a letter; those below are for options
 * that several tools have. */
#define CLI_LONG 256
enum { CLI_SYSTEM = CLI_LONG - 3, CLI_USER };

struct cli_option {
	int letter;	       /* 'c', or CLI_LONG and up: what cli_next() returns */
	const char *long_name; /* NULL: only the letter */
	const char *arg;       /* NULL: none; "NAME": required; "[NAME]": optional;
				* "a|b|c": a choice */
	const char *help;      /* one line; \n starts another */
};

/* The options of every tool, the last entries of its table; cli_next() handles them.  A
 * table ends with CLI_END. */
/* clang-format off */
#define CLI_COMMON \
	{ 'q', "quiet", NULL, "print nothing but errors" }, \
	{ 'v', "verbose", NULL, "print more" }, \
	{ 'h', "help", NULL, "show this help and end" }, \
	{ 'V', "version", NULL, "show the version and end" }
#define CLI_END { 0, NULL, NULL, NULL }

/* The options that say which chand is meant, for tools that work on channels.  cli_next()
 * keeps the choice, and bus_name() applies it to a name. */
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
	bool command_follows; /* behind OPERAND -- comes a command (chanrecv) */
};

/*
 * Parse the next option of argv.  Returns its letter, with its argument in getopt's
 * optarg, or -1 at the end, with optind at the first operand.  With another tool than
 * in the call before, it starts again at argv[1].
 *
 * --help, --version and --help-options (a line for each option: letter, long name,
 * argument and the first line of its help, separated by tabs) print and exit; -q and -v
 * set the verbosity; a wrong option is a usage error.
 */
int cli_next(const struct cli_tool *tool, int argc, char **argv);

/* For a tool with command_follows, once cli_next() returned -1: returns the command behind
 * "--" and its arguments, or NULL if there is no "--" behind an operand.  The operands are
 * those from argv[optind] to the next NULL. */
char **cli_command(void);

enum cli_bus { CLI_ANY_BUS, CLI_SYSTEM_BUS, CLI_USER_BUS };
enum cli_bus cli_bus(void);

#endif
