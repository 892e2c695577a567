/* SPDX-License-Identifier: MIT */
/* See worker.h. */
#include "recv/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"
#include "recv/child.h"

/* The message is not done: it goes back, to be delivered again.  That this worker could
 * not begin on it does not count. */
static bool give_back(struct receiver *r, const struct chan_lease *lease, int status, bool begun)
{
	int n = begun ? chan_release(r->ch, lease, 1) : chan_untake(r->ch, lease, 1);

	/* If that fails it goes back when the endpoint detaches. */
	return receiver_fail(r, n < 0 ? cli_fail(r->name, NULL, n) : status);
}

/* Acknowledge the message or give it back, as the status of its child says. */
static bool finish_message(struct receiver *r, const struct chan_lease *lease, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, acked;

	switch (code) {
	case CLI_OK:
	case CLI_CHILD_LAST:
		acked = chan_ack(r->ch, lease, 1);
		if (acked < 0)
			return receiver_fail(r, cli_fail(r->name, NULL, acked));
		run_count(r->run, 1, lease->len);
		return code == CLI_OK || receiver_end(r, STOPPED);
	case CLI_CHILD_NO_EXEC:
	case CLI_CHILD_NOT_FOUND:
		cli_error(r->name,
			"%s can't be run (status %d); message %" PRIu64 " goes back to the channel",
			*r->run->options->command, code, lease->seq);
		return give_back(r, lease, code, false);
	}
	if (code >= 0)
		cli_error(r->name,
			"%s ended with status %d; message %" PRIu64 " goes back to the channel",
			*r->run->options->command, code, lease->seq);
	else
		cli_error(r->name,
			"%s was killed by signal %d; message %" PRIu64 " goes back to the channel",
			*r->run->options->command, WTERMSIG(status), lease->seq);
	return give_back(r, lease, CLI_CHILD_FAILED, true);
}

/* Take a message and run COMMAND for it. */
static bool work_once(struct receiver *r)
{
	struct chan_lease lease;
	int status, err, n;

	if (!run_wanted(r->run) || run_stopping(r->run))
		return receiver_end(r, STOPPED);
	n = chan_take(r->ch, &lease, 1, run_patience(r->run));
	if (n < 0)
		return receiver_go_on_without(r, n);
	r->busy = 0;
	if (r->run->options->drain && lease.seq > r->last) {
		chan_untake(r->ch, &lease, 1);
		return receiver_end(r, DRAINED);
	}
	err = child_run(&(struct child){.command = r->run->options->command,
				.channel = r->name,
				.data = lease.data,
				.len = lease.len,
				.seq = lease.seq,
				.attempt = lease.attempt},
		&status);
	if (err < 0) {
		cli_error(r->name,
			"can't start a process: %s; message %" PRIu64 " goes back to the channel",
			strerror(-err), lease.seq);
		return give_back(r, &lease, CLI_CHILD_FAILED, false);
	}
	run_note_activity(r->run);
	run_claim(r->run, 1);
	if (!finish_message(r, &lease, status))
		return false;
	return !run_is_over(r->run) || receiver_end(r, TIMED_OUT);
}

void worker_run(struct receiver *r)
{
	int err = cli_watch(r->ch);

	if (err) {
		receiver_fail(r, cli_fail(r->name, NULL, err));
		return;
	}
	child_init();
	while (work_once(r))
		;
	cli_unwatch(r->ch);
}
