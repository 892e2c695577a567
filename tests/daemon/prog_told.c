/* SPDX-License-Identifier: MIT */
/*
 * prog_told CHANNEL ROUNDS: how soon does a client know that its server died?
 *
 * In each round a child takes a request that is to be tried once only, and is killed while the
 * client waits; there is no other server.  Prints median, p99 and the largest time from before
 * kill(2) to the moment when the client has -ECONNRESET.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shmchan.h"
#include "support/clock.h"
#include "support/process.h"

/* So long the client sleeps before, ns: behind all that it does at first. */
#define ASLEEP (20 * MS)

static const char *name;
static int said[2];
static pid_t server;
static int64_t killed;

static _Noreturn void fail(const char *what, int err)
{
	fprintf(stderr, "prog_told: %s: %s\n", what, chan_strerror(err));
	exit(1);
}

/* Take the request, say so, and wait to be killed. */
static int serve(void *unused)
{
	struct chan_lease lease;
	chan_t *ch;
	int err = chan_open(&ch, name, CHAN_RECV, NULL);

	(void)unused;
	if (err == 0)
		err = chan_take(ch, &lease, 1, CHAN_WAIT);
	if (err != 1 || write(said[1], "", 1) != 1)
		fail("server", err);
	for (;;)
		pause();
}

static void *kill_server(void *unused)
{
	(void)unused;
	nap(ASLEEP);
	killed = now();
	kill(server, SIGKILL);
	return NULL;
}

/* One round: the time. */
static int64_t measure(chan_t *ch)
{
	struct chan_meta meta;
	pthread_t killer;
	uint64_t number;
	int64_t told;
	char c;
	int err;

	server = in_child(serve, NULL);
	chan_meta_init(&meta);
	meta.flags = CHAN_META_ONCE;
	err = chan_request(ch, "", 0, &meta, CHAN_WAIT, &number);
	if (err != 0 || read(said[0], &c, 1) != 1)
		fail("request", err);
	if (pthread_create(&killer, NULL, kill_server, NULL))
		fail("thread", -ENOMEM);
	err = (int)chan_response(ch, number, NULL, 0, NULL, CHAN_WAIT);
	told = now();
	if (err != -ECONNRESET)
		fail("response", err);
	pthread_join(killer, NULL);
	wait_child(server);
	return told - killed;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	uint64_t rounds;
	int64_t *took;
	chan_t *ch;
	int err;

	if (argc != 3)
		return 2;
	name = argv[1];
	rounds = strtoull(argv[2], NULL, 10);
	took = calloc(rounds, sizeof(*took));
	err = chan_open(&ch, name, CHAN_SEND, NULL);
	if (rounds == 0 || !took || pipe(said) < 0 || err < 0)
		fail("ready", err);
	for (uint64_t i = 0; i < rounds; i++)
		took[i] = measure(ch);
	qsort(took, rounds, sizeof(*took), compare);
	printf("told   p50 %" PRId64 " us, p99 %" PRId64 " us, max %" PRId64 " us\n",
		took[rounds / 2] / 1000, took[rounds * 99 / 100] / 1000, took[rounds - 1] / 1000);
	chan_detach(ch);
	free(took);
	return 0;
}
