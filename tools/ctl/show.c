/* SPDX-License-Identifier: MIT */
/*
 * chanctl list, stat and info: which channels there are, their counters, and all about
 * one.  A channel that can't be read is a row of a list that says so, and an error where
 * it was named.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "common/deadline.h"
#include "common/endpoints.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/parse.h"
#include "common/signals.h"
#include "common/user.h"
#include "ctl/channel.h"
#include "ctl/column.h"
#include "ctl/output.h"
#include "ctl/subscribers.h"
#include "ctl/verb.h"

static json_t *make_rows(const struct ctl_columns *columns, const struct ctl_channels *channels)
{
	json_t *array = json_array();

	for (size_t i = 0; i < channels->n; i++)
		json_array_append_new(array, ctl_columns_object(columns, &channels->at[i]));
	return array;
}

static int print(const struct ctl_columns *columns, const struct ctl_channels *channels,
	unsigned width[CTL_COLUMN_MAX], bool headings)
{
	FILE *out;
	char *text;
	size_t len;

	if (ctl_output.json)
		return ctl_write_json(make_rows(columns, channels));
	out = ctl_memory(&text, &len);
	ctl_columns_table(columns, channels, width, headings && !ctl_output.no_headings, out);
	ctl_memory_end(out);
	return ctl_write_free(text, len);
}

/* list */

static const struct cli_option list_options[] = {
	CTL_OPTION_JSON,
	CTL_OPTIONS_COLUMNS,
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const char list_columns[] = "NAME,KIND,STATE,DEPTH,USED,SIZE,MAX,SENDERS,RECEIVERS,MODE";
static const char bus_columns[] = "NAME,KIND,STATE,DEPTH,USED,SIZE,MAX,SENDERS,RECEIVERS,MODE,"
				  "BUS,ORIGIN,LIFETIME,ACTIVATION,RIGHTS";

static bool has_bus_channel(const struct ctl_channels *channels)
{
	for (size_t i = 0; i < channels->n; i++)
		if (channels->at[i].bus)
			return true;
	return false;
}

static int list(int n, char **operand)
{
	unsigned width[CTL_COLUMN_MAX] = {0};
	struct ctl_channels channels;
	struct ctl_columns columns;
	bool bus;
	int r;

	ctl_columns_choose(&columns, list_columns, false); /* so that a wrong -o ends it */
	r = ctl_channels(&channels, n ? operand[0] : NULL);
	if (r < 0)
		return cli_fail(NULL, NULL, r);
	bus = has_bus_channel(&channels);
	ctl_columns_choose(&columns,
		ctl_output.json ? NULL
		: bus		? bus_columns
				: list_columns,
		bus);
	r = print(&columns, &channels, width, true);
	ctl_channels_free(&channels);
	return r;
}

const struct ctl_verb ctl_verb_list = {
	.tool =
		{
			.name = "chanctl list",
			.usage = "[OPTIONS] [GLOB]",
			.summary = "List the channels.",
			.notes = "GLOB is a shell pattern: quote it. Other users' channels are "
				 "OWNER/NAME.",
			.options = list_options,
		},
	.alias = "ls",
	.has = CTL_JSON | CTL_COLUMNS | CTL_BUS | CTL_BUS_KNOWN,
	CTL_GLOB,
	.run = list,
};

/* stat */

static const struct cli_option stat_options[] = {
	{'w', "watch", "[DURATION]", "again and again, every DURATION (default 1s)"},
	CTL_OPTION_JSON,
	CTL_OPTIONS_COLUMNS,
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static int64_t interval; /* 0: once */

static void stat_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	interval = arg ? cli_duration_arg(option, arg) : INT64_C(1000000000);
	if (interval <= 0)
		cli_usage("%s: '%s' is not an interval (as 500ms, 2s)", option, arg);
}

/* Open the channels named; returns the status of the first that can't be opened. */
static int open_named(struct ctl_channels *channels, int n, char **name)
{
	int first = CLI_OK;

	channels->at = ctl_alloc((size_t)n, sizeof(*channels->at));
	channels->n = 0;
	for (int i = 0; i < n; i++) {
		struct ctl_channel *ch = &channels->at[channels->n];
		int r = ctl_open(ch, name[i]);

		if (!r) {
			ctl_ask_chand(ch);
			channels->n++;
			continue;
		}
		r = cli_fail(name[i], NULL, r);
		if (!first)
			first = r;
		ctl_forget(ch);
	}
	return first;
}

/* Read all again, and drop those that are gone; returns the status of the first of them. */
static int refresh_all(struct ctl_channels *channels)
{
	size_t kept = 0;
	int first = CLI_OK;

	for (size_t i = 0; i < channels->n; i++) {
		struct ctl_channel *ch = &channels->at[i];
		int r = ctl_refresh(ch);

		if (!r && !ch->stat.removed) {
			ctl_ask_chand(ch);
			channels->at[kept++] = *ch;
			continue;
		}
		if (!r)
			cli_error(ch->name, "was removed");
		r = r ? cli_fail(ch->name, NULL, r) : CLI_NO_CHANNEL;
		if (!first)
			first = r;
		ctl_forget(ch);
	}
	channels->n = kept;
	return first;
}

static int wait_interval(int64_t deadline)
{
	while (cli_remaining(deadline)) {
		/* From time to time, find out whether the reader is still there. */
		int64_t slice = cli_sooner(deadline, cli_deadline(INT64_C(200000000)));

		if (cli_wait_fd(-1, 0, slice) == -EINTR)
			return -EINTR;
		if (ctl_reader_gone())
			raise(SIGPIPE);
	}
	return 0;
}

static int watch(const struct ctl_columns *columns, struct ctl_channels *channels,
	unsigned width[CTL_COLUMN_MAX])
{
	int64_t next = cli_deadline(interval);
	int status = CLI_OK;

	cli_signals();
	while (!status && channels->n && !wait_interval(next)) {
		int r = refresh_all(channels);

		next = cli_deadline(interval);
		if (channels->n)
			status = print(columns, channels, width, false);
		if (!status && !channels->n)
			status = r;
	}
	return status;
}

static const char stat_columns[] =
	"NAME,STATE,DEPTH,USED,SENT,RECEIVED,DROPPED,REDELIVERED,RECOVERIES,SENDERS,RECEIVERS";
static const char watch_columns[] =
	"NAME,STATE,DEPTH,USED,SENT,SENT/S,RECEIVED,RECEIVED/S,DROPPED,SENDERS,RECEIVERS";

static const char broadcast_columns[] =
	"NAME,STATE,DEPTH,KEPT,SENT,LOST,EVICTED,DROPPED,RECOVERIES,SENDERS,RECEIVERS";

static const char growing_columns[] =
	"NAME,STATE,DEPTH,USED,SIZE,PEAK,MAX,GROWN,GROWN-WHY,SENT,RECEIVED,DROPPED,SENDERS,"
	"RECEIVERS";

static const char *default_stat_columns(const struct ctl_channels *channels)
{
	for (size_t i = 0; i < channels->n; i++)
		if (channels->at[i].stat.max_capacity)
			return growing_columns;
	for (size_t i = 0; i < channels->n; i++)
		if (channels->at[i].stat.kind != CHAN_KIND_BROADCAST)
			return stat_columns;
	return broadcast_columns;
}

static int stat_named(int n, char **name)
{
	unsigned width[CTL_COLUMN_MAX] = {0};
	struct ctl_channels channels;
	struct ctl_columns columns;
	int status, r = CLI_OK;

	ctl_columns_choose(&columns, stat_columns, false); /* so that a wrong -o ends it */
	status = open_named(&channels, n, name);
	ctl_columns_choose(&columns,
		ctl_output.json ? NULL
		: interval	? watch_columns
				: default_stat_columns(&channels),
		has_bus_channel(&channels));
	if (channels.n)
		r = print(&columns, &channels, width, true);
	if (!r && interval)
		r = watch(&columns, &channels, width);
	ctl_channels_free(&channels);
	return status ? status : r;
}

const struct ctl_verb ctl_verb_stat = {
	.tool =
		{
			.name = "chanctl stat",
			.usage = "[OPTIONS] NAME...",
			.summary = "Show the counters of channels.",
			.options = stat_options,
		},
	.has = CTL_JSON | CTL_COLUMNS | CTL_BUS,
	CTL_CHANNELS,
	.option = stat_option,
	.run = stat_named,
};

/* info */

static const struct cli_option info_options[] = {
	CTL_OPTION_JSON,
	CTL_OPTIONS_COLUMNS,
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

/* Since when the endpoint sleeps, on the wall clock. */
static json_t *waiting_since(const struct chan_endpoint *end)
{
	if (!end->waiting)
		return json_null();
	return ctl_time(clock_real() - (cli_now() - end->waiting));
}

static json_t *endpoint_object(const struct chan_endpoint *end)
{
	json_t *object = json_object();

	ctl_set(object, "id", ctl_number(end->id));
	ctl_set(object, "pid", ctl_number((uint64_t)end->pid));
	ctl_set(object, "uid", ctl_number(end->uid));
	ctl_set(object, "user", ctl_text(cli_user(end->uid)));
	ctl_set(object, "command", ctl_text(end->command));
	ctl_set(object, "role", ctl_text(ctl_side(end->roles)));
	ctl_set(object, "exclusive", json_boolean((end->roles & CHAN_EXCLUSIVE) != 0));
	ctl_set(object, "attached", ctl_time(end->attached));
	ctl_set(object, "waiting_since", waiting_since(end));
	return object;
}

static json_t *endpoints_array(const struct endpoints *ends)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < ends->n; i++)
		json_array_append_new(array, endpoint_object(&ends->at[i]));
	return array;
}

static void endpoint_line(const struct chan_endpoint *end, FILE *out)
{
	char attached[32], waiting[32] = "-";

	ctl_time_text(attached, sizeof(attached), end->attached);
	if (end->waiting)
		ctl_duration_text(waiting, sizeof(waiting), cli_now() - end->waiting);
	fprintf(out, "  %-8d %-12s %-15s %-9s %-15s %-19s  %s\n", end->pid, cli_user(end->uid),
		ctl_side(end->roles), end->roles & CHAN_EXCLUSIVE ? "yes" : "no", end->command,
		attached, waiting);
}

static void endpoints_table(const struct endpoints *ends, FILE *out)
{
	if (!ends->n)
		return;
	fprintf(out, "\n  %-8s %-12s %-15s %-9s %-15s %-19s  %s\n", "PID", "USER", "ROLE",
		"EXCLUSIVE", "COMMAND", "ATTACHED", "WAITING");
	for (unsigned i = 0; i < ends->n; i++)
		endpoint_line(&ends->at[i], out);
}

static void put_subscribers(const struct subscribers *list, FILE *out)
{
	if (!list->n)
		return;
	fputc('\n', out);
	subscribers_table(list, "  ", out);
}

static int info(int n, char **name)
{
	struct ctl_columns columns;
	struct endpoints ends = {.n = 0};
	struct subscribers subscribers;
	struct ctl_channel ch;
	int r;

	ctl_columns_choose(&columns, NULL, false); /* so that a wrong -o ends it */
	r = ctl_open(&ch, name[n - 1]);
	if (r < 0) {
		ctl_forget(&ch);
		return cli_fail(name[n - 1], NULL, r);
	}
	ctl_ask_chand(&ch);
	ctl_columns_choose(&columns, NULL, ch.bus);
	endpoints_read(ch.ch, ch.stat.senders + ch.stat.receivers, &ends);
	subscribers_read(ch.ch, false, &subscribers);
	if (ctl_output.json) {
		json_t *object = ctl_columns_object(&columns, &ch);

		ctl_set(object, "endpoints", endpoints_array(&ends));
		if (ch.stat.kind == CHAN_KIND_BROADCAST)
			ctl_set(object, "subscribers", subscribers_array(&subscribers));
		r = ctl_write_json(object);
	} else {
		char *text;
		size_t len;
		FILE *out = ctl_memory(&text, &len);

		ctl_columns_lines(&columns, &ch, out);
		if (!ctl_output.columns) {
			endpoints_table(&ends, out);
			put_subscribers(&subscribers, out);
		}
		ctl_memory_end(out);
		r = ctl_write_free(text, len);
	}
	free(ends.at);
	free(subscribers.at);
	ctl_forget(&ch);
	return r;
}

const struct ctl_verb ctl_verb_info = {
	.tool =
		{
			.name = "chanctl info",
			.usage = "[OPTIONS] NAME",
			.summary = "Show all about a channel and its endpoints.",
			.options = info_options,
		},
	.has = CTL_JSON | CTL_COLUMNS | CTL_BUS,
	CTL_ONE_CHANNEL,
	.run = info,
};
