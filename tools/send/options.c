/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "send/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "common/bus.h"
#include "common/deadline.h"
#include "common/failure.h"
#include "common/framing_option.h"
#include "common/header.h"
#include "common/message.h"
#include "common/options.h"
#include "common/parse.h"
#include "common/spec.h"

#define NS_PER_S 1000000000
#define INTERVAL_MAX 1e18 /* ns, of --rate: it still fits into a time */

enum {
	OPT_SKIP_EMPTY = CLI_LONG,
	OPT_OVERFLOW,
	OPT_EOF,
	OPT_PROGRESS,
	OPT_ID,
	OPT_KEY,
	OPT_PRIORITY,
	OPT_TTL,
	OPT_DELAY,
	OPT_REQUEST,
	OPT_ON_DEATH,
};

static const struct cli_option options[] = {
	{'l', "lines", NULL, "stdin: a message a line (the default)"},
	{'0', "null", NULL, "stdin: a NUL ends each message"},
	{'d', "delimiter", "C", "stdin: the byte C (as , or \\t) ends each message"},
	{'F', "framing", "lines|null|len32|netstring|jsonl|raw:SIZE",
		"stdin: how messages lie in it; raw:SIZE is\npieces of SIZE bytes"},
	{OPT_SKIP_EMPTY, "skip-empty", NULL, "an empty line is no message"},
	{'s', "whole", NULL, "all of stdin is one message"},
	{'f', "file", "FILE", "all of FILE is one message; repeatable"},
	{'E', "empty", NULL, "an empty message; repeatable"},
	{'n', "count", "N", "stop after N messages"},
	{'W', "timeout", "D", "give up after D in all"},
	{'w', "send-timeout", "D", "wait at most D for room for a message"},
	{'N', "nowait", NULL, "never wait for room"},
	{OPT_OVERFLOW, "overflow", "block|fail|drop-new", "what to do when the channel is full"},
	{'R', "require-receiver", NULL, "fail with 9 if no receiver is there"},
	{'c', "create", "[SPEC]",
		"create the channel if it is missing; SPEC is\n"
		"capacity=1M,max-message=64K,... (man page)"},
	{'H', "header", "NAME=VALUE", "a pair of each message's header; repeatable"},
	{OPT_ID, "id", "ID", "its id: up to 16 bytes, or 32 hex digits"},
	{OPT_KEY, "key", "KEY", "its key, of a channel with lanes by key"},
	{OPT_PRIORITY, "priority", "0..7", "its priority, 7 first, with lanes by priority"},
	{OPT_TTL, "ttl", "D", "nobody gets it after D"},
	{OPT_DELAY, "delay", "D", "nobody gets it before D"},
	{OPT_REQUEST, "request", "[D]", "await a reply, for D at most, and print it"},
	{OPT_ON_DEATH, "on-death", "redeliver|fail", "what a request is to do if its server dies"},
	{OPT_EOF, "eof", NULL, "close the channel after the last message"},
	{'T', "tee", NULL, "copy what was sent to stdout"},
	{'K', "keep-going", NULL, "count messages that fail, go on, and end with 8"},
	{'r', "rate", "N/s", "send at most N a second (or N/m, N/h)"},
	{OPT_PROGRESS, "progress", "[FD]", "show progress on a terminal, or as lines to FD"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const struct cli_tool tool = {
	.name = "chansend",
	.usage = "[OPTIONS] CHANNEL [--] [MESSAGE...]",
	.summary = "Send each MESSAGE, or stdin in pieces, to a channel.",
	.notes = "A MESSAGE that begins with a dash is an option unless it stands behind --:\n"
		 "  chansend CHANNEL -- \"$message\"",
	.options = options,
};

static void parse_progress(struct send_options *o, const char *arg)
{
	uint64_t fd;

	o->progress = STDERR_FILENO;
	o->progress_bar = !arg;
	if (!arg) {
		if (!isatty(STDERR_FILENO))
			o->progress = -1;
		return;
	}
	fd = cli_count_arg("--progress", arg);
	if (fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0)
		cli_usage("--progress: descriptor %s is not open", arg);
	o->progress = (int)fd;
}

/* With 0 the run does not wait for room; it does wait for input. */
static void parse_timeout(struct send_options *o, const char *arg)
{
	int64_t duration = cli_duration_arg("--timeout", arg);

	o->nowait |= !duration;
	o->deadline = duration ? cli_deadline(duration) : CHAN_WAIT;
}

static void parse_overflow(struct send_options *o, const char *arg)
{
	uint32_t overflow;

	if (word_value(&words_overflow, arg, &overflow) || overflow == CHAN_DROP_OLDEST)
		cli_usage("--overflow: '%s' is not block, fail or drop-new", arg);
	o->overflow = (int)overflow;
}

/* Returns true if it is an option that says what is in the header. */
static bool parse_header(struct send_options *o, int letter, char *arg)
{
	struct chan_meta *m = &o->meta;
	char *value;

	switch (letter) {
	case 'H':
		value = strchr(arg, '=');
		if (!value || value == arg)
			cli_usage("--header: '%s' is not NAME=VALUE", arg);
		*value++ = 0;
		if (chan_meta_put(m, arg, value))
			cli_usage("--header: all pairs have more than %d bytes", CHAN_HEADER_MAX);
		break;
	case OPT_ID:
		if (header_set_id(m, arg, strlen(arg)))
			cli_usage("--id: '%s' is neither up to 16 bytes nor 32 hex digits", arg);
		break;
	case OPT_KEY:
		if (header_set_key(m, arg, strlen(arg)))
			cli_usage("--key: has more than %d bytes", CHAN_KEY_MAX);
		break;
	case OPT_PRIORITY:
		if (header_set_priority(m, (double)cli_count_arg("--priority", arg)))
			cli_usage("--priority: '%s' is not 0 to 7", arg);
		break;
	case OPT_TTL:
		m->ttl = cli_duration_arg("--ttl", arg);
		if (m->ttl == 0)
			cli_usage("--ttl: 0 is no time to live; leave it out for any time");
		if (m->ttl == CHAN_WAIT)
			m->ttl = 0;
		break;
	case OPT_DELAY:
		m->delay = cli_duration_arg("--delay", arg);
		if (m->delay == CHAN_WAIT)
			cli_usage("--delay: the message would never be delivered");
		break;
	case OPT_REQUEST:
		o->request = true;
		o->reply_timeout = arg ? cli_duration_arg("--request", arg) : CHAN_WAIT;
		break;
	case OPT_ON_DEATH:
		if (!strcmp(arg, "fail"))
			m->flags |= CHAN_META_ONCE;
		else if (strcmp(arg, "redeliver"))
			cli_usage("--on-death: '%s' is not redeliver or fail", arg);
		break;
	default:
		return false;
	}
	o->headed = true;
	return true;
}

/* Returns true if it is an option that says how messages lie in stdin. */
static bool parse_framing(struct send_options *o, int letter, const char *arg)
{
	if (!cli_framing_option(
		    letter, arg, "lines, null, len32, netstring, jsonl or raw:SIZE", &o->framing))
		return false;
	if (o->framing.kind == FRAMING_RAW && !o->framing.size)
		cli_usage("--framing: raw needs a size, as raw:64K");
	return true;
}

void send_options_parse(struct send_options *o, int argc, char **argv)
{
	int c;

	*o = (struct send_options){
		.framing = {.kind = FRAMING_DELIMITED, .delimiter = '\n'},
		.create = CLI_OPTIONS_INIT,
		.flags = CHAN_SEND,
		.limit = UINT64_MAX,
		.deadline = CHAN_WAIT,
		.send_timeout = CHAN_WAIT,
		.overflow = -1,
		.progress = -1,
	};
	o->files = calloc((size_t)argc, sizeof(*o->files));
	if (!o->files)
		exit(cli_fail(NULL, NULL, -ENOMEM));
	chan_meta_init(&o->meta);
	while ((c = cli_next(&tool, argc, argv)) != -1) {
		if (parse_framing(o, c, optarg) || parse_header(o, c, optarg))
			continue;
		switch (c) {
		case OPT_SKIP_EMPTY:
			o->framing.skip_empty = true;
			break;
		case 's':
			o->framing.kind = FRAMING_WHOLE;
			break;
		case 'f':
			o->files[o->file_count++] = optarg;
			break;
		case 'E':
			o->files[o->file_count++] = NULL;
			break;
		case 'n':
			o->limit = cli_count_arg("--count", optarg);
			break;
		case 'W':
			parse_timeout(o, optarg);
			break;
		case 'w':
			o->send_timeout = cli_duration_arg("--send-timeout", optarg);
			break;
		case 'N':
			o->nowait = true;
			break;
		case OPT_OVERFLOW:
			parse_overflow(o, optarg);
			break;
		case 'R':
			o->require_receiver = true;
			break;
		case 'c':
			o->flags |= CHAN_CREATE;
			if (optarg)
				cli_spec_arg("--create", &o->create, optarg);
			break;
		case OPT_EOF:
			o->close = true;
			break;
		case 'T':
			o->tee = true;
			break;
		case 'K':
			o->keep_going = true;
			break;
		case 'r':
			o->interval = NS_PER_S / cli_rate_arg("--rate", optarg);
			if (o->interval > INTERVAL_MAX)
				o->interval = INTERVAL_MAX;
			break;
		case OPT_PROGRESS:
			parse_progress(o, optarg);
			break;
		}
	}
	if (optind == argc)
		cli_usage("missing CHANNEL operand");
	argv[optind] = bus_name(argv[optind]); /* it stays as long as its argument */
	o->channel = argv[optind++];
	o->messages = argv + optind;
	o->message_count = argc - optind;
	if (o->meta.flags & CHAN_META_ONCE && !o->request)
		cli_usage("--on-death is for --request only");
	if (o->headed)
		o->create.flags |= CHAN_META;
	if (o->framing.kind == FRAMING_WHOLE && (o->file_count || o->message_count))
		cli_usage("--whole reads stdin, which is left alone when messages are given");
}
