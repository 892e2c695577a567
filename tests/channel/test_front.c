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

/* ---- what a receiver remembers ---- */

static chan_t *tx, *rx;

static void pair(unsigned roles)
{
	channel_setup();
	tx = open_as(CHAN_SEND, SMALL);
	rx = open_as(roles, NULL);
	for (uint32_t i = 1; i <= 8; i++)
		ck_assert_int_eq(chan_send(tx, &i, sizeof(i), 0), 0);
}

static void exclusive_pair(void)
{
	pair(CHAN_RECV | CHAN_EXCLUSIVE);
}

static void shared_pair(void)
{
	pair(CHAN_RECV);
}

static void pair_end(void)
{
	ck_assert_int_eq(rx->kind->valid(&rx->ring), 0);
	chan_detach(rx);
	chan_detach(tx);
	channel_teardown();
}

/* Take one message, which has to be this one at this attempt. */
static struct chan_lease take_one(uint32_t message, uint32_t attempt)
{
	struct chan_lease lease;
	uint32_t got;

	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	memcpy(&got, lease.data, sizeof(got));
	ck_assert_uint_eq(got, message);
	ck_assert_uint_eq(lease.seq, message);
	ck_assert_uint_eq(lease.attempt, attempt);
	return lease;
}

static void receive_one(uint32_t message)
{
	uint32_t got;

	ck_assert_int_eq(chan_recv(rx, &got, sizeof(got), 0), sizeof(got));
	ck_assert_uint_eq(got, message);
}

#define ACK(lease, result) ck_assert_int_eq(chan_ack(rx, &(lease), 1), result)
#define RELEASE(lease) ck_assert_int_eq(chan_release(rx, &(lease), 1), 1)

START_TEST(should_acknowledge_a_message_once)
{
	for (uint32_t i = 1; i <= 8; i++) {
		struct chan_lease lease = take_one(i, 1);

		ACK(lease, 1);
		ACK(lease, -ESTALE);
	}
	ck_assert_uint_eq(stat_of(tx).used, 0);
}
END_TEST

START_TEST(should_acknowledge_in_any_order)
{
	struct chan_lease a = take_one(1, 1), b = take_one(2, 1), c = take_one(3, 1), d;

	ACK(b, 1);
	ACK(b, -ESTALE);
	ACK(c, 1);
	d = take_one(4, 1);
	ACK(a, 1); /* frees the others, too */
	ACK(c, -ESTALE);
	ACK(d, 1);
	a = take_one(5, 1);
	b = take_one(6, 1);
	ACK(a, 1);
	c = take_one(7, 1);
	ACK(b, 1);
	ACK(c, 1);
	ck_assert_uint_eq(stat_of(tx).depth, 1);
}
END_TEST

START_TEST(should_not_acknowledge_an_earlier_attempt)
{
	struct chan_lease a = take_one(1, 1), b = take_one(2, 1), again, first;

	RELEASE(b);
	ACK(b, -ESTALE);
	again = take_one(2, 2);
	ACK(b, -ESTALE);
	RELEASE(a);
	ACK(a, -ESTALE);
	first = take_one(1, 2);
	ACK(a, -ESTALE);
	ACK(first, 1);
	ACK(b, -ESTALE);
	ACK(again, 1);
	take_one(3, 1);
}
END_TEST

START_TEST(should_take_what_comes_after_other_calls)
{
	struct chan_lease a = take_one(1, 1), more[2];

	receive_one(2);
	ACK(a, 1);
	a = take_one(3, 1);
	ACK(a, 1);
	receive_one(4);
	a = take_one(5, 1);
	ck_assert_int_eq(chan_take(rx, more, 2, 0), 2);
	ck_assert_int_eq(chan_ack(rx, more, 2), 2);
	ACK(a, 1);
	ck_assert_int_eq(chan_take(rx, more, 2, 0), 1);
	ACK(more[0], 1);
	ck_assert_int_eq(chan_take(rx, more, 1, 0), -EAGAIN);
}
END_TEST

START_TEST(should_not_take_what_was_purged_or_discarded)
{
	struct chan_lease a = take_one(1, 1), none;
	uint32_t more = 9;

	ck_assert_int_eq(chan_purge(rx), 7);
	ck_assert_int_eq(chan_take(rx, &none, 1, 0), -EAGAIN);
	ACK(a, 1);
	ck_assert_uint_eq(stat_of(tx).used, 0);
	for (; more <= 11; more++)
		ck_assert_int_eq(chan_send(tx, &more, sizeof(more), 0), 0);
	a = take_one(9, 1);
	ck_assert_int_eq(chan_close(tx, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_take(rx, &none, 1, 0), -EPIPE);
	ACK(a, 1);
}
END_TEST

START_TEST(should_refuse_what_makes_no_sense)
{
	struct chan_lease a = take_one(1, 1);

	ck_assert_int_eq(chan_take(rx, &a, 1, -2), -EINVAL);
	ck_assert_int_eq(chan_take(rx, &a, 0, 0), -EINVAL);
	a.seq++;
	ACK(a, -ESTALE);
	a.seq--;
	ACK(a, 1);
}
END_TEST

static void *use_elsewhere(void *lease)
{
	struct chan_lease other;

	must(chan_ack(rx, lease, 1) == -EPERM);
	must(chan_take(rx, &other, 1, 0) == -EPERM);
	return NULL;
}

START_TEST(should_stay_with_its_thread)
{
	struct chan_lease a = take_one(1, 1);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, use_elsewhere, &a), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(atomic_load(&failures), 0);
	ACK(a, 1);
}
END_TEST

/* Another endpoint holds what comes next, by positions as well: no header says so. */
START_TEST(should_not_take_what_another_one_holds)
{
	chan_t *other = open_as(CHAN_RECV, NULL);
	struct chan_lease a = take_one(1, 1), theirs;

	ACK(a, 1);
	ck_assert_int_eq(chan_take(other, &theirs, 1, 0), 1);
	ck_assert_uint_eq(theirs.seq, 2);
	a = take_one(3, 1);
	ck_assert_int_eq(chan_ack(other, &theirs, 1), 1);
	ACK(a, 1);
	a = take_one(4, 1);
	ck_assert_int_eq(chan_recv(other, &theirs, sizeof(theirs), 0), 4);
	ACK(a, 1);
	a = take_one(6, 1);
	ACK(a, 1);
	chan_detach(other);
}
END_TEST

/* ---- what a sender of a shared side reserves ---- */

static void *reserve_elsewhere(void *arg)
{
	void *place;

	must(chan_commit(tx, 4) == -EPERM);
	must(chan_reserve(tx, &place, 4, 0) == -EBUSY);
	return arg;
}

START_TEST(should_have_one_reservation_at_a_time)
{
	void *place, *other;
	uint32_t message = 9;
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(chan_commit(tx, sizeof(message)), -EINVAL);
		ck_assert_int_eq(chan_reserve(tx, &place, sizeof(message), 0), 0);
		ck_assert_int_eq(chan_reserve(tx, &other, sizeof(message), 0), -EDEADLK);
		ck_assert_int_eq(pthread_create(&thread, NULL, reserve_elsewhere, NULL), 0);
		pthread_join(thread, NULL);
		ck_assert_uint_eq(atomic_load(&failures), 0);
		ck_assert_int_eq(chan_commit(tx, sizeof(message) + 1), -EINVAL);
		memcpy(place, &message, sizeof(message));
		ck_assert_int_eq(chan_commit(tx, sizeof(message)), 0);
		message++;
	}
	for (uint32_t i = 1; i <= 10; i++)
		receive_one(i);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_reserve(tx, &place, sizeof(message), 0), -EPIPE);
}
END_TEST

#define REMEMBERED                                                                                 \
	should_acknowledge_a_message_once, should_acknowledge_in_any_order,                        \
		should_not_acknowledge_an_earlier_attempt,                                         \
		should_take_what_comes_after_other_calls,                                          \
		should_not_take_what_was_purged_or_discarded, should_refuse_what_makes_no_sense

void add_tests(void)
{
	GROUP("remembered", exclusive_pair, pair_end, REMEMBERED, should_stay_with_its_thread);
	GROUP("remembered, shared", shared_pair, pair_end, REMEMBERED,
		should_not_take_what_another_one_holds, should_have_one_reservation_at_a_time);
	GROUP("front", channel_setup, channel_teardown,
		should_consume_each_message_once_by_threads_that_share_endpoints);
}
