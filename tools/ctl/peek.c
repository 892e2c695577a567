/* SPDX-License-Identifier: MIT */
/*
 * chanctl peek and dump: the messages of a channel, which stay there.  An observer
 * copies one after the other; those that receivers take meanwhile are not shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/failure.h"
#include "common/framing.h"
#include "common/io.h"
#include "common/output.h"
#include "common/parse.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/verb.h"

/* Messages that are encoded, but not yet written. */
struct batch {
	struct framing framing;
	char *text;
	size_t used, size;
};

enum { WRITE_SIZE = 64 << 10 };

/* Write the batch; each message is a record of its own. */
static int write_batch(struct batch *s, const size_t *end, size_t n)
{
	size_t done;
	int r;

	if (isatty(STDOUT_FILENO)) {
		char *escaped = ctl_alloc(4 * s->used + 1, 1);

		r = ctl_write_free(escaped, cli_escape(escaped, s->text, s->used));
	} else {
		r = output_records(s->text, end, n, &done);
		if (r)
			r = ctl_write_failed(r);
	}
	s->used = 0;
	return r;
}

static int encode(struct batch *s, const struct envelope *m)
{
	ssize_t need;

	while ((need = framing_encode(&s->framing, m, s->text + s->used, s->size - s->used)) >= 0) {
		if ((size_t)need <= s->size - s->used) {
			s->used += (size_t)need;
			return 0;
		}
		s->size = s->used + (size_t)need;
		s->text = ctl_grow(s->text, s->size, 1);
	}
	return (int)need;
}

/* Show up to `limit` messages from the cursor on. */
static int show_messages(
	struct ctl_channel *ch, struct batch *s, struct chan_cursor *at, uint64_t limit)
{
	size_t size = ch->stat.max_message, end[1024], n = 0;
	char *data = ctl_alloc(size, 1);
	ssize_t len = -EAGAIN;
	int status = CLI_OK;

	while (limit-- && !status) {
		struct envelope m = {.data = data, .channel = ch->name};

		len = chan_peek(ch->ch, data, size, at);
		if (len < 0)
			break;
		m.len = (size_t)len;
		m.seq = at->seq;
		m.attempt = at->attempt;
		m.leased = at->flags & CHAN_IS_LEASED;
		len = encode(s, &m);
		if (len < 0)
			break;
		end[n++] = s->used;
		if (n == sizeof(end) / sizeof(*end) || s->used >= WRITE_SIZE) {
			status = write_batch(s, end, n);
			n = 0;
		}
	}
	if (!status && n)
		status = write_batch(s, end, n);
	free(data);
	if (!status && len < 0 && len != -EAGAIN)
		status = cli_fail(ch->name, NULL, (int)len);
	return status;
}

static int show_channel(const char *name, const char *framing, uint32_t flags, uint64_t limit)
{
	struct chan_cursor at = {.flags = flags};
	struct batch s = {.size = WRITE_SIZE};
	struct ctl_channel ch;
	int r = ctl_open(&ch, name);

	framing_parse(framing, &s.framing);
	if (r) {
		r = cli_fail(name, NULL, r);
	} else {
		s.text = ctl_alloc(s.size, 1);
		r = show_messages(&ch, &s, &at, limit);
		free(s.text);
	}
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
	.min = 1,
	.max = 1,
	.names = 1,
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
	.min = 1,
	.max = 1,
	.names = 1,
	.run = dump,
};
