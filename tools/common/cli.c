/* SPDX-License-Identifier: MIT */
/*
 * Options and messages.  A tool's table is the one place where its options are
 * stated: getopt's strings, the help and the machine listing all come from it.
 * Errors of the library become text, remedy and exit status here and nowhere
 * else.
 */
#include "common/cli.h"

#include "base/names.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define OPTIONS_MAX 64
#define HELP_COLUMN 30

enum { OPT_HELP_OPTIONS = CLI_LONG - 1 };

static const struct cli_tool *tool;
static int verbosity;
static enum cli_bus bus;

/* Of a tool with command_follows. */
static int operands; /* so far; they are moved to argv[1] and what follows it */
static char **command;

/* getopt's view of the table. */
static char letters[3 * OPTIONS_MAX + 3];
static struct option longs[OPTIONS_MAX + 2];

static bool at_end(const struct cli_option *o)
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

static void build(void)
{
	char *l = letters;
	struct option *lo = longs;

	if (tool->verb_follows)
		*l++ = '+';
	else if (tool->command_follows)
		*l++ = '-'; /* operands come in order, so that the place of "--" is known */
	*l++ = ':';
	for (const struct cli_option *o = tool->options; !at_end(o); o++) {
		int kind = arg_kind(o);

		if (lo == longs + OPTIONS_MAX)
			abort(); /* a table longer than OPTIONS_MAX */
		if (has_letter(o)) {
			*l++ = (char)o->letter;
			for (int i = 0; i < kind; i++)
				*l++ = ':';
		}
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

/* End after printing to stdout: output that was lost is an error. */
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
	for (const struct cli_option *o = tool->options; !at_end(o); o++)
		print_option(o);
	if (tool->notes)
		printf("\n%s\n", tool->notes);
	printf("\nExit status and all else: man %.*s\n", bare_name(tool), tool->name);
	finish_output();
}

static _Noreturn void print_options(void)
{
	for (const struct cli_option *o = tool->options; !at_end(o); o++) {
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
	for (const struct cli_option *o = tool->options; !at_end(o); o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* What getopt_long() did not like. */
static _Noreturn void bad_option(int how, char **argv)
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

/* Were a standard descriptor closed, the next open(2) would take its place, and
 * output would go to a segment.  What is opened here instead can't be used in
 * its direction: whoever reads or writes it gets an error. */
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
		cli_usage("--system and --user: a channel is on one bus");
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
 * operand for a message or a channel.  Programs that we run still see it. */
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
		build();
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
			/* Only "--" is passed without being returned. */
			if (t->command_follows)
				split_command(argv, at, optind > at);
			return c;
		case '?':
		case ':':
			bad_option(c, argv);
		case OPT_HELP_OPTIONS:
			print_options();
		case 'h':
			print_help();
		case 'V':
			print_version();
		case 'q':
			verbosity = -1;
			break;
		case 'v':
			verbosity = 1;
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

/* Messages are one write each, so lines of several processes don't mix. */
static void say(const char *channel, const char *fmt, va_list ap)
{
	char line[1024];
	size_t room = sizeof(line) - 1; /* for the newline */
	int n = snprintf(line, room, "%.*s: %s%s", tool ? bare_name(tool) : 7,
		tool ? tool->name : "shmchan", channel ? channel : "", channel ? ": " : "");

	if (n > 0 && (size_t)n < room) {
		int m = vsnprintf(line + n, room - (size_t)n, fmt, ap);

		if (m > 0)
			n += m;
	}
	if (n < 0)
		return;
	if ((size_t)n >= room)
		n = (int)room - 1;
	for (int i = 0; i < n; i++) /* names and input are quoted in it */
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	fwrite(line, 1, (size_t)n, stderr);
}

void cli_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	if (tool)
		fprintf(stderr, "Try '%s --help' for more information.\n", tool->name);
	exit(CLI_USAGE);
}

void cli_error(const char *channel, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(channel, fmt, ap);
	va_end(ap);
}

void cli_warn(const char *channel, const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 0)
		return;
	va_start(ap, fmt);
	say(channel, fmt, ap);
	va_end(ap);
}

void cli_note(const char *channel, const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 1)
		return;
	va_start(ap, fmt);
	say(channel, fmt, ap);
	va_end(ap);
}

bool cli_verbose(void)
{
	return verbosity > 0;
}

bool cli_quiet(void)
{
	return verbosity < 0;
}

/* The one table of errors. */
static const struct {
	int err;
	enum cli_status status;
	const char *remedy;
} errors[] = {
	{ENOENT, CLI_NO_CHANNEL, "create it with 'chanctl create NAME'"},
	{EACCES, CLI_DENIED, "its owner must allow reading and writing: 'chanctl create --mode'"},
	{EPERM, CLI_DENIED, "its owner or root must do this, or remove what is in the way"},
	{ESRCH, CLI_NO_CHANNEL, NULL},
	{ECONNREFUSED, CLI_NO_CHANNEL, NULL}, /* the detail says what to do */
	{EAGAIN, CLI_WOULD_BLOCK, NULL},
	{EPIPE, CLI_CLOSED, NULL},
	{ECANCELED, CLI_ERROR, NULL},
	{EIDRM, CLI_CLOSED, "start again when it has been made anew"},
	{EMSGSIZE, CLI_TOO_LARGE, "create the channel with a larger --max-message"},
	{EBADMSG, CLI_CONDITION, "remove it with 'chanctl remove' and create it again"},
	{EPROTONOSUPPORT, CLI_CONDITION,
		"use the version of shmchan that made it, or remove it and create it again"},
	{EPROTOTYPE, CLI_CONDITION,
		"use programs of one libc and word size, or remove it and create it again"},
	{EXDEV, CLI_CONDITION, "share the PID namespace (containers: --pid together with --ipc)"},
	{EINPROGRESS, CLI_TIMEOUT, NULL},
	{ETIMEDOUT, CLI_TIMEOUT, NULL},
	{EINVAL, CLI_USAGE, NULL},
	{EEXIST, CLI_ERROR, "use it as it is, or remove it first with 'chanctl remove'"},
	{ENOSPC, CLI_ERROR, "make room in /dev/shm or choose a smaller --capacity"},
	{EUSERS, CLI_ERROR, "create it with more endpoints, or end some ('chanctl info')"},
	{EBUSY, CLI_ERROR, "see who uses it with 'chanctl info'"},
	{EMFILE, CLI_ERROR, "raise 'ulimit -n'"},
	{ENFILE, CLI_ERROR, "raise sysctl fs.file-max"},
	{ENOMEM, CLI_ERROR, NULL},
	{ENOLCK, CLI_ERROR, NULL},
	{EFBIG, CLI_ERROR, "raise 'ulimit -f' or choose a smaller --capacity"},
	{EDQUOT, CLI_ERROR, "remove channels that nobody uses, or ask the administrator for more"},
	{EROFS, CLI_ERROR, "'mount -o remount,rw /dev/shm', or see 'chanctl doctor'"},
	{EOPNOTSUPP, CLI_ERROR, "see 'chanctl doctor'"},
	{EIO, CLI_ERROR, NULL},
};

int cli_exit_code(int err)
{
	if (!err)
		return CLI_OK;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].err == -err)
			return errors[i].status;
	return CLI_ERROR;
}

const char *cli_remedy(int err)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].err == -err)
			return errors[i].remedy;
	return NULL;
}

/* EMFILE is about descriptors too: then another can't be had either. */
static bool no_descriptor_left(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	bool none = fd < 0 && errno == EMFILE;

	if (fd >= 0)
		close(fd);
	return none;
}

const char *cli_inotify_error(int err, bool watch)
{
	static char text[256];

	err = err < 0 ? -err : err;
	if (watch && err == ENOSPC)
		return "this user has all the inotify watches that it may have; raise sysctl "
		       "fs.inotify.max_user_watches (or user.max_inotify_watches)";
	if (!watch && err == EMFILE && !no_descriptor_left())
		return "this user has all the inotify instances that it may have; raise sysctl "
		       "fs.inotify.max_user_instances (or user.max_inotify_instances)";
	if (err == EMFILE)
		return "this process has all the descriptors that it may have; raise 'ulimit -n'";
	if (err == ENOSYS || err == EPERM)
		return "the system has no inotify, or refuses it; allow it in the seccomp filter";
	snprintf(text, sizeof(text), "inotify: %s", strerror(err));
	return text;
}

const char *cli_user(uint32_t uid)
{
	static char number[16];
	const struct passwd *user = getpwuid(uid);

	if (user)
		return user->pw_name;
	snprintf(number, sizeof(number), "%" PRIu32, uid);
	return number;
}

/* NAME or OWNER/NAME, as the library wants it. */
static bool good_name(const char *name)
{
	const char *slash = strchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	return slash != name && name_valid(base);
}

static bool tool_creates(void)
{
	if (tool)
		for (const struct cli_option *o = tool->options; !at_end(o); o++)
			if (o->long_name && !strcmp(o->long_name, "create"))
				return true;
	return false;
}

static void fail_no_space(const char *channel, const struct chan_options *opt)
{
	struct statvfs vfs;
	int64_t need = chan_footprint(opt);

	if (need < 0 || statvfs(NAMES_DIR, &vfs))
		cli_error(channel, "%s; %s", chan_strerror(-ENOSPC), cli_remedy(-ENOSPC));
	else
		cli_error(channel,
			"no space: it needs %" PRId64 " bytes and /dev/shm has %" PRIu64
			" left; %s",
			need, (uint64_t)vfs.f_bavail * vfs.f_frsize, cli_remedy(-ENOSPC));
}

/* Errors whose text in general is less than what is known of this one. */
static bool detail_says_all(int err)
{
	return err == -ESRCH || err == -ECONNREFUSED || err == -ENOLCK || err == -EFBIG;
}

static bool detail_adds(int err)
{
	return err == -EPERM || err == -EINVAL || err == -ENOMEM || err == -EOPNOTSUPP ||
	       err == -EIO || err == -EDQUOT;
}

static void fail_plainly(const char *channel, int err, const char *remedy)
{
	const char *detail = chan_error_detail(err), *text = chan_strerror(err);
	bool add = *detail && detail_adds(err);

	if (*detail && detail_says_all(err))
		text = detail;
	cli_error(channel, "%s%s%s%s%s%s%s",
		*detail && err == -ECONNREFUSED ? "can't ask chand: " : "", text, add ? " (" : "",
		add ? detail : "", add ? ")" : "", remedy ? "; " : "", remedy ? remedy : "");
}

int cli_fail(const char *channel, const struct chan_options *opt, int err)
{
	const char *remedy = cli_remedy(err);

	if (err == -ENOSPC)
		fail_no_space(channel, opt);
	else if (err == -EINVAL && channel && !good_name(channel))
		cli_error(channel,
			"bad channel name; it is NAME or OWNER/NAME, with NAME 1 to %d of "
			"A-Z a-z 0-9 . _ - and no dot in front",
			CHAN_NAME_MAX);
	else if (err == -EINVAL && opt && chan_footprint(opt) < 0)
		cli_error(channel, "no channel can be made so: %s", chan_error_detail(err));
	else if (err == -ENOENT && tool_creates())
		cli_error(channel, "%s; %s or use --create", chan_strerror(err), remedy);
	else
		fail_plainly(channel, err, remedy);
	return cli_exit_code(err);
}
