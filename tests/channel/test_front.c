/* SPDX-License-Identifier: MIT */
/*
 * The front is acknowledged without the lock, while others receive, take, acknowledge
 * behind it and give back under the lock.
 */
#include "channel/channel.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define SMALL OPTIONS(.capacity = 4096)
#define MESSAGES 100000u
#define SOON (INT64_C(20) * 1000000000)

static _Atomic unsigned char consumed[MESSAGES];
static _Atomic unsigned failures; /* not reported from other threads */

static void must(bool holds)
{
	if (!holds)
		atomic_fetch_add(&failures, 1);
}

static void *send_all(void *arg)
{
	for (uint32_t i = 0; i < MESSAGES && !atomic_load(&failures); i++)
		must(chan_send(arg, &i, sizeof(i), SOON) == 0);
	must(chan_close(arg, CHAN_DRAIN) == 0);
	return NULL;
}

static void note(const void *message)
{
	uint32_t i;

	memcpy(&i, message, sizeof(i));
	must(i < MESSAGES && atomic_fetch_add(&consumed[i], 1) == 0);
}

/* An endpoint that two threads use: each ends a lease that the other one has put here. */
struct shared {
	chan_t *ch;
	pthread_mutex_t lock;
	struct chan_lease lease;
	bool full;
};

/* Exchange *lease, if there is one, with what is put there: true if there was something. */
static bool exchange(struct shared *s, struct chan_lease *lease, bool have)
{
	struct chan_lease put = *lease;
	bool was;

	pthread_mutex_lock(&s->lock);
	was = s->full;
	*lease = s->lease;
	s->lease = put;
	s->full = have;
	pthread_mutex_unlock(&s->lock);
	return was;
}

/* A message that another thread may receive as soon as the lease has ended is noted before
 * that. */
static void end(struct shared *s, struct chan_lease *lease, unsigned dice)
{
	if (dice % 16 == 0) {
		must(chan_release(s->ch, lease, 1) == 1);
	} else {
		note(lease->data);
		must(chan_ack(s->ch, lease, 1) == 1);
	}
}

static void *receive_all(void *arg)
{
	struct shared *s = arg;
	unsigned seed = (unsigned)(uintptr_t)&seed;
	struct chan_lease lease[3] = {{.pos = 0}};
	unsigned char message[4];
	int got;

	do {
		unsigned dice = (unsigned)rand_r(&seed) >> 8, n = 1 + dice / 4 % 3;

		if (dice % 4 == 0) {
			got = (int)chan_recv(s->ch, message, sizeof(message), 0);
			if (got >= 0)
				note(message);
		} else {
			got = chan_take(s->ch, lease, n, 0);
			for (int i = 0; i < got; i++)
				if (exchange(s, &lease[i], true))
					end(s, &lease[i], dice / 16);
		}
		if (got == -EAGAIN || got == -EBUSY) {
			if (exchange(s, &lease[0], false))
				end(s, &lease[0], dice / 16);
			sched_yield();
		}
		must(got >= 0 || got == -EAGAIN || got == -EBUSY || got == -EPIPE);
	} while (got != -EPIPE && !atomic_load(&failures));
	if (exchange(s, &lease[0], false))
		end(s, &lease[0], 1);
	return NULL;
}

START_TEST(should_consume_each_message_once_by_threads_that_share_endpoints)
{
	chan_t *tx = open_as(CHAN_SEND, SMALL);
	struct shared endpoint[2];
	pthread_t sender, receiver[4];

	for (int i = 0; i < 2; i++) {
		endpoint[i] = (struct shared){.ch = open_as(CHAN_RECV, NULL)};
		pthread_mutex_init(&endpoint[i].lock, NULL);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
			pthread_create(&receiver[i], NULL, receive_all, &endpoint[i / 2]), 0);
	ck_assert_int_eq(pthread_create(&sender, NULL, send_all, tx), 0);
	pthread_join(sender, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(receiver[i], NULL);
	ck_assert_uint_eq(atomic_load(&failures), 0);
	for (uint32_t i = 0; i < MESSAGES; i++)
		ck_assert_uint_eq(atomic_load(&consumed[i]), 1);
	ck_assert_uint_eq(stat_of(tx).used, 0);
	ck_assert_uint_eq(stat_of(tx).damaged, 0);
	ck_assert_int_eq(tx->kind->valid(&tx->ring), 0);
	for (int i = 0; i < 2; i++) {
		pthread_mutex_destroy(&endpoint[i].lock);
		chan_detach(endpoint[i].ch);
	}
	chan_detach(tx);
}
END_TEST

void add_tests(void)
{
	GROUP("front", channel_setup, channel_teardown,
		should_consume_each_message_once_by_threads_that_share_endpoints);
}
