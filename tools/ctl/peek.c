/* SPDX-License-Identifier: MIT */
/*
 * chanctl peek and dump: the messages of a channel, which stay there.  An observer
 * copies one after the other; those that receivers take meanwhile are not shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/batch.h"
#include "common/failure.h"
#include "common/framing.h"
#include "common/parse.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/verb.h"

static int write_batch(struct batch *b)
{
	size_t done;
	int err = b->n ? batch_write(b, isatty(STDOUT_FILENO), &done) : 0;

	return err ? ctl_write_failed(err) : CLI_OK;
}

/* Show up to `limit` messages from the cursor on. */
static int show_messages(struct ctl_channel *ch, const struct framing *framing,
	struct chan_cursor *at, uint64_t limit)
{
	size_t size = ch->stat.max_message;
	char *data = ctl_alloc(size, 1);
	struct batch batch = {.n = 0};
	ssize_t len = 0;
	int status = CLI_OK;

	while (limit-- && !status) {
		struct envelope m = {.data = data, .channel = ch->name};
		struct chan_meta meta = {.size = sizeof(meta)};

		if (ch->stat.flags & CHAN_META)
			len = chan_peek_meta(ch->ch, data, size, at, &meta);
		else
			len = chan_peek(ch->ch, data, size, at);
		if (len < 0)
			break;
		if (ch->stat.flags & CHAN_META)
			m.meta = &meta;
		m.len = (size_t)len;
		m.seq = at->seq;
		m.attempt = at->attempt;
		m.leased = at->flags & CHAN_IS_LEASED;
		len = batch_add(&batch, framing, &m);
		if (len < 0)
			break;
		if (batch_is_full(&batch))
			status = write_batch(&batch);
	}
	if (!status)
		status = write_batch(&batch);
	batch_free(&batch);
	free(data);
	if (!status && len < 0 && len != -EAGAIN)
		status = cli_fail(ch->name, NULL, (int)len);
	return status;
}

static int show_channel(const char *name, const char *framing, uint32_t flags, uint64_t limit)
{
	struct chan_cursor at = {.flags = flags};
	struct framing parsed;
	struct ctl_channel ch;
	int r = ctl_open(&ch, name);

	framing_parse(framing, &parsed);
	r = r ? cli_fail(name, NULL, r) : show_messages(&ch, &parsed, &at, limit);
	ctl_forget(&ch);
	return r;
}

/* peek */

static const struct cli_option peek_options[] = {
	{'n', "count", "N", "the first N only"},
	CTL_OPTION_JSON,
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static uint64_t peek_limit = UINT64_MAX;

static void peek_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	peek_limit = cli_count_arg(option, arg);
}

static int peek(int n, char **name)
{
	return show_channel(name[n - 1], ctl_output.json ? "jsonl" : "lines", 0, peek_limit);
}

const struct ctl_verb ctl_verb_peek = {
	.tool =
		{
			.name = "chanctl peek",
			.usage = "[OPTIONS] NAME",
			.summary = "Show the messages that receivers would get next; they stay.",
			.notes = "'chanrecv --peek' has more formats.",
			.options = peek_options,
		},
	.has = CTL_JSON | CTL_BUS,
	CTL_ONE_CHANNEL,
	.option = peek_option,
	.run = peek,
};

/* dump */

static const struct cli_option dump_options[] = {CLI_BUS, CLI_COMMON, CLI_END};

static int dump(int n, char **name)
{
	return show_channel(name[n - 1], "jsonl", CHAN_LEASED_TOO, UINT64_MAX);
}

const struct ctl_verb ctl_verb_dump = {
	.tool =
		{
			.name = "chanctl dump",
			.usage = "[OPTIONS] NAME",
			.summary = "Print all messages, leased ones too, as JSON lines; they stay.",
			.notes = "'chansend --framing=jsonl' sends what dump printed.",
			.options = dump_options,
		},
	.has = CTL_BUS,
	CTL_ONE_CHANNEL,
	.run = dump,
};
