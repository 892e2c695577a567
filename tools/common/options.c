/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "common/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failure.h"
#include "common/message.h"
#include "common/status.h"

#define OPTIONS_MAX 64
#define HELP_COLUMN 30

enum { OPT_HELP_OPTIONS = CLI_LONG - 1 };

static const struct cli_tool *tool;
static enum cli_bus bus;

/* For a tool with command_follows. */
static int operands; /* found so far; they are moved to argv[1] and behind it */
static char **command;

/* getopt's view of the table. */
static char letters[3 * OPTIONS_MAX + 3];
static struct option longs[OPTIONS_MAX + 2];

static bool is_end(const struct cli_option *o)
{
	return !o->letter;
}

static bool has_letter(const struct cli_option *o)
{
	return o->letter <= 'z';
}

static int arg_kind(const struct cli_option *o)
{
	if (!o->arg)
		return no_argument;
	return *o->arg == '[' ? optional_argument : required_argument;
}

static void build_getopt(void)
{
	char *l = letters;
	struct option *lo = longs;

	if (tool->verb_follows)
		*l++ = '+';
	else if (tool->command_follows)
		*l++ = '-'; /* operands come in order, so that the place of "--" is known */
	*l++ = ':';
	for (const struct cli_option *o = tool->options; !is_end(o); o++) {
		int kind = arg_kind(o);

		if (lo == longs + OPTIONS_MAX)
			abort(); /* a table longer than OPTIONS_MAX */
		if (has_letter(o)) {
			*l++ = (char)o->letter;
			for (int i = 0; i < kind; i++)
				*l++ = ':';
		}
		if (o->long_name && !strcmp(o->long_name, "create"))
			cli_suggest_create();
		if (o->long_name)
			*lo++ = (struct option){o->long_name, kind, NULL, o->letter};
	}
	*l = '\0';
	*lo++ = (struct option){"help-options", no_argument, NULL, OPT_HELP_OPTIONS};
	*lo = (struct option){NULL, 0, NULL, 0};
}

static int bare_name(const struct cli_tool *t)
{
	return (int)strcspn(t->name, " ");
}

/* End the process after it printed to stdout: if output was lost, that is an error. */
static _Noreturn void finish_output(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		cli_error(NULL, "stdout: %s", strerror(errno));
		exit(CLI_ERROR);
	}
	exit(CLI_OK);
}

static void print_option(const struct cli_option *o)
{
	const char *help = o->help;
	char left[128];
	int n = 0;

	left[0] = '\0';
	if (has_letter(o))
		n = snprintf(left, sizeof(left), "  -%c%s", o->letter, o->long_name ? ", " : "");
	else
		n = snprintf(left, sizeof(left), "      ");
	if (o->long_name)
		n += snprintf(left + n, sizeof(left) - (size_t)n, "--%s", o->long_name);
	if (o->arg && *o->arg == '[')
		snprintf(left + n, sizeof(left) - (size_t)n, "[%s%s", o->long_name ? "=" : "",
			o->arg + 1);
	else if (o->arg)
		snprintf(left + n, sizeof(left) - (size_t)n, "%s%s", o->long_name ? "=" : " ",
			o->arg);

	printf("%-*s", HELP_COLUMN, left);
	if (strlen(left) >= HELP_COLUMN - 1)
		printf("\n%*s", HELP_COLUMN, "");
	for (size_t len; (len = strcspn(help, "\n")), help[len]; help += len + 1)
		printf("%.*s\n%*s", (int)len, help, HELP_COLUMN, "");
	printf("%s\n", help);
}

static _Noreturn void print_help(void)
{
	printf("Usage: %s %s\n%s\n\nOptions:\n", tool->name, tool->usage, tool->summary);
	for (const struct cli_option *o = tool->options; !is_end(o); o++)
		print_option(o);
	if (tool->notes)
		printf("\n%s\n", tool->notes);
	printf("\nExit status and all else: man %.*s\n", bare_name(tool), tool->name);
	finish_output();
}

static _Noreturn void print_options(void)
{
	for (const struct cli_option *o = tool->options; !is_end(o); o++) {
		if (has_letter(o))
			putchar(o->letter);
		printf("\t%s\t%s\t%.*s\n", o->long_name ? o->long_name : "", o->arg ? o->arg : "",
			(int)strcspn(o->help, "\n"), o->help);
	}
	finish_output();
}

static _Noreturn void print_version(void)
{
	printf("%.*s (shmchan) %s\n", bare_name(tool), tool->name, chan_version());
	finish_output();
}

static const struct cli_option *find_option(int letter)
{
	for (const struct cli_option *o = tool->options; !is_end(o); o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* Report the option that getopt_long() rejected. */
static _Noreturn void reject_option(int how, char **argv)
{
	const struct cli_option *o = optopt ? find_option(optopt) : NULL;

	if (how == ':' && o && o->long_name)
		cli_usage("option --%s needs an argument: %s", o->long_name, o->arg);
	if (how == ':')
		cli_usage("option -%c needs an argument", optopt);
	if (!optopt)
		cli_usage("unknown or ambiguous option '%s'", argv[optind - 1]);
	if (o || optopt == OPT_HELP_OPTIONS)
		cli_usage("option '%.*s' takes no argument", (int)strcspn(argv[optind - 1], "="),
			argv[optind - 1]);
	cli_usage("unknown option '-%c'", optopt);
}

/* Open what is closed of the standard descriptors: else a later open(2) would take that
 * place, and output would go to a segment.  What is opened here can't be used in the
 * descriptor's direction, so reading or writing it is an error, as it was. */
static void guard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(CLI_ERROR);
}

static void choose_bus(enum cli_bus which)
{
	if (bus && bus != which)
		cli_usage("--system and --user exclude each other: a channel is on one bus");
	bus = which;
}

enum cli_bus cli_bus(void)
{
	return bus;
}

/* Move the operands before the "--" that ended the options, or before the end. */
static void split_command(char **argv, int end, bool dashes)
{
	if (dashes && !operands) /* operands follow, as in any tool */
		return;
	memmove(argv + end - operands, argv + 1, (size_t)operands * sizeof(*argv));
	optind = end - operands;
	if (dashes) {
		argv[end] = NULL;
		command = argv + end + 1;
	}
}

char **cli_command(void)
{
	return command;
}

/* getopt reads POSIXLY_CORRECT when it starts, and would then take an option behind an
 * operand for a message or a channel.  Programs that this one runs still see it. */
static int first_option(int argc, char **argv)
{
	static const char variable[] = "POSIXLY_CORRECT";
	const char *value = getenv(variable);
	char *saved = value ? strdup(value) : NULL;
	int c;

	unsetenv(variable);
	optind = 0; /* also forgets where in a cluster it was */
	opterr = 0;
	c = getopt_long(argc, argv, letters, longs, NULL);
	if (saved)
		setenv(variable, saved, 1);
	free(saved);
	return c;
}

int cli_next(const struct cli_tool *t, int argc, char **argv)
{
	static char **last;
	bool first = t != tool || argv != last;

	if (!tool) {
		guard_descriptors();
		signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error, EFBIG */
	}
	if (first) {
		tool = t;
		last = argv;
		cli_set_name(t->name);
		build_getopt();
		operands = 0;
		command = NULL;
	}
	for (;; first = false) {
		int at = first ? 1 : optind;
		int c = first ? first_option(argc, argv)
			      : getopt_long(argc, argv, letters, longs, NULL);

		switch (c) {
		case 1: /* an operand, in order */
			argv[1 + operands++] = optarg;
			break;
		case -1:
			/* getopt passes "--" without returning it, and nothing else. */
			if (t->command_follows)
				split_command(argv, at, optind > at);
			return c;
		case '?':
		case ':':
			reject_option(c, argv);
		case OPT_HELP_OPTIONS:
			print_options();
		case 'h':
			print_help();
		case 'V':
			print_version();
		case 'q':
			cli_set_verbosity(-1);
			break;
		case 'v':
			cli_set_verbosity(1);
			break;
		case CLI_SYSTEM:
			choose_bus(CLI_SYSTEM_BUS);
			break;
		case CLI_USER:
			choose_bus(CLI_USER_BUS);
			break;
		default:
			return c;
		}
	}
}
