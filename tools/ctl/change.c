/* SPDX-License-Identifier: MIT */
/*
 * chanctl remove, close, pause, resume and purge: one thing done to each of the channels named.  A
 * failure for one does not keep it from the others; the exit status is that of the first
 * failure.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/failure.h"
#include "common/message.h"
#include "ctl/channel.h"
#include "ctl/verb.h"

/* remove */

enum { IF_EMPTY = CLI_LONG, IF_UNUSED, NAME_ONLY };

static const struct cli_option remove_options[] = {
	{IF_EMPTY, "if-empty", NULL, "only if no message is in it"},
	{IF_UNUSED, "if-unused", NULL, "only if it has neither senders nor receivers"},
	{NAME_ONLY, "name-only", NULL, "let programs that have it open go on with it"},
	{'f', "force", NULL, "a channel that does not exist is no error"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static bool if_empty, if_unused, name_only, force;

static void remove_option(int letter, const char *option, const char *arg)
{
	(void)option;
	(void)arg;
	if_empty |= letter == IF_EMPTY;
	if_unused |= letter == IF_UNUSED;
	name_only |= letter == NAME_ONLY;
	force |= letter == 'f';
}

/* Report an error of the removal, unless it is one that --force is about; returns the exit
 * status. */
static int fail_removal(const char *name, int err)
{
	if (force && (err == -ENOENT || err == -ESRCH)) /* there is no such user either */
		return CLI_OK;
	return cli_fail(name, NULL, err);
}

/* Returns true if the channel may be removed, else sets *status. */
static bool check_conditions(const char *name, int *status)
{
	struct ctl_channel ch;
	int r = ctl_open(&ch, name);

	*status = CLI_OK;
	if (r < 0) {
		*status = fail_removal(name, r);
	} else if (if_empty && ctl_depth(&ch.stat)) {
		cli_error(name,
			"not removed: %" PRIu64 " messages are in it; "
			"receive them or use 'chanctl purge'",
			ch.stat.depth);
		*status = CLI_ERROR;
	} else if (if_unused && (ch.stat.senders || ch.stat.receivers)) {
		cli_error(name,
			"not removed: it has %u senders and %u receivers; "
			"'chanctl info' shows them",
			ch.stat.senders, ch.stat.receivers);
		*status = CLI_ERROR;
	}
	ctl_forget(&ch);
	return !r && !*status;
}

static int remove_one(const char *name)
{
	int r, status;

	if ((if_empty || if_unused) && !check_conditions(name, &status))
		return status;
	r = name_only ? chan_unlink(name) : chan_remove(name);
	if (r == -EACCES || (r == -EPERM && !*chan_error_detail(r))) {
		cli_error(name, "no permission; only its owner and root may remove it");
		return CLI_DENIED;
	}
	if (r < 0)
		return fail_removal(name, r);
	cli_note(name, name_only ? "its name is removed" : "removed");
	return CLI_OK;
}

const struct ctl_verb ctl_verb_remove = {
	.tool =
		{
			.name = "chanctl remove",
			.usage = "[OPTIONS] NAME...",
			.summary = "Remove channels: senders end, receivers drain them and end.",
			.options = remove_options,
		},
	.alias = "rm",
	.has = CTL_BUS,
	CTL_CHANNELS,
	.option = remove_option,
	.change = remove_one,
};

/* close */

enum { NOW = CLI_LONG };

static const struct cli_option close_options[] = {
	{NOW, "now", NULL, "discard what is in it: receivers end at once"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static unsigned how_to_close = CHAN_DRAIN;

static void close_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	(void)option;
	(void)arg;
	how_to_close = CHAN_DISCARD;
}

/* Open a channel and change it; returns what change() or opening it returns. */
static int64_t with_open(const char *name, int64_t (*change)(chan_t *ch))
{
	chan_t *ch;
	int64_t r = chan_open(&ch, name, 0, NULL);

	if (!r) {
		r = change(ch);
		chan_detach(ch);
	}
	return r;
}

static uint32_t seen_kind;

/* Report why a channel can't be paused, let go on or purged: the exit status. */
static int not_changed(const char *name, int err, const char *what)
{
	if (err == -EINVAL && seen_kind == CHAN_KIND_BROADCAST)
		cli_error(name,
			"a broadcast can't be %s: each subscriber has its own place; "
			"'chanctl group remove' ends a group that holds messages",
			what);
	else if (err == -EINVAL && seen_kind == CHAN_KIND_LATEST)
		cli_error(name,
			"a latest can't be %s: it keeps one value; send another one, or "
			"'chanctl rm' the channel",
			what);
	else
		return cli_fail(name, NULL, err);
	return CLI_USAGE;
}

/* Note the kind for not_changed(), after the channel was changed with this result. */
static int64_t change_noted(chan_t *ch, int64_t r)
{
	struct chan_stat st = {.size = sizeof(st)};

	seen_kind = chan_stat(ch, &st) < 0 ? CHAN_KIND_QUEUE : st.kind;
	return r;
}

static int64_t close_open(chan_t *ch)
{
	return chan_close(ch, how_to_close);
}

static int close_one(const char *name)
{
	int64_t r = with_open(name, close_open);

	if (r < 0)
		return cli_fail(name, NULL, (int)r);
	cli_note(name, "closed");
	return CLI_OK;
}

const struct ctl_verb ctl_verb_close = {
	.tool =
		{
			.name = "chanctl close",
			.usage = "[OPTIONS] NAME...",
			.summary = "Close channels: they take no more messages, receivers drain "
				   "them and end.",
			.options = close_options,
		},
	.has = CTL_BUS,
	CTL_CHANNELS,
	.option = close_option,
	.change = close_one,
};

/* pause, resume */

static int64_t pause_open(chan_t *ch)
{
	return change_noted(ch, chan_pause(ch, 1));
}

static int64_t resume_open(chan_t *ch)
{
	return change_noted(ch, chan_pause(ch, 0));
}

static int pause_one(const char *name)
{
	int64_t r = with_open(name, pause_open);

	if (r < 0)
		return not_changed(name, (int)r, "paused");
	cli_note(name, "paused");
	return CLI_OK;
}

static int resume_one(const char *name)
{
	int64_t r = with_open(name, resume_open);

	if (r < 0)
		return not_changed(name, (int)r, "paused");
	cli_note(name, "goes on");
	return CLI_OK;
}

static const struct cli_option pause_options[] = {CLI_BUS, CLI_COMMON, CLI_END};

const struct ctl_verb ctl_verb_pause = {
	.tool =
		{
			.name = "chanctl pause",
			.usage = "[OPTIONS] NAME...",
			.summary = "Let receivers find nothing, until 'chanctl resume'.",
			.options = pause_options,
		},
	.has = CTL_BUS,
	CTL_CHANNELS,
	.change = pause_one,
};

const struct ctl_verb ctl_verb_resume = {
	.tool =
		{
			.name = "chanctl resume",
			.usage = "[OPTIONS] NAME...",
			.summary = "Let paused channels go on.",
			.options = pause_options,
		},
	.has = CTL_BUS,
	CTL_CHANNELS,
	.change = resume_one,
};

/* purge */

static const struct cli_option purge_options[] = {CLI_BUS, CLI_COMMON, CLI_END};

static int64_t purge_open(chan_t *ch)
{
	return change_noted(ch, chan_purge(ch));
}

static int purge_one(const char *name)
{
	int64_t dropped = with_open(name, purge_open);

	if (dropped < 0)
		return not_changed(name, (int)dropped, "purged");
	cli_note(name, "%" PRId64 " messages dropped", dropped);
	return CLI_OK;
}

const struct ctl_verb ctl_verb_purge = {
	.tool =
		{
			.name = "chanctl purge",
			.usage = "[OPTIONS] NAME...",
			.summary = "Drop the messages in channels that no receiver has taken yet.",
			.options = purge_options,
		},
	.has = CTL_BUS,
	CTL_CHANNELS,
	.change = purge_one,
};
