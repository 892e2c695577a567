/* SPDX-License-Identifier: MIT */
/* `waiting`: an endpoint waits while any call of it does. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS 3

static chan_t *a, *b;
static _Atomic pid_t tids[THREADS];

static int64_t waiting(unsigned role)
{
	struct chan_endpoint e[4];
	int n = chan_endpoints(a, e, 4);

	for (int i = 0; i < n; i++)
		if (e[i].roles & role)
			return e[i].waiting;
	ck_abort_msg("no such endpoint");
}

static bool all_sleep(void *arg)
{
	for (int i = 0; i < THREADS; i++)
		if (atomic_load(&tids[i]) && !asleep(atomic_load(&tids[i])))
			return false;
	return waiting((unsigned)(uintptr_t)arg) != 0;
}

static void *receive_one(void *tid)
{
	char m[8];

	atomic_store((_Atomic pid_t *)tid, gettid());
	ck_assert_int_eq(chan_recv(b, m, sizeof(m), SOON), 1);
	atomic_store((_Atomic pid_t *)tid, 0);
	return NULL;
}

static int alive(void)
{
	int n = 0;

	for (int i = 0; i < THREADS; i++)
		n += atomic_load(&tids[i]) != 0;
	return n;
}

static int wanted;
static bool so_many_are_left(void *arg)
{
	(void)arg;
	return alive() == wanted;
}

/* One that sleeps looks by itself each second, and then does not wait for an instant. */
static bool some_wait(void)
{
	for (int i = 0; i < 5; i++, nap(MS))
		if (waiting(CHAN_RECV))
			return true;
	return false;
}

START_TEST(should_show_the_longest_wait_until_the_last_one_ends)
{
	pthread_t thread[THREADS];
	int64_t since = 0, begin;

	a = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));
	b = open_as(CHAN_RECV, NULL);
	begin = now();
	for (int i = 0; i < THREADS; i++) {
		wanted = i + 1;
		pthread_create(&thread[i], NULL, receive_one, &tids[i]);
		await(so_many_are_left, NULL);
		await(all_sleep, (void *)(uintptr_t)CHAN_RECV);
		if (i == 0)
			since = waiting(CHAN_RECV);
		ck_assert_int_eq(waiting(CHAN_RECV), since);
	}
	ck_assert_int_ge(since, begin);
	for (wanted = THREADS - 1; wanted > 0; wanted--) {
		ck_assert_int_eq(chan_send(a, "x", 1, 0), 0);
		await(so_many_are_left, NULL);
		ck_assert(some_wait());
	}
	ck_assert_int_eq(chan_send(a, "x", 1, 0), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(waiting(CHAN_RECV), 0);
	chan_detach(a);
	chan_detach(b);
}
END_TEST

static void *send_one(void *arg)
{
	return (void *)(intptr_t)chan_send(arg, "x", 1, SOON);
}

static bool second_waits(void *arg)
{
	struct chan_endpoint e[4];
	int n = chan_endpoints(a, e, 4), waiters = 0;

	(void)arg;
	for (int i = 0; i < n; i++)
		waiters += e[i].waiting != 0;
	return waiters == 2;
}

/* Behind a rendezvous sender that waits for its receiver, the next one waits for the
 * lock. */
START_TEST(should_show_a_wait_for_the_lock)
{
	chan_t *rx;
	pthread_t thread[2];
	char m[8];

	a = open_as(CHAN_SEND, OPTIONS(.flags = CHAN_RENDEZVOUS));
	b = open_as(CHAN_SEND, NULL);
	rx = open_as(CHAN_RECV, NULL);
	pthread_create(&thread[0], NULL, send_one, a);
	pthread_create(&thread[1], NULL, send_one, b);
	await(second_waits, NULL);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(chan_recv(rx, m, sizeof(m), SOON), 1);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(waiting(CHAN_SEND), 0);
	chan_detach(a);
	chan_detach(b);
	chan_detach(rx);
}
END_TEST

static void *wait_in_set(void *set)
{
	struct chan_ready ready;

	atomic_store(&tids[0], gettid());
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, SOON), 1);
	atomic_store(&tids[0], 0);
	return NULL;
}

static bool receiver_waits(void *arg)
{
	(void)arg;
	return waiting(CHAN_RECV) != 0;
}

/* Whoever opens or closes the channel wakes the set, for whom nothing is there. */
START_TEST(should_not_begin_anew_when_somebody_looks)
{
	chan_set_t *set;
	chan_t *observer;
	pthread_t thread;
	int64_t since;

	a = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));
	b = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, b, CHAN_RECV, NULL), 0);
	pthread_create(&thread, NULL, wait_in_set, set);
	wanted = 1;
	await(so_many_are_left, NULL);
	await(receiver_waits, NULL);
	since = waiting(CHAN_RECV);
	for (int i = 0; i < 10; i++) {
		observer = open_as(0, NULL);
		chan_detach(observer);
		for (int look = 0; look < 20; look++, nap(MS / 4))
			ck_assert_int_eq(waiting(CHAN_RECV), since);
	}
	ck_assert_int_eq(chan_send(a, "x", 1, 0), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(waiting(CHAN_RECV), 0);
	chan_set_destroy(set);
	chan_detach(a);
	chan_detach(b);
}
END_TEST

void add_tests(void)
{
	GROUP("waiting", channel_setup, channel_teardown,
		should_show_the_longest_wait_until_the_last_one_ends,
		should_show_a_wait_for_the_lock, should_not_begin_anew_when_somebody_looks);
}
