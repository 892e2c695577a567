/* SPDX-License-Identifier: MIT */
#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void relay_fail(const char *what, int err)
{
	fprintf(stderr, "relay: %s: %s: %s\n", what, chan_strerror(err), chan_error_detail(err));
	exit(1);
}

/* Watch what can get on: room for what is held, or else the inputs that have not ended. */
static void watch_what_can(struct relay *r)
{
	for (unsigned i = 0; i < RELAY_FDS; i++) {
		bool on = i == RELAY_OUTPUT ? r->holds : !r->holds && !r->ended[i];

		if (on != r->watched[i]) {
			r->watched[i] = on;
			r->watch(r, i, on);
		}
	}
}

/* Returns true if there was room. */
static bool pass_on(struct relay *r)
{
	int err = chan_send(r->ch[RELAY_OUTPUT], r->message, r->len, 0);

	if (err < 0 && err != -EAGAIN && err != -EBUSY)
		relay_fail("send", err);
	r->holds = err < 0;
	return err == 0;
}

/* Returns true if there was a message. */
static bool take_in(struct relay *r, unsigned i)
{
	ssize_t len = chan_recv(r->ch[i], r->message, sizeof(r->message), 0);

	if (len == -EAGAIN || len == -EBUSY)
		return false;
	r->ended[i] = len == -EPIPE;
	if (len < 0 && len != -EPIPE)
		relay_fail("receive", (int)len);
	if (len < 0)
		return false;
	r->len = (size_t)len;
	return true;
}

void relay_ready(struct relay *r, unsigned i)
{
	/* A loop that got several events at once may report one that we no longer want. */
	if (!r->watched[i])
		return;
	if (i == RELAY_OUTPUT || take_in(r, i))
		pass_on(r);
	watch_what_can(r);
}

void relay_changed(struct relay *r)
{
	bool moved;

	if (r->holds && !pass_on(r))
		return;
	do {
		moved = false;
		for (unsigned i = 0; i < RELAY_INPUTS; i++)
			if (!r->ended[i] && take_in(r, i)) {
				moved = true;
				if (!pass_on(r))
					return;
			}
	} while (moved);
}

bool relay_done(const struct relay *r)
{
	return r->ended[0] && r->ended[1] && r->ended[2] && !r->holds;
}

void relay_open(struct relay *r, char **argv, void (*watch)(struct relay *r, unsigned i, bool on))
{
	*r = (struct relay){.watch = watch};
	for (unsigned i = 0; i < RELAY_FDS; i++) {
		unsigned role = i == RELAY_OUTPUT ? CHAN_SEND : CHAN_RECV;
		int err = argv[i + 1] ? chan_open(&r->ch[i], argv[i + 1], role, NULL) : -EINVAL;

		if (err < 0)
			relay_fail("open", err);
		r->fd[i] = chan_fd(r->ch[i], role);
		if (r->fd[i] < 0)
			relay_fail("chan_fd", r->fd[i]);
	}
	watch_what_can(r);
}

void relay_close(struct relay *r)
{
	chan_close(r->ch[RELAY_OUTPUT], CHAN_DRAIN);
	for (unsigned i = 0; i < RELAY_FDS; i++)
		chan_detach(r->ch[i]);
}
