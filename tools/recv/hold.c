/* SPDX-License-Identifier: MIT */
/* See hold.h. */
#include "recv/hold.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"
#include "recv/brief.h"
#include "recv/spawn.h"

/* Wait for the child.  Signals for this process are passed on, but for those of a terminal,
 * which reach both. */
static int wait_for(pid_t pid)
{
	int seen = 0, status = 0;

	for (;;) {
		for (; seen < cli_signal_count(); seen++)
			if (cli_signalled() != SIGINT || seen)
				kill(pid, seen < 2 ? SIGTERM : SIGKILL);
		if (waitpid(pid, &status, 0) == pid)
			return status;
	}
}

static int run_while(struct receiver *r, const struct chan_lease *lease)
{
	const struct recv_options *o = r->run->options;
	struct brief_env env;
	struct chan_meta meta;
	int status;
	pid_t pid;

	brief_env(&env, &o->exec, r->name, lease, lease->len, receiver_header(r, lease, &meta));
	spawn_init();
	pid = spawn_start(&(struct spawn){
		.argv = o->command, .env = env.list, .in = -1, .out = -1, .extra = -1});
	if (pid < 0) {
		cli_error(r->name, "can't start a process: %s", strerror((int)-pid));
		return CLI_CHILD_FAILED;
	}
	status = wait_for(pid);
	spawn_finish();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int hold_run(struct receiver *r)
{
	struct chan_lease lease;
	int n, status, err = cli_watch(r->ch);

	if (err)
		return cli_fail(r->name, NULL, err);
	do
		n = chan_take(r->ch, &lease, 1, run_patience(r->run));
	while (n < 0 && receiver_go_on_without(r, n));
	cli_unwatch(r->ch);
	if (n < 0)
		return CLI_OK;
	status = run_while(r, &lease);
	chan_interrupt(r->ch, 0); /* whatever came just when it was taken */
	n = chan_untake(r->ch, &lease, 1);
	if (n < 0)
		cli_fail(r->name, NULL, n);
	receiver_end(r, STOPPED);
	return status;
}
