/* SPDX-License-Identifier: MIT */
/*
 * See child.h.  The signals that end the wait are unblocked inside ppoll() only, so none
 * is missed before it: SIGCHLD, and those of cli_count_signals().
 */
#include "recv/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "common/signals.h"
#include "common/status.h"

static void on_child(int sig)
{
	(void)sig; /* it ends ppoll() */
}

void child_init(void)
{
	struct sigaction act = {.sa_handler = on_child};

	sigaction(SIGCHLD, &act, NULL);
	signal(SIGPIPE, SIG_IGN); /* a child need not read its stdin */
}

static void set_number(const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	setenv(name, text, 1);
}

static _Noreturn void become_command(const struct child *c, int in, pid_t parent)
{
	sigset_t none;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* the parent died before that */
		_exit(CLI_CHILD_NO_EXEC);
	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	setenv("CHAN_NAME", c->channel, 1);
	set_number("CHAN_SEQ", c->seq);
	set_number("CHAN_SIZE", c->len);
	set_number("CHAN_ATTEMPT", c->attempt);
	dup2(in, STDIN_FILENO);
	close_range(STDERR_FILENO + 1, UINT_MAX, 0);
	execvp(*c->command, c->command);
	err = errno;
	cli_error(NULL, "%s: %s", *c->command, strerror(err));
	_exit(err == ENOENT ? CLI_CHILD_NOT_FOUND : CLI_CHILD_NO_EXEC);
}

/* Write what the pipe takes.  Returns false when there is nothing left to do: all is
 * written, or the pipe has no reader any more. */
static bool feed(int out, const struct child *c, size_t *done)
{
	ssize_t n;

	if (*done == c->len)
		return false;
	n = write(out, (const char *)c->data + *done, c->len - *done);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	*done += (size_t)n;
	return *done < c->len;
}

static void pass_on_signals(pid_t child, int *seen)
{
	while (*seen < cli_signal_count())
		switch (++*seen) {
		case 1:
			break; /* the child may finish */
		case 2:
			kill(-child, SIGTERM);
			break;
		default:
			kill(-child, SIGKILL);
		}
}

/* Feed the child and wait for its end. */
static int feed_and_wait(pid_t child, int out, const struct child *c, const sigset_t *unblocked)
{
	size_t done = 0;
	int seen = 0, status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		struct pollfd p = {.fd = out, .events = POLLOUT};

		pass_on_signals(child, &seen);
		if (ppoll(&p, 1, NULL, unblocked) > 0 && !feed(out, c, &done)) {
			close(out);
			out = -1;
		}
	}
	if (out >= 0)
		close(out);
	return status;
}

static void block_signals(sigset_t *ret_unblocked)
{
	static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, ret_unblocked);
	sigdelset(ret_unblocked, SIGCHLD);
}

int child_run(const struct child *c, int *ret)
{
	pid_t parent = getpid(), child;
	sigset_t unblocked;
	int fd[2], err = 0;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	block_signals(&unblocked);
	child = fork();
	if (child < 0)
		err = -errno;
	if (!child)
		become_command(c, fd[0], parent);
	close(fd[0]);
	if (err) {
		close(fd[1]);
	} else {
		setpgid(child, child); /* in both processes: either may come first */
		fcntl(fd[1], F_SETFL, O_NONBLOCK);
		*ret = feed_and_wait(child, fd[1], c, &unblocked);
	}
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	return err;
}
