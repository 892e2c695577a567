/* SPDX-License-Identifier: MIT */
/*
 * Threads.  Many on one endpoint at once, with every kind of call (this is what
 * the thread sanitizer is to look at); and threads that end with something in
 * their hands.
 */
#include "support/channel.h"
#include "support/clock.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SENDERS = 3, RECEIVERS = 3, MESSAGES = 3000 };
#define PATIENCE SOON

static chan_t *open_it(unsigned flags)
{
	return open_as(flags, flags & CHAN_CREATE ? OPTIONS(.capacity = 4096) : NULL);
}

/* ---- many on one endpoint ---- */

static _Atomic uint64_t sent, received, sum_sent, sum_received;

static void *send_many(void *arg)
{
	chan_t *ch = arg;

	for (uint32_t i = 0; i < MESSAGES; i++) {
		uint32_t m[2] = {i, i + 1};
		struct iovec iov[2] = {{&m[0], 4}, {&m[1], 4}};
		void *place;
		int n = 1;

		switch (i % 3) {
		case 0:
			ck_assert_int_eq(chan_send(ch, &m[0], 4, PATIENCE), 0);
			break;
		case 1:
			ck_assert_int_eq(chan_reserve(ch, &place, 8, PATIENCE), 0);
			memcpy(place, &m[0], 4);
			ck_assert_int_eq(chan_commit(ch, 4), 0);
			break;
		default:
			n = chan_send_batch(ch, iov, 2, PATIENCE);
			ck_assert_int_gt(n, 0);
		}
		for (int j = 0; j < n; j++)
			atomic_fetch_add(&sum_sent, m[j]);
		atomic_fetch_add(&sent, (unsigned)n);
	}
	return NULL;
}

static void *receive_many(void *arg)
{
	chan_t *ch = arg;

	for (unsigned i = 0;; i++) {
		uint32_t m[2];
		struct iovec iov[2] = {{&m[0], 4}, {&m[1], 4}};
		struct chan_lease lease[2];
		int n;

		if (i % 3 == 0) {
			ssize_t r = chan_recv(ch, &m[0], 4, PATIENCE);

			n = r < 0 ? (int)r : 1;
		} else if (i % 3 == 1) {
			n = chan_recv_batch(ch, iov, 2, PATIENCE);
		} else {
			n = chan_take(ch, lease, 2, PATIENCE);
			for (int j = 0; j < n; j++)
				memcpy(&m[j], lease[j].data, 4);
			if (n > 0 && i % 5 == 0) {
				ck_assert_int_eq(chan_release(ch, lease, (unsigned)n), n);
				continue;
			}
			if (n > 0)
				ck_assert_int_eq(chan_ack(ch, lease, (unsigned)n), n);
		}
		if (n == -EPIPE)
			return NULL;
		ck_assert_int_gt(n, 0);
		for (int j = 0; j < n; j++)
			atomic_fetch_add(&sum_received, m[j]);
		atomic_fetch_add(&received, (unsigned)n);
	}
}

static _Atomic bool over;

static void *look_on(void *arg)
{
	chan_t *ch = arg;
	char buf[8];

	while (!atomic_load(&over)) {
		struct chan_stat st = {.size = sizeof(st)};
		struct chan_endpoint e[4];
		struct chan_cursor at = {0};
		ssize_t r;

		ck_assert_int_eq(chan_stat(ch, &st), 0);
		ck_assert_int_ge(chan_endpoints(ch, e, 4), 1);
		r = chan_peek(ch, buf, sizeof(buf), &at);
		ck_assert(r == 4 || r == -EAGAIN || r == -EBUSY);
		r = chan_recover(ch);
		ck_assert(r == 0 || r == -EBUSY);
	}
	return NULL;
}

/* One endpoint for all, or one for each. */
static void check_crowd(bool one)
{
	pthread_t sender[SENDERS], receiver[RECEIVERS], onlooker;
	chan_t *ch[SENDERS + RECEIVERS + 1]; /* the last one is the onlooker's */
	const int crowd = SENDERS + RECEIVERS + 1;

	for (int i = 0; i < crowd; i++)
		ch[i] = one && i ? ch[0] : open_it(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	for (int i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_create(&sender[i], NULL, send_many, ch[i]), 0);
	for (int i = 0; i < RECEIVERS; i++)
		ck_assert_int_eq(
			pthread_create(&receiver[i], NULL, receive_many, ch[SENDERS + i]), 0);
	ck_assert_int_eq(pthread_create(&onlooker, NULL, look_on, ch[crowd - 1]), 0);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(sender[i], NULL);
	ck_assert_int_eq(chan_close(ch[0], CHAN_DRAIN), 0);
	for (int i = 0; i < RECEIVERS; i++)
		pthread_join(receiver[i], NULL);
	atomic_store(&over, true);
	pthread_join(onlooker, NULL);
	ck_assert_uint_eq(atomic_load(&received), atomic_load(&sent));
	ck_assert_uint_eq(atomic_load(&sum_received), atomic_load(&sum_sent));
	for (int i = 0; i < (one ? 1 : crowd); i++)
		chan_detach(ch[i]);
}

START_TEST(should_serve_many_threads_on_one_endpoint)
{
	check_crowd(true);
}
END_TEST

START_TEST(should_serve_many_threads_with_one_each)
{
	check_crowd(false);
}
END_TEST

static void *open_and_leave(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		chan_t *ch = open_it(CHAN_SEND | CHAN_RECV);
		char buf[8];

		ck_assert_int_eq(chan_send(ch, "x", 1, PATIENCE), 0);
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), PATIENCE), 1);
		chan_detach(ch);
	}
	return NULL;
}

START_TEST(should_let_threads_open_and_leave)
{
	chan_t *keep = open_it(CHAN_SEND | CHAN_CREATE);
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, open_and_leave, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	chan_detach(keep);
}
END_TEST

/* ---- interrupted ---- */

static void *wait_for_ever(void *arg)
{
	char buf[8];

	return (void *)(intptr_t)chan_recv(arg, buf, sizeof(buf), CHAN_WAIT);
}

START_TEST(should_interrupt_the_wait_of_another_thread)
{
	chan_t *ch = open_it(CHAN_RECV | CHAN_CREATE);
	pthread_t thread[3];
	void *result;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, wait_for_ever, ch), 0);
	chan_interrupt(ch, 1);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], &result);
		ck_assert_int_eq((int)(intptr_t)result, -EINTR);
	}
	chan_interrupt(ch, 0);
	chan_detach(ch);
}
END_TEST

/* ---- threads that end with something in their hands ---- */

static void run(void *(*work)(void *), void *arg)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, work, arg), 0);
	pthread_join(thread, NULL);
}

static void *reserve_and_end(void *arg)
{
	void *place;

	ck_assert_int_eq(chan_reserve(arg, &place, 8, 0), 0);
	memcpy(place, "not sent", 8);
	return NULL;
}

static void *send_one(void *arg)
{
	int r = chan_send(arg, "sent", 4, PATIENCE);

	ck_assert_msg(r == 0, "send: %s", chan_strerror(r));
	return NULL;
}

START_TEST(should_repair_after_a_thread_that_ends_with_a_reservation)
{
	chan_t *ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	chan_t *other = open_it(CHAN_SEND);
	char buf[8];

	run(reserve_and_end, ch);
	ck_assert_int_eq(chan_send(other, "other", 5, PATIENCE), 0);
	ck_assert_int_eq(chan_send(ch, "same", 4, PATIENCE), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 5);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 4);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	chan_detach(other);
	chan_detach(ch);
}
END_TEST

/* The next thread has the same pthread_t, most likely; the reservation is not its
 * own. */
START_TEST(should_give_the_next_thread_a_reservation_of_its_own)
{
	chan_t *ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	char buf[8];

	run(reserve_and_end, ch);
	run(send_one, ch);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 4);
	chan_detach(ch);
}
END_TEST

static void *commit_anothers(void *arg)
{
	ck_assert_int_lt(chan_commit(arg, 8), 0);
	return NULL;
}

/* A commit without the lock would write over what another sent since. */
START_TEST(should_let_nobody_commit_the_reservation_of_a_thread_that_ended)
{
	chan_t *ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	chan_t *other = open_it(CHAN_SEND);
	char buf[8];

	run(reserve_and_end, ch);
	ck_assert_int_eq(chan_send(other, "other", 5, PATIENCE), 0);
	run(commit_anothers, ch);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 5);
	ck_assert_mem_eq(buf, "other", 5);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	chan_detach(other);
	chan_detach(ch);
}
END_TEST

static chan_t *alone;

static void *open_exclusive_and_end(void *arg)
{
	(void)arg;
	alone = open_it(CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE);
	ck_assert_int_eq(chan_send(alone, "left", 4, 0), 0);
	return NULL;
}

START_TEST(should_go_on_after_a_thread_that_ends_with_an_exclusive_endpoint)
{
	chan_t *ch;
	char buf[8];

	ck_assert_int_eq(chan_create(name, NULL), 0);
	run(open_exclusive_and_end, NULL);
	ck_assert_int_eq(chan_recv(alone, buf, sizeof(buf), 0), -EPERM);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -EBUSY); /* it is still there */
	chan_detach(alone);
	ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 4);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), 0);
	chan_detach(ch);
	ch = open_it(CHAN_SEND | CHAN_RECV);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	chan_detach(ch);
}
END_TEST

/* ---- cancellation ---- */

static _Atomic bool through;

static __attribute__((noinline)) void open_and_detach(void)
{
	struct chan_options opt = {.size = sizeof(opt), .capacity = 4096};
	chan_t *ch;

	if (chan_create(name, &opt) == 0 && chan_open(&ch, name, CHAN_SEND, NULL) == 0) {
		chan_detach(ch);
		through = true;
	}
}

/* No variables of its own: ASan keeps those of a frame that is unwound poisoned. */
static void *open_while_cancelled(void *arg)
{
	pthread_cancel(pthread_self()); /* from now on, the first point is the last */
	open_and_detach();
	pthread_testcancel();
	return arg;
}

/* Unwound in the middle, it would leave descriptors, or the lock that fork() takes. */
START_TEST(should_have_no_cancellation_point)
{
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, open_while_cancelled, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert(through);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
}
END_TEST

void add_tests(void)
{
	GROUP("threads", channel_setup, channel_teardown, should_serve_many_threads_on_one_endpoint,
		should_serve_many_threads_with_one_each, should_let_threads_open_and_leave,
		should_interrupt_the_wait_of_another_thread, should_have_no_cancellation_point);
	if (THREAD_SANITIZER) {
		not_tried("the thread sanitizer knows no robust mutex whose owner ends");
		return;
	}
	GROUP("threads that end", channel_setup, channel_teardown,
		should_repair_after_a_thread_that_ends_with_a_reservation,
		should_give_the_next_thread_a_reservation_of_its_own,
		should_let_nobody_commit_the_reservation_of_a_thread_that_ended,
		should_go_on_after_a_thread_that_ends_with_an_exclusive_endpoint);
}
