/* SPDX-License-Identifier: MIT */
/*
 * chanctl wait and test: a condition on one channel, a predicate of its state.
 *
 * Waiting is reading again, after 1 ms first, then up to every 20 ms: the state is words
 * in shared memory, and an observer is not woken when they change.  inotify reports that
 * a name appears or goes; without it, the name is looked up in intervals, too.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/inotify.h"
#include "common/message.h"
#include "common/parse.h"
#include "common/signals.h"
#include "ctl/channel.h"
#include "ctl/condition.h"
#include "ctl/verb.h"

/* Returns 1 or 0, or a negative errno: what has the name may be unreadable. */
static int name_holds(const struct condition *cond, const char *name)
{
	chan_t *ch;
	int r = chan_open(&ch, name, 0, NULL);

	if (!r)
		chan_detach(ch);
	switch (r) {
	case 0:
	case -EACCES:
	case -EPERM:
	case -EBADMSG:
	case -EPROTONOSUPPORT:
	case -EPROTOTYPE:
	case -EXDEV:
		return cond->subject == EXISTS;
	case -ENOENT:
	case -ESRCH: /* there is no such user either */
		return cond->subject == GONE;
	}
	return r;
}

/* test */

static const struct cli_option test_options[] = {CLI_BUS, CLI_COMMON, CLI_END};

static int test(int n, char **operand)
{
	struct condition cond = condition_parse(operand[n - 1]);
	struct ctl_channel ch;
	int r;

	if (condition_is_about_name(&cond)) {
		r = name_holds(&cond, operand[0]);
	} else {
		r = ctl_open(&ch, operand[0]);
		if (!r)
			r = condition_holds(&cond, &ch.stat);
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

static const struct cli_option wait_options[] = {
	{'W', "timeout", "DURATION", "give up after DURATION, with status 124"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static int64_t timeout = CHAN_WAIT;

static void wait_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	timeout = cli_duration_arg(option, arg);
}

#define LOOK_UP_EVERY INT64_C(200000000)
#define LOOK_UP_OFTEN INT64_C(20000000) /* without inotify */

/* Discard the events of inotify: only that one came matters. */
static void drain(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* The watch begins before the name is first looked up, so no change is missed.  An unused
 * `ref` channel is removed only when a process opens it, so the name is looked up from time
 * to time, too. */
static int wait_name(const struct condition *cond, const char *name, int64_t deadline)
{
	const char *why;
	int fd = cli_watch_names(&why), r = 0;
	int64_t every = fd < 0 ? LOOK_UP_OFTEN : LOOK_UP_EVERY;

	if (fd < 0)
		cli_warn(name, "%s; looking the name up every %d ms instead", why,
			(int)(LOOK_UP_OFTEN / 1000000));
	while (!r) {
		r = name_holds(cond, name);
		if (r)
			break;
		r = cli_wait_fd(fd, POLLIN, cli_sooner(deadline, cli_deadline(every)));
		if (r > 0 || (r == -ETIMEDOUT && cli_remaining(deadline)))
			r = 0;
		if (fd >= 0)
			drain(fd);
	}
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : 0;
}

enum { SHORTEST = 1000000, LONGEST = 20000000 };

static int wait_state(const struct condition *cond, struct ctl_channel *ch, int64_t deadline)
{
	int64_t pause = SHORTEST;
	bool was_closed = false;

	for (;;) {
		int r = ctl_refresh(ch);

		if (r < 0)
			return r;
		if (condition_holds(cond, &ch->stat))
			return 0;
		if (ch->stat.removed)
			return -ENOENT;
		/* The figures are not of one instant: read them once more. */
		if (was_closed && condition_needs_message(cond, &ch->stat))
			return -EPIPE;
		was_closed = ch->stat.closed;
		if (!cli_remaining(deadline))
			return -ETIMEDOUT;
		r = cli_wait_fd(-1, 0, cli_sooner(deadline, cli_deadline(pause)));
		if (r == -EINTR)
			return r;
		if (pause < LONGEST)
			pause += pause / 4;
	}
}

static int report_result(const struct condition *cond, const char *name, int r)
{
	switch (r) {
	case 0:
		return CLI_OK;
	case -EINTR: /* the signal, of which main() lets this process die */
		return CLI_ERROR;
	case -ETIMEDOUT:
		cli_error(name, "timed out waiting for '%s'", cond->text);
		return CLI_TIMEOUT;
	case -EPIPE:
		cli_error(name, "closed: '%s' can't become true", cond->text);
		return CLI_CLOSED;
	}
	return cli_fail(name, NULL, r);
}

static int wait_for(int n, char **operand)
{
	struct condition cond = condition_parse(operand[n - 1]);
	int64_t deadline = cli_deadline(timeout);
	const char *name = operand[0];
	struct ctl_channel ch;
	int r;

	cli_signals();
	if (condition_is_about_name(&cond))
		return report_result(&cond, name, wait_name(&cond, name, deadline));
	r = ctl_open(&ch, name);
	if (!r)
		r = wait_state(&cond, &ch, deadline);
	ctl_forget(&ch);
	return report_result(&cond, name, r);
}

const struct ctl_verb ctl_verb_wait = {
	.tool =
		{
			.name = "chanctl wait",
			.usage = "[OPTIONS] NAME COND",
			.summary = "Wait until a condition holds.",
			.notes = CONDITION_NOTES,
			.options = wait_options,
		},
	.has = CTL_BUS,
	CTL_CHANNEL_AND_CONDITION,
	.option = wait_option,
	.run = wait_for,
};
