/* SPDX-License-Identifier: MIT */
/*
 * prog_death CHANNEL ROUNDS: how long from the death of a process to the progress
 * of a survivor?
 *
 * In each round a child takes the only message under a lease, and is killed; a
 * receiver that waits gets the message again.  Prints median, p99 and the largest
 * time from before kill(2), and from the moment when the kernel says that the
 * child is dead (its pidfd), to the moment when the receiver has the message.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/parse.h"
#include "shmchan.h"
#include "support/clock.h"

static _Noreturn void fail(const char *what, int err)
{
	fprintf(stderr, "prog_death: %s: %s\n", what, chan_strerror(err));
	exit(1);
}

/* Take the message, say so, and wait to be killed. */
static _Noreturn void victim(const char *name, int say)
{
	struct chan_lease lease;
	chan_t *ch;
	int err = chan_open(&ch, name, CHAN_RECV, NULL);

	if (err == 0)
		err = chan_take(ch, &lease, 1, INT64_C(10000000000));
	if (err != 1)
		fail("victim", err);
	if (write(say, "x", 1) != 1)
		exit(1);
	for (;;)
		pause();
}

struct survivor {
	chan_t *ch;
	int64_t got; /* when */
	int err;
};

static void *survive(void *arg)
{
	struct survivor *s = arg;
	char buf[64];
	ssize_t n = chan_recv(s->ch, buf, sizeof(buf), INT64_C(10000000000));

	s->got = cli_now();
	s->err = n < 0 ? (int)n : 0;
	return NULL;
}

/* Until `n` processes wait in the channel. */
static void await_waiting(chan_t *ch)
{
	for (int i = 0; i < 10000; i++) {
		struct chan_endpoint ends[8];
		int n = chan_endpoints(ch, ends, 8);

		for (int k = 0; k < n && k < 8; k++)
			if (ends[k].waiting)
				return;
		nap(MS);
	}
	fail("the survivor does not wait", -ETIMEDOUT);
}

struct times {
	int64_t from_kill, from_death;
};

/* When the process is dead. */
static int64_t death_of(int pidfd)
{
	struct pollfd dead = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0 || poll(&dead, 1, 10000) != 1)
		fail("pidfd", -errno);
	close(pidfd);
	return cli_now();
}

static struct times round_of(const char *name)
{
	struct survivor s = {.ch = NULL};
	pthread_t thread;
	int64_t killed, dead;
	int pidfd;
	chan_t *send;
	int say[2], err;
	pid_t pid;
	char x;

	if (pipe(say) < 0 || (pid = fork()) < 0)
		fail("fork", -errno);
	if (pid == 0)
		victim(name, say[1]);
	close(say[1]);
	err = chan_open(&send, name, CHAN_SEND, NULL);
	if (err == 0)
		err = chan_send(send, "message", 7, CHAN_WAIT);
	if (err < 0)
		fail("send", err);
	if (read(say[0], &x, 1) != 1)
		fail("victim ended", -EIO);
	close(say[0]);
	err = chan_open(&s.ch, name, CHAN_RECV, NULL);
	if (err < 0 || pthread_create(&thread, NULL, survive, &s))
		fail("survivor", err);
	await_waiting(s.ch);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	killed = cli_now();
	kill(pid, SIGKILL);
	dead = death_of(pidfd);
	pthread_join(thread, NULL);
	waitpid(pid, NULL, 0);
	chan_detach(s.ch);
	chan_detach(send);
	if (s.err < 0)
		fail("survivor", s.err);
	return (struct times){s.got - killed, s.got - dead};
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, int64_t *ns, uint64_t n)
{
	qsort(ns, n, sizeof(*ns), ascending);
	printf("%s to progress: p50 %" PRId64 " us, p99 %" PRId64 " us, max %" PRId64
	       " us of %" PRIu64 "\n",
		what, ns[n / 2] / 1000, ns[n * 99 / 100] / 1000, ns[n - 1] / 1000, n);
}

int main(int argc, char **argv)
{
	int64_t *from_kill, *from_death;
	uint64_t rounds;

	if (argc != 3 || cli_parse_count(argv[2], &rounds) || !rounds || rounds > 100000) {
		fputs("usage: prog_death CHANNEL ROUNDS\n", stderr);
		return 2;
	}
	from_kill = calloc(rounds, sizeof(*from_kill));
	from_death = calloc(rounds, sizeof(*from_death));
	if (!from_kill || !from_death)
		return 1;
	for (uint64_t i = 0; i < rounds; i++) {
		struct times t = round_of(argv[1]);

		from_kill[i] = t.from_kill;
		from_death[i] = t.from_death;
	}
	report("kill", from_kill, rounds);
	report("death", from_death, rounds);
	free(from_kill);
	free(from_death);
	return 0;
}
