/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "recv/options.h"

#include <getopt.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/deadline.h"
#include "common/framing_option.h"
#include "common/message.h"
#include "common/options.h"
#include "common/parse.h"
#include "recv/format.h"

enum { OPT_RAW = CLI_LONG, OPT_IDLE_EXIT, OPT_BIASED, OPT_LATEST, OPT_FOLLOW };

static const struct cli_option options[] = {
	{'n', "count", "N", "stop after N messages"},
	{'1', NULL, NULL, "the same as -n 1"},
	{'W', "timeout", "D", "give up after D in all"},
	{'w', "idle-timeout", "D", "give up after D without a message"},
	{OPT_IDLE_EXIT, "idle-exit", "D", "end, with status 0, after D without a message"},
	{'N', "nowait", NULL, "only what is there now"},
	{'e', "drain", NULL, "stop when what was there at the start is read"},
	{'l', "lines", NULL, "a newline after each message (the default)"},
	{'0', "null", NULL, "a NUL after each message"},
	{'d', "delimiter", "C", "the byte C after each message (\\n \\t \\0 \\xHH)"},
	{'F', "framing", "lines|null|len32|netstring|jsonl|raw",
		"how messages lie in the output; raw adds nothing"},
	{'J', NULL, NULL, "the same as --framing=jsonl"},
	{'o', "format", "FMT",
		"each message as FMT: %p payload, %x in hex,\n%q quoted for a shell, "
		"%l length, %L in 4 bytes,\n%n channel, %s sequence number, %t time of\nreceipt; "
		"\\n \\t \\0 \\xHH"},
	{OPT_BIASED, "biased", NULL, "the first of several channels that has messages"},
	{'p', "peek", NULL, "show what is there without consuming it, then end"},
	{OPT_LATEST, "latest", NULL, "of kind latest: the current value, then end"},
	{OPT_FOLLOW, "follow", NULL, "with --latest: and each new one"},
	SUBSCRIPTION_OPTIONS,
	{'D', "dir", "DIR", "a file in DIR for each message"},
	EXEC_OPTIONS,
	{OPT_RAW, "raw", NULL, "don't escape control bytes on a terminal"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const struct cli_tool tool = {
	.name = "chanrecv",
	.usage = "[OPTIONS] CHANNEL... [-- COMMAND [ARG...]]",
	.summary =
		"Receive messages from channels, until they end, and print them, or run COMMAND\n"
		"for each, with the message on its stdin: status 0 consumes it.",
	.options = options,
	.command_follows = true,
};

/* Options about output are not for a COMMAND, and options about children not without one. */
static void check_command(struct recv_options *o, bool output)
{
	if (!o->command && o->exec.given)
		cli_usage(
			"there is an option for a COMMAND, and no '-- COMMAND' behind the CHANNEL");
	if (!o->command)
		return;
	exec_options_finish(&o->exec, o->channels, o->command);
	if (output)
		cli_usage(
			"a COMMAND gets each message as it is: no format, --dir, --peek, --latest "
			"or --raw");
}

/* Returns true if it is an option that says how messages lie in the output. */
static bool parse_framing(struct recv_options *o, int letter, const char *arg)
{
	if (letter == 'J')
		framing_parse("jsonl", &o->framing);
	else if (!cli_framing_option(
			 letter, arg, "lines, null, len32, netstring, jsonl or raw", &o->framing))
		return false;
	o->format = NULL;
	return true;
}

static void parse_format(struct recv_options *o, const char *arg)
{
	const char *bad;

	if (format_check(arg, &bad))
		cli_usage(
			"--format: '%.4s' is not known; there are %%p %%x %%q %%l %%L %%n %%s %%t "
			"%%%% \\n \\t \\r \\0 \\\\ \\xHH",
			bad);
	o->format = arg;
}

/* Set the operands: the channels and the command. */
static void take_operands(struct recv_options *o, char **argv)
{
	if (!*argv)
		cli_usage("missing CHANNEL operand");
	o->channels = argv;
	for (; *argv; argv++) {
		*argv = bus_name(*argv);
		o->count++;
	}
	o->command = cli_command();
}

void recv_options_parse(struct recv_options *o, int argc, char **argv)
{
	bool raw = false, framed = false, follow = false;
	int c;

	*o = (struct recv_options){
		.framing = {.kind = FRAMING_DELIMITED, .delimiter = '\n'},
		.limit = UINT64_MAX,
		.deadline = CHAN_WAIT,
		.idle = CHAN_WAIT,
		.idle_exit = CHAN_WAIT,
	};
	exec_options_init(&o->exec);
	while ((c = cli_next(&tool, argc, argv)) != -1) {
		if (parse_framing(o, c, optarg)) {
			framed = true;
			continue;
		}
		if (exec_options_parse(&o->exec, c, optarg) ||
			subscription_option(&o->subscription, c, optarg))
			continue;
		switch (c) {
		case 'n':
			o->limit = cli_count_arg("--count", optarg);
			break;
		case '1':
			o->limit = 1;
			break;
		case 'W':
			o->deadline = cli_duration_arg("--timeout", optarg);
			o->nowait |= !o->deadline;
			o->deadline = o->deadline ? cli_deadline(o->deadline) : CHAN_WAIT;
			break;
		case 'w':
			o->idle = cli_duration_arg("--idle-timeout", optarg);
			o->nowait |= !o->idle;
			break;
		case OPT_IDLE_EXIT:
			o->idle_exit = cli_duration_arg("--idle-exit", optarg);
			break;
		case 'N':
			o->nowait = true;
			break;
		case 'e':
			o->drain = true;
			break;
		case 'o':
			parse_format(o, optarg);
			framed = true;
			break;
		case 'p':
			o->peek = true;
			break;
		case 'D':
			o->dir = optarg;
			break;
		case OPT_BIASED:
			o->biased = true;
			break;
		case OPT_LATEST:
			o->latest = true;
			break;
		case OPT_FOLLOW:
			follow = true;
			break;
		case OPT_RAW:
			raw = true;
			break;
		}
	}
	if (follow && !o->latest)
		cli_usage("--follow goes with --latest");
	if (o->latest && !follow && o->limit == UINT64_MAX)
		o->limit = 1;
	take_operands(o, argv + optind);
	subscription_check(&o->subscription, o->peek, o->latest);
	o->exec.framed = framed;
	o->exec.framing = o->framing;
	check_command(o, o->format || raw || o->dir || o->peek || o->latest);
	if (o->dir && !framed)
		framing_parse("raw", &o->framing);
	o->escape = !raw && !o->dir && isatty(STDOUT_FILENO);
}
