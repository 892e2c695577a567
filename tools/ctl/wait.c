/* SPDX-License-Identifier: MIT */
/* chanctl wait and test: conditions on channels, of their names or of their state. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bus.h"
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

/* test */

static const struct cli_option test_options[] = {CLI_BUS, CLI_COMMON, CLI_END};

static int test(int n, char **operand)
{
	struct condition cond = condition_parse(operand[n - 1]);
	struct ctl_channel ch;
	int r;

	if (condition_is_about_name(&cond)) {
		r = waiting_name_holds(&cond, operand[0]);
	} else {
		r = ctl_open(&ch, operand[0]);
		if (!r) {
			ctl_discount(&ch);
			r = condition_holds(&cond, &ch.stat);
		}
		ctl_forget(&ch);
	}
	if (r < 0)
		return cli_fail(operand[0], NULL, r);
	return r ? CLI_OK : CLI_ERROR;
}

const struct ctl_verb ctl_verb_test = {
	.tool =
		{
			.name = "chanctl test",
			.usage = "[OPTIONS] NAME COND",
			.summary = "End with status 0 if a condition holds, with 1 if not.",
			.notes = CONDITION_NOTES,
			.options = test_options,
		},
	.has = CTL_BUS,
	CTL_CHANNEL_AND_CONDITION,
	.run = test,
};

/* wait */

enum { ANY = CLI_LONG, ALL };

static const struct cli_option wait_options[] = {
	{ANY, "any", NULL, "until any condition holds, and print the ones that do"},
	{ALL, "all", NULL, "until all hold at once (the default)"},
	{'W', "timeout", "DURATION", "give up after DURATION, with status 124"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static int64_t timeout = CHAN_WAIT;
static bool any, all;

static void wait_option(int letter, const char *option, const char *arg)
{
	switch (letter) {
	case ANY:
		any = true;
		break;
	case ALL:
		all = true;
		break;
	default:
		timeout = cli_duration_arg(option, arg);
	}
	if (any && all)
		cli_usage("--any and --all exclude each other");
}

/* Parse NAME COND pairs. */
static struct wish *wishes_of(int n, char **operand)
{
	struct wish *pairs = ctl_grow(NULL, (size_t)n / 2, sizeof(*pairs));

	if (n % 2)
		cli_usage("each NAME needs one COND behind it, and there is none behind '%s'",
			operand[n - 1]);
	for (int i = 0; i < n / 2; i++)
		pairs[i] = (struct wish){
			/* main() has taken the bus into account for the first one */
			.name = i ? bus_name(operand[2 * i]) : operand[0],
			.cond = condition_parse(operand[2 * i + 1]),
		};
	return pairs;
}

/* Report why the condition can't come true.  Returns the exit status. */
static int report_failure(const struct wish *a)
{
	if (a->err != -EPIPE)
		return cli_fail(a->name, NULL, a->err);
	cli_error(a->name, "closed: '%s' can't become true", a->cond.text);
	return CLI_CLOSED;
}

static int report_failures(const struct wish *pairs, int n)
{
	int status = CLI_OK;

	for (int i = 0; i < n; i++)
		if (pairs[i].err && !status)
			status = report_failure(&pairs[i]);
	return status;
}

static int report_result(const struct wish *pairs, int n, int r)
{
	switch (r) {
	case 0:
		for (int i = 0; i < n && any; i++)
			if (pairs[i].holds)
				printf("%s %s\n", pairs[i].name, pairs[i].cond.text);
		return CLI_OK;
	case -EINTR: /* the signal, of which main() lets this process die */
		return CLI_ERROR;
	case -ECANCELED:
		return report_failures(pairs, n);
	case -ETIMEDOUT:
		for (int i = 0; i < n; i++)
			if (!pairs[i].holds && !pairs[i].err)
				cli_error(pairs[i].name, "timed out waiting for '%s'",
					pairs[i].cond.text);
		return CLI_TIMEOUT;
	}
	return cli_fail(NULL, NULL, r);
}

static int wait_for(int n, char **operand)
{
	struct wish *pairs = wishes_of(n, operand);
	int r;

	n /= 2;
	cli_signals();
	r = waiting_for(pairs, n, any, cli_deadline(timeout));
	r = report_result(pairs, n, r);
	waiting_done(pairs, n);
	free(pairs);
	return r;
}

const struct ctl_verb ctl_verb_wait = {
	.tool =
		{
			.name = "chanctl wait",
			.usage = "[OPTIONS] NAME COND [NAME COND]...",
			.summary = "Wait until conditions hold.",
			.notes = CONDITION_NOTES,
			.options = wait_options,
		},
	.has = CTL_BUS,
	.min = 2,
	.max = -1,
	.names = 1,
	.option = wait_option,
	.run = wait_for,
};
