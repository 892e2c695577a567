/* SPDX-License-Identifier: MIT */
/*
 * chanctl dead, kick, bury and release: messages that were set aside, since they could not be
 * worked on, or are to wait.  Dead ones are buried in their channel, or were sent to another one,
 * with the reason in their header.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/batch.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/parse.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/verb.h"

/* dead */

static const struct cli_option dead_options[] = {
	CTL_OPTION_JSON,
	{'H', "no-headings", NULL, "values only"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static bool no_headings;

static void dead_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	(void)option;
	(void)arg;
	no_headings = true;
}

/* A message that was looked at. */
struct seen {
	struct chan_cursor at;
	struct chan_meta meta;
	bool headed;
	char *data;
	size_t len;
};

/* Returns why it is dead, or NULL if it is not. */
static const char *reason_of(const struct seen *s)
{
	const char *why = s->headed ? chan_meta_get(&s->meta, "reason") : NULL;

	return s->at.flags & CHAN_IS_BURIED ? why ? why : "buried" : why;
}

static int show_json(const char *name, const struct seen *s)
{
	static const struct framing jsonl = {.kind = FRAMING_JSONL};
	struct batch line = {.n = 0};
	size_t done;
	int err = batch_add(&line, &jsonl,
		&(struct envelope){.data = s->data,
			.len = s->len,
			.channel = name,
			.seq = s->at.seq,
			.attempt = s->at.attempt,
			.meta = s->headed ? &s->meta : NULL});

	if (!err)
		err = batch_write(&line, isatty(STDOUT_FILENO), &done);
	batch_free(&line);
	return err;
}

/* A dead letter says how often it was delivered where it was. */
static void show_line(const struct seen *s, const char *why)
{
	const char *from = s->headed ? chan_meta_get(&s->meta, "from") : NULL;
	const char *attempts = s->headed ? chan_meta_get(&s->meta, "attempts") : NULL;
	char number[24], age[32] = "-";

	snprintf(number, sizeof(number), "%" PRIu32, s->at.attempt);
	if (s->headed)
		ctl_duration_text(
			age, sizeof(age), (clock_real() - s->meta.sent) / 1000000000 * 1000000000);
	printf("%-8" PRIu64 "  %-8s  %-10s  %-8zu  %-16s  %s\n", s->at.seq,
		attempts ? attempts : number, age, s->len, from ? from : "-", why);
}

static int show_dead(struct ctl_channel *ch)
{
	struct seen s = {.at = {.flags = CHAN_LEASED_TOO},
		.headed = ch->stat.flags & CHAN_META,
		.data = ctl_alloc(ch->stat.max_message, 1)};
	ssize_t n;
	int err = 0;

	if (!ctl_output.json && !no_headings)
		printf("%-8s  %-8s  %-10s  %-8s  %-16s  %s\n", "SEQ", "ATTEMPTS", "AGE", "SIZE",
			"FROM", "REASON");
	chan_meta_init(&s.meta);
	for (;;) {
		const char *why;

		n = s.headed ? chan_peek_meta(ch->ch, s.data, ch->stat.max_message, &s.at, &s.meta)
			     : chan_peek(ch->ch, s.data, ch->stat.max_message, &s.at);
		if (n < 0 || err)
			break;
		s.len = (size_t)n;
		why = reason_of(&s);
		if (!why)
			continue;
		if (ctl_output.json)
			err = show_json(ch->name, &s);
		else
			show_line(&s, why);
	}
	free(s.data);
	if (err)
		return ctl_write_failed(err);
	return n == -EAGAIN ? CLI_OK : cli_fail(ch->name, NULL, (int)n);
}

static int dead(int n, char **name)
{
	struct ctl_channel ch;
	int r = ctl_open(&ch, name[n - 1]);

	r = r ? cli_fail(name[n - 1], NULL, r) : show_dead(&ch);
	ctl_forget(&ch);
	return r;
}

const struct ctl_verb ctl_verb_dead = {
	.tool =
		{
			.name = "chanctl dead",
			.usage = "[OPTIONS] NAME",
			.summary = "Show the dead messages: buried ones, and those with a reason.",
			.notes = "'chanctl kick' makes buried ones ready again.",
			.options = dead_options,
		},
	.has = CTL_JSON | CTL_BUS,
	CTL_ONE_CHANNEL,
	.option = dead_option,
	.run = dead,
};

/* kick */

static const struct cli_option plain_options[] = {CLI_BUS, CLI_COMMON, CLI_END};

static int kick(int n, char **operand)
{
	uint64_t most = n > 1 ? cli_count_arg("N", operand[1]) : UINT64_MAX;
	chan_t *ch;
	int r = chan_open(&ch, operand[0], 0, NULL);

	if (!r) {
		r = chan_kick(ch, most);
		chan_detach(ch);
	}
	if (r < 0)
		return cli_fail(operand[0], NULL, r);
	cli_note(operand[0], "%d message%s ready again", r, r == 1 ? " is" : "s are");
	return CLI_OK;
}

const struct ctl_verb ctl_verb_kick = {
	.tool =
		{
			.name = "chanctl kick",
			.usage = "[OPTIONS] NAME [N]",
			.summary = "Make the oldest N buried messages, or all, ready again.",
			.options = plain_options,
		},
	.has = CTL_BUS,
	.min = 1,
	.max = 2,
	.names = 1,
	.run = kick,
};

/* bury, release */

/* Do it for each number; returns the exit status, that of the first failure. */
static int for_each_number(int n, char **operand, int (*change)(chan_t *ch, uint64_t seq))
{
	int status = CLI_OK, r;
	chan_t *ch;

	for (int i = 1; i < n; i++) /* before anything is done */
		cli_count_arg("SEQ", operand[i]);
	r = chan_open(&ch, operand[0], 0, NULL);
	if (r < 0)
		return cli_fail(operand[0], NULL, r);
	for (int i = 1; i < n; i++) {
		r = change(ch, cli_count_arg("SEQ", operand[i]));
		if (r == -ENOENT)
			cli_error(operand[0], "there is no message %s (any more)", operand[i]);
		else if (r == -EBUSY)
			cli_error(operand[0], "a receiver has message %s", operand[i]);
		else if (r < 0)
			cli_fail(operand[0], NULL, r);
		if (r < 0 && !status)
			status = r == -ENOENT || r == -EBUSY ? CLI_ERROR : cli_exit_code(r);
	}
	chan_detach(ch);
	return status;
}

static int bury(int n, char **operand)
{
	return for_each_number(n, operand, chan_bury_seq);
}

static int release(int n, char **operand)
{
	return for_each_number(n, operand, chan_release_seq);
}

/* clang-format off */
#define CHANNEL_AND_NUMBERS .min = 2, .max = -1, .names = 1
/* clang-format on */

const struct ctl_verb ctl_verb_bury = {
	.tool =
		{
			.name = "chanctl bury",
			.usage = "[OPTIONS] NAME SEQ...",
			.summary = "Bury messages: they stay, and nobody gets them.",
			.options = plain_options,
		},
	.has = CTL_BUS,
	CHANNEL_AND_NUMBERS,
	.run = bury,
};

const struct ctl_verb ctl_verb_release = {
	.tool =
		{
			.name = "chanctl release",
			.usage = "[OPTIONS] NAME SEQ...",
			.summary = "Make messages ready that are buried or delayed.",
			.options = plain_options,
		},
	.has = CTL_BUS,
	CHANNEL_AND_NUMBERS,
	.run = release,
};
