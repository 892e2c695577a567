/* SPDX-License-Identifier: MIT */
/* The model is in rounds.h. */
#include "recv/rounds.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"

#define MS INT64_C(1000000)

/* How soon it looks again if a stopped process holds a lock, and how long the first wait is:
 * senders learn of a reader that may not write with a delay of a millisecond. */
#define SOON (10 * MS)

/* Without a set: how often it looks at what chan_select() does not see, and how many channels
 * that takes. */
#define LOOK_EVERY (100 * MS)
#define SELECT_MOST 120

/* If there is one channel only, and it is busy, the receiver waits so long in the call that
 * takes messages before all wait in poll(2): that call spins, lags, and is cheaper to wake. */
#define QUICK INT64_C(100000)

struct rounds {
	struct run *run;
	struct receiver *receivers;
	int count, left;	  /* all, and those without an outcome */
	chan_set_t *set;	  /* of those, or NULL */
	struct chan_ready *ready; /* room for all */
	bool may_wait;
	bool waited;
};

/* ---- turns ---- */

static void give_turn(struct rounds *s, struct receiver *r)
{
	uint64_t before;
	int64_t patience = 0;

	do {
		before = run_received(s->run);
		if (!receiver_turn(r, patience))
			break;
		if (s->left > 1 || !s->may_wait)
			return;
		patience = cli_sooner(run_patience(s->run), QUICK);
	} while (run_received(s->run) != before);
	if (!r->over)
		return;
	if (s->set)
		chan_set_remove(s->set, r->ch, CHAN_RECV);
	s->left--;
}

static bool goes_on(const struct rounds *s)
{
	return s->left && run_wanted(s->run) && !run_stopping(s->run);
}

/* Let the first of n that are ready come first, and be the only one. */
static void pick_first(struct rounds *s, int n)
{
	for (int i = 1; i < n; i++)
		if (s->ready[i].data < s->ready[0].data)
			s->ready[0] = s->ready[i];
}

/* Give turns to those that are ready: how many, or an error of chan_set_wait(). */
static int serve_ready(struct rounds *s)
{
	int n = chan_set_wait(s->set, s->ready, (unsigned)s->count, 0);

	if (n > 1 && s->run->options->biased) {
		pick_first(s, n);
		n = 1;
	}
	for (int i = 0; i < n && goes_on(s); i++)
		give_turn(s, s->ready[i].data);
	return n;
}

/* Give a turn to each; with --biased, up to the first that gets anything. */
static void serve_each(struct rounds *s)
{
	uint64_t before = run_received(s->run);

	for (int i = 0; i < s->count && goes_on(s); i++) {
		if (!s->receivers[i].over)
			give_turn(s, &s->receivers[i]);
		if (s->run->options->biased && run_received(s->run) != before)
			break;
	}
}

/* ---- waiting ---- */

static void end_all(struct rounds *s, enum outcome outcome)
{
	for (int i = 0; i < s->count; i++)
		if (!s->receivers[i].over)
			receiver_end(&s->receivers[i], outcome);
	s->left = 0;
}

/* Wait for stdout's reader to go, with or without the set, until `deadline`. */
static void wait_in_poll(struct rounds *s, int64_t deadline)
{
	struct pollfd fds[3] = {{.fd = s->set ? chan_set_fd(s->set) : -1, .events = POLLIN},
		{.fd = s->run->options->dir ? -1 : STDOUT_FILENO}};

	cli_wait_fds(fds, 2, deadline);
	if (fds[1].revents) /* POLLERR or POLLHUP */
		run_lose_reader(s->run);
}

static void wait_in_select(struct rounds *s, int64_t patience)
{
	struct chan_case cases[SELECT_MOST];
	unsigned n = 0;

	for (int i = 0; i < s->count && n < SELECT_MOST; i++)
		if (!s->receivers[i].over)
			cases[n++] = (struct chan_case){.size = sizeof(*cases),
				.op = CHAN_OP_RECV,
				.ch = s->receivers[i].ch};
	if (chan_select(cases, n, cli_sooner(patience, LOOK_EVERY), CHAN_ONLY_READY) == -EBUSY)
		wait_in_poll(s, cli_deadline(SOON));
	else
		wait_in_poll(s, cli_deadline(0));
}

/* Wait until a receiver may have something to do.  When the time for that is over, so are
 * all. */
static void wait_for_more(struct rounds *s, bool busy)
{
	int64_t patience = run_patience(s->run);

	if (!patience) {
		end_all(s, run_is_idle(s->run) ? IDLE : TIMED_OUT);
		return;
	}
	if (busy || !s->waited)
		patience = cli_sooner(patience, SOON);
	s->waited = true;
	if (s->set)
		wait_in_poll(s, cli_deadline(patience));
	else
		wait_in_select(s, patience);
}

/* ---- the whole ---- */

/* Make the set: 0, or the error that says why there is none. */
static int make_set(struct rounds *s)
{
	int err = chan_set_create(&s->set);

	for (int i = 0; i < s->count && !err; i++)
		err = chan_set_add(s->set, s->receivers[i].ch, CHAN_RECV, &s->receivers[i]);
	if (err) {
		chan_set_destroy(s->set);
		s->set = NULL;
	}
	return err;
}

static void prefer_set(struct rounds *s)
{
	int err = make_set(s);
	const char *detail = chan_error_detail(err);

	if (err)
		cli_note(NULL, "looking at stdout%s 10 times a second: %s",
			s->count > SELECT_MOST ? " and many of the channels" : "",
			*detail ? detail : chan_strerror(err));
}

int rounds_receive(struct run *run, struct receiver *receivers, int count)
{
	struct rounds s = {.run = run,
		.receivers = receivers,
		.count = count,
		.left = count,
		.may_wait = !run->options->nowait && !run->options->drain};
	int n = -EAGAIN;

	s.ready = calloc((size_t)count, sizeof(*s.ready));
	if (!s.ready)
		return cli_fail(NULL, NULL, -ENOMEM);
	if (s.may_wait)
		prefer_set(&s);
	while (goes_on(&s)) {
		if (s.set)
			n = serve_ready(&s);
		else
			serve_each(&s);
		if (n < 0 && s.may_wait && goes_on(&s))
			wait_for_more(&s, n == -EBUSY);
	}
	chan_set_destroy(s.set);
	free(s.ready);
	return CLI_OK;
}
