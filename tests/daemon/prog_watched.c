/* SPDX-License-Identifier: MIT */
/*
 * prog_watched receive|exclusive|select|die|leave CHANNEL...: those that wait in
 * channels that chand watches, and those whose wake-ups die with them.
 *
 *   receive     receive one message, and print when it came (CLOCK_MONOTONIC, ms)
 *   exclusive   the same by an exclusive endpoint
 *   select      the same from any of the channels
 *   die         send a message, print when, and be killed before the wake-up
 *   leave       the same when a line comes from stdin, and a child that was not made by
 *               fork(2) keeps the endpoint's descriptor; its pid is printed first
 */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel/channel.h"
#include "support/clock.h"

static _Noreturn void give_up(const char *what, int err)
{
	fprintf(stderr, "prog_watched: %s: %s\n", what, chan_strerror(err));
	exit(1);
}

static void say_when(void)
{
	printf("%" PRId64 "\n", now() / MS);
	fflush(stdout);
}

static chan_t *must_open(const char *name, unsigned flags)
{
	chan_t *ch;
	int err = chan_open(&ch, name, flags, NULL);

	if (err < 0)
		give_up(name, err);
	return ch;
}

static int receive(const char *name, unsigned flags)
{
	chan_t *ch = must_open(name, CHAN_RECV | flags);
	char buf[64];
	ssize_t n = chan_recv(ch, buf, sizeof(buf), CHAN_WAIT);

	if (n < 0)
		give_up("receive", (int)n);
	say_when();
	chan_detach(ch);
	return 0;
}

static int receive_from_any(char **names, unsigned n)
{
	struct chan_case cases[16];
	char buf[64];
	int got;

	for (unsigned i = 0; i < n; i++)
		cases[i] = (struct chan_case){.size = sizeof(cases[i]),
			.ch = must_open(names[i], CHAN_RECV),
			.op = CHAN_OP_RECV,
			.data = buf,
			.len = sizeof(buf)};
	got = chan_select(cases, n, CHAN_WAIT, 0);
	if (got < 0)
		give_up("select", got);
	say_when();
	return 0;
}

/* A child that has a copy of all descriptors, and none of the library's handlers ran. */
static void leave_child(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		for (;;)
			pause();
	printf("%d\n", (int)pid);
	getchar();
}

static _Noreturn void die(const char *name, bool leave)
{
	chan_t *ch = must_open(name, CHAN_SEND);
	int err;

	if (leave)
		leave_child();
	say_when();
	/* As a sender that was killed when it had cleared the hint. */
	atomic_store(&ch->control->not_empty.waiting, 0);
	err = chan_send(ch, "x", 1, CHAN_WAIT);
	if (err < 0)
		give_up("send", err);
	kill(getpid(), SIGKILL);
	abort();
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 18) {
		fputs("usage: prog_watched receive|exclusive|select|die|leave CHANNEL...\n",
			stderr);
		return 2;
	}
	if (!strcmp(argv[1], "receive"))
		return receive(argv[2], 0);
	if (!strcmp(argv[1], "exclusive"))
		return receive(argv[2], CHAN_EXCLUSIVE);
	if (!strcmp(argv[1], "select"))
		return receive_from_any(argv + 2, (unsigned)argc - 2);
	die(argv[2], !strcmp(argv[1], "leave"));
}
