/* SPDX-License-Identifier: MIT */
/* See spawn.h. */
#include "recv/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "common/message.h"
#include "common/status.h"

/* As this process was given them. */
static struct rlimit descriptors;
static struct sigaction pipe_action;

void spawn_init(void)
{
	getrlimit(RLIMIT_NOFILE, &descriptors);
	cli_allow_descriptors();
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &pipe_action);
	signal(SIGCHLD, SIG_DFL); /* ignored, there would be no status */
}

void spawn_finish(void)
{
	sigaction(SIGPIPE, &pipe_action, NULL);
}

/* Arrange the descriptors, of which `in`, `out` and `extra` are above stderr. */
static void arrange(const struct spawn *s)
{
	unsigned from = STDERR_FILENO + 1;

	if (s->in >= 0)
		dup2(s->in, STDIN_FILENO);
	if (s->out >= 0)
		dup2(s->out, STDOUT_FILENO);
	if (s->extra >= 0) {
		unsigned as = (unsigned)s->extra_as;

		if (s->extra == s->extra_as)
			fcntl(s->extra, F_SETFD, 0);
		else
			dup2(s->extra, s->extra_as);
		if (as > from)
			close_range(from, as - 1, 0);
		from = as + 1;
	}
	close_range(from, UINT_MAX, 0);
}

static _Noreturn void become_command(const struct spawn *s, pid_t parent)
{
	sigset_t none;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that */
		_exit(CLI_CHILD_NO_EXEC);
	if (s->own_group)
		setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	for (char *const *e = s->env; e && *e; e++)
		putenv(*e);
	arrange(s);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	execvp(*s->argv, s->argv);
	err = errno;
	cli_error(NULL, "%s: %s", *s->argv, strerror(err));
	_exit(err == ENOENT ? CLI_CHILD_NOT_FOUND : CLI_CHILD_NO_EXEC);
}

pid_t spawn_start(const struct spawn *s)
{
	pid_t parent = getpid(), pid;
	sigset_t all, before;

	/* No handler of this process runs in the child, and a signal to it is not lost. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid)
		become_command(s, parent);
	if (pid < 0)
		pid = -errno;
	else if (s->own_group)
		setpgid(pid, pid); /* in both processes: either may come first */
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

void spawn_signal(pid_t pid, int sig)
{
	if (getpgid(pid) == pid) {
		kill(-pid, sig);
		kill(-pid, SIGCONT);
	} else {
		kill(-pid, sig); /* those of its group that it left */
		kill(pid, sig);
		kill(pid, SIGCONT);
	}
}
