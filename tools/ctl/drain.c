/* SPDX-License-Identifier: MIT */
/* chanctl drain: close channels, and wait until receivers have finished what is in them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/parse.h"
#include "common/signals.h"
#include "ctl/channel.h"
#include "ctl/condition.h"
#include "ctl/output.h"
#include "ctl/verb.h"
#include "ctl/waiting.h"

static const struct cli_option options[] = {
	{'W', "timeout", "DURATION", "give up waiting after DURATION, with status 124"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static int64_t patience = CHAN_WAIT;

static void drain_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	patience = cli_duration_arg(option, arg);
}

/* Close a channel: 0 or the exit status.  Sets *finished if there is nothing that receivers
 * could use up: a latest keeps its value. */
static int stop_senders(const char *name, bool *finished)
{
	struct chan_stat st = {.size = sizeof(st)};
	chan_t *ch;
	int r = chan_open(&ch, name, 0, NULL);

	if (!r) {
		r = chan_close(ch, CHAN_DRAIN);
		if (!r)
			r = chan_stat(ch, &st);
		chan_detach(ch);
	}
	*finished = st.kind == CHAN_KIND_LATEST;
	return r < 0 ? cli_fail(name, NULL, r) : CLI_OK;
}

/* Say what is left of one that did not get empty in time. */
static void report_left(const char *name)
{
	struct ctl_channel ch;

	if (!ctl_open(&ch, name)) {
		ctl_discount(&ch);
		cli_error(name, "closed, and %" PRIu64 " message%s; %s%u receivers are there",
			ctl_depth(&ch.stat), ctl_depth(&ch.stat) == 1 ? " is left" : "s are left",
			ch.stat.paused ? "it is paused ('chanctl resume' lets it go on); " : "",
			ch.stat.receivers);
	}
	ctl_forget(&ch);
}

/* Wait for those that are closed; returns the exit status. */
static int await_receivers(struct wish *all, int n)
{
	int status = CLI_OK, r = waiting_for(all, n, false, cli_deadline(patience));

	switch (r) {
	case 0:
		break;
	case -EINTR: /* the signal, of which main() lets this process die */
		status = CLI_ERROR;
		break;
	case -ETIMEDOUT:
		for (int i = 0; i < n; i++)
			if (!all[i].holds && !all[i].err)
				report_left(all[i].name);
		status = CLI_TIMEOUT;
		break;
	case -ECANCELED:
		for (int i = 0; i < n; i++)
			if (all[i].err && !status)
				status = cli_fail(all[i].name, NULL, all[i].err);
		break;
	default:
		status = cli_fail(NULL, NULL, r);
	}
	waiting_done(all, n);
	return status;
}

static int drain(int n, char **operand)
{
	struct wish *all = ctl_alloc((size_t)n, sizeof(*all));
	int first = CLI_OK, waited = 0, r = CLI_OK;

	cli_signals();
	for (int i = 0; i < n; i++) {
		bool finished;

		r = stop_senders(operand[i], &finished);
		if (!r && !finished)
			all[waited++] =
				(struct wish){.name = operand[i], .cond = condition_parse("idle")};
		else if (r && !first)
			first = r;
	}
	r = waited ? await_receivers(all, waited) : CLI_OK;
	free(all);
	return first ? first : r;
}

const struct ctl_verb ctl_verb_drain = {
	.tool =
		{
			.name = "chanctl drain",
			.usage = "[OPTIONS] NAME...",
			.summary =
				"Close channels, and wait until nothing is left in them or leased.",
			.options = options,
		},
	.has = CTL_BUS,
	CTL_CHANNELS,
	.option = drain_option,
	.run = drain,
};
