/* SPDX-License-Identifier: MIT */
/* What becomes of a rendezvous sender's message, and what its call returns. */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static chan_t *tx, *observer;

static void setup(void)
{
	channel_setup();
	tx = open_as(CHAN_SEND, OPTIONS(.flags = CHAN_RENDEZVOUS, .max_message = 100));
	observer = open_as(0, NULL);
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(observer);
	channel_teardown();
}

static int64_t patience;

static void *send_two(void *arg)
{
	struct iovec v[2] = {{name, 1}, {name, 2}};

	return (void *)(intptr_t)(arg ? chan_send_batch(tx, v, 2, patience)
				      : chan_send(tx, "x", 1, patience));
}

static bool offered(void *arg)
{
	(void)arg;
	return observer->kind->offered(&observer->ring);
}

static int purge_under_a_sender(void *batch)
{
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, send_two, batch);
	await(offered, NULL);
	ck_assert_int_eq(chan_purge(observer), 1);
	pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

START_TEST(should_report_a_purge_to_the_sender_that_waits)
{
	static const int64_t timeouts[] = {SOON, CHAN_WAIT};
	char m[100];
	chan_t *rx;

	for (unsigned i = 0; i < 2; i++) {
		patience = timeouts[i];
		ck_assert_int_eq(purge_under_a_sender(NULL), -ECANCELED);
		ck_assert_int_eq(purge_under_a_sender(&patience), -ECANCELED);
	}
	ck_assert_uint_eq(stat_of(tx).dropped_oldest, 4);
	rx = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), 0), -EAGAIN);
	ck_assert_int_eq(rx->kind->valid(&rx->ring), 0);
	chan_detach(rx);
}
END_TEST

static bool nothing_left(void *arg)
{
	return stat_of(arg).depth == 0;
}

START_TEST(should_count_in_a_batch_what_was_received_before_the_purge)
{
	chan_t *rx = open_as(CHAN_RECV, NULL);
	pthread_t thread;
	void *result;
	char m[100];

	patience = SOON;
	pthread_create(&thread, NULL, send_two, rx);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), SOON), 1);
	await(offered, NULL);
	ck_assert_int_eq(chan_purge(observer), 1);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, 1);
	await(nothing_left, rx);
	chan_detach(rx);
}
END_TEST

/* Commit a reservation while no receiver waits: it is over, whatever the result. */
static int commit_alone(unsigned policy, int64_t timeout)
{
	void *to;
	int result;

	ck_assert_int_eq(chan_set_overflow(tx, policy), 0);
	ck_assert_int_eq(chan_reserve(tx, &to, 100, timeout), 0);
	result = chan_commit(tx, 1);
	ck_assert_int_eq(chan_commit(tx, 1), -EINVAL);
	return result;
}

START_TEST(should_do_with_a_reservation_that_no_receiver_takes_as_the_policy_says)
{
	char m[100];
	chan_t *rx;

	ck_assert_int_eq(commit_alone(CHAN_BLOCK, 0), -EAGAIN);
	ck_assert_int_eq(commit_alone(CHAN_BLOCK, 1000000), -ETIMEDOUT);
	ck_assert_int_eq(commit_alone(CHAN_FAIL, CHAN_WAIT), -EAGAIN);
	ck_assert_int_eq(commit_alone(CHAN_DROP_NEWEST, CHAN_WAIT), CHAN_DROPPED);
	ck_assert_uint_eq(stat_of(tx).dropped_newest, 1);
	rx = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(tx).depth, 0);
	chan_detach(rx);
}
END_TEST

/* One of them has it, and each says which. */
#define ROUNDS 300
static struct {
	_Atomic bool over;
	_Atomic int received, purged;
} race;

static void *receive_some(void *arg)
{
	char m[100];

	while (!atomic_load(&race.over))
		if (chan_recv(arg, m, sizeof(m), MS / 10) >= 0)
			atomic_fetch_add(&race.received, 1);
	return NULL;
}

static void *purge_some(void *arg)
{
	while (!atomic_load(&race.over)) {
		int64_t n = chan_purge(arg);

		if (n > 0)
			atomic_fetch_add(&race.purged, (int)n);
	}
	return NULL;
}

START_TEST(should_agree_with_receivers_and_purgers_in_a_race)
{
	chan_t *rx = open_as(CHAN_RECV, NULL);
	int sent = 0, purged = 0, withdrawn = 0;
	pthread_t receiver, purger;

	pthread_create(&receiver, NULL, receive_some, rx);
	pthread_create(&purger, NULL, purge_some, observer);
	for (int64_t end = now() + SOON; now() < end && (sent < ROUNDS || purged < ROUNDS);) {
		int err = chan_send(tx, "x", 1, withdrawn % 2 ? SOON : 1 + rand() % MS);

		ck_assert(err == 0 || err == -ECANCELED || err == -ETIMEDOUT);
		sent += err == 0;
		purged += err == -ECANCELED;
		withdrawn += err == -ETIMEDOUT;
	}
	atomic_store(&race.over, true);
	pthread_join(receiver, NULL);
	pthread_join(purger, NULL);
	ck_assert_int_gt(sent, 0);
	ck_assert_int_gt(purged, 0);
	ck_assert_int_eq(atomic_load(&race.received), sent);
	ck_assert_int_eq(atomic_load(&race.purged), purged);
	ck_assert_uint_eq(stat_of(rx).dropped_oldest, (uint64_t)purged);
	chan_detach(rx);
}
END_TEST

void add_tests(void)
{
	GROUP("rendezvous", setup, teardown, should_report_a_purge_to_the_sender_that_waits,
		should_do_with_a_reservation_that_no_receiver_takes_as_the_policy_says,
		should_count_in_a_batch_what_was_received_before_the_purge,
		should_agree_with_receivers_and_purgers_in_a_race);
}
