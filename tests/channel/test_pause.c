/* SPDX-License-Identifier: MIT */
/* Paused: receivers find nothing, and lose nothing. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

static chan_t *tx, *rx;
static char buf[16];

static void setup_kind(uint32_t kind, uint32_t flags)
{
	channel_setup();
	tx = open_as(CHAN_SEND, OPTIONS(.kind = kind, .flags = flags));
	rx = open_as(CHAN_RECV, NULL);
}

static void setup(void)
{
	setup_kind(CHAN_KIND_QUEUE, 0);
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(rx);
	channel_teardown();
}

START_TEST(should_hide_messages_until_it_goes_on)
{
	struct chan_lease lease;
	struct iovec iov = {buf, sizeof(buf)};

	send_text(tx, "a");
	ck_assert_int_eq(chan_pause(tx, 1), 0);
	ck_assert_int_eq(chan_pause(rx, 1), 0); /* again */
	ck_assert_uint_eq(stat_of(rx).paused, 1);
	send_text(tx, "b");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 10 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_recv_batch(rx, &iov, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_pause(rx, 0), 0);
	ck_assert_uint_eq(stat_of(rx).paused, 0);
	expect_text(rx, "a");
	expect_text(rx, "b");
}
END_TEST

START_TEST(should_leave_leases_and_purges_alone)
{
	struct chan_lease lease;

	send_text(tx, "a");
	send_text(tx, "b");
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_pause(rx, 1), 0);
	ck_assert_int_eq(chan_release(rx, &lease, 1), 1);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_purge(rx), 2);
	ck_assert_int_eq(chan_pause(rx, 0), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
}
END_TEST

static void *receive_x(void *unused)
{
	(void)unused;
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), 1);
	return NULL;
}

static bool receiver_waits(void *arg)
{
	struct chan_endpoint e[4];
	int n = chan_endpoints(tx, e, 4);

	(void)arg;
	for (int i = 0; i < n; i++)
		if (e[i].roles & CHAN_RECV && e[i].waiting)
			return true;
	return false;
}

/* A message that comes meanwhile wakes it, and it sleeps on; nobody wakes it but the end of the
 * pause. */
START_TEST(should_wake_who_waits_when_it_goes_on)
{
	pthread_t t;

	for (int round = 0; round < 20; round++) {
		ck_assert_int_eq(chan_pause(tx, 1), 0);
		if (round % 2)
			send_text(tx, "x");
		ck_assert_int_eq(pthread_create(&t, NULL, receive_x, NULL), 0);
		await(receiver_waits, NULL);
		if (!(round % 2))
			send_text(tx, "x");
		ck_assert_int_eq(chan_pause(tx, 0), 0);
		ck_assert_int_eq(pthread_join(t, NULL), 0);
	}
}
END_TEST

START_TEST(should_rest_descriptors_and_selections)
{
	struct chan_case c = {
		.size = sizeof(c), .op = CHAN_OP_RECV, .ch = rx, .data = buf, .len = sizeof(buf)};
	struct pollfd p = {.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN};

	ck_assert_int_ge(p.fd, 0);
	ck_assert_int_eq(chan_pause(tx, 1), 0);
	send_text(tx, "a");
	ck_assert_int_eq(chan_select(&c, 1, 5 * MS, 0), -ETIMEDOUT);
	for (int i = 0; i < 1000 && poll(&p, 1, 0) != 0; i++)
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(poll(&p, 1, 20), 0); /* it rests */
	ck_assert_int_eq(chan_pause(tx, 0), 0);
	ck_assert_int_eq(poll(&p, 1, (int)(SOON / MS)), 1);
	ck_assert_int_eq(chan_select(&c, 1, SOON, 0), 0);
	ck_assert_int_eq(c.result, 1);
}
END_TEST

START_TEST(should_stay_paused_when_closed_and_go_on_when_removed)
{
	send_text(tx, "a");
	ck_assert_int_eq(chan_pause(tx, 1), 0);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 5 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_remove(name), 0);
	expect_text(rx, "a");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EPIPE);
}
END_TEST

START_TEST(should_end_at_once_if_what_is_there_is_discarded)
{
	send_text(tx, "a");
	ck_assert_int_eq(chan_pause(tx, 1), 0);
	ck_assert_int_eq(chan_close(tx, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
}
END_TEST

/* Its short ways know of no lock to take. */
START_TEST(should_stop_an_exclusive_receiver)
{
	struct chan_lease lease;

	chan_detach(rx);
	rx = open_as(CHAN_RECV | CHAN_EXCLUSIVE, NULL);
	for (int i = 0; i < 4; i++)
		send_text(tx, "x");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
		ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	}
	ck_assert_int_eq(chan_pause(tx, 1), 0);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_pause(tx, 0), 0);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	expect_text(rx, "x");
}
END_TEST

static void setup_ends(void)
{
	setup_kind(CHAN_KIND_QUEUE, CHAN_END_WITH_SENDERS);
}

/* The end waits, too; and the wait sleeps. */
START_TEST(should_hide_the_end_of_the_senders)
{
	send_text(tx, "a");
	ck_assert_int_eq(chan_pause(rx, 1), 0);
	chan_detach(tx);
	tx = NULL;
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 5 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_pause(rx, 0), 0);
	expect_text(rx, "a");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EPIPE);
}
END_TEST

static void setup_rendezvous(void)
{
	setup_kind(CHAN_KIND_RENDEZVOUS, 0);
}

START_TEST(should_keep_a_rendezvous_waiting)
{
	pthread_t t;

	ck_assert_int_eq(chan_pause(tx, 1), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, receive_x, NULL), 0);
	await(receiver_waits, NULL);
	ck_assert_int_eq(chan_send(tx, "x", 1, 5 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_pause(tx, 0), 0);
	ck_assert_int_eq(chan_send(tx, "x", 1, SOON), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
}
END_TEST

static void setup_latest(void)
{
	setup_kind(CHAN_KIND_LATEST, 0);
}

START_TEST(should_be_refused_where_there_are_no_messages)
{
	ck_assert_int_eq(chan_pause(tx, 1), -EINVAL);
}
END_TEST

static atomic_bool done;

static void *pause_again_and_again(void *unused)
{
	(void)unused;
	while (!atomic_load(&done)) {
		chan_pause(tx, 1);
		chan_pause(tx, 0);
	}
	return NULL;
}

static int send_number(uint32_t n)
{
	return chan_send(tx, &n, sizeof(n), 0);
}

/* Whenever the pause comes and goes, no message is taken for one that was looked at. */
START_TEST(should_lose_nothing_beside_pauses)
{
	pthread_t t;
	uint32_t got;

	atomic_store(&done, false);
	ck_assert_int_eq(pthread_create(&t, NULL, pause_again_and_again, NULL), 0);
	for (uint32_t n = 0, next = 0; next < 20000;) {
		while (n < next + 3)
			ck_assert_int_eq(send_number(n++), 0);
		while (next < n) {
			ck_assert_int_eq(chan_recv(rx, &got, sizeof(got), SOON), sizeof(got));
			ck_assert_uint_eq(got, next++);
		}
	}
	atomic_store(&done, true);
	pthread_join(t, NULL);
}
END_TEST

void add_tests(void)
{
	GROUP("pause", setup, teardown, should_hide_messages_until_it_goes_on,
		should_leave_leases_and_purges_alone, should_wake_who_waits_when_it_goes_on,
		should_rest_descriptors_and_selections,
		should_stay_paused_when_closed_and_go_on_when_removed,
		should_end_at_once_if_what_is_there_is_discarded, should_stop_an_exclusive_receiver,
		should_lose_nothing_beside_pauses);
	GROUP("pause, ends with senders", setup_ends, teardown, should_hide_the_end_of_the_senders);
	GROUP("pause, rendezvous", setup_rendezvous, teardown, should_keep_a_rendezvous_waiting);
	GROUP("pause, latest", setup_latest, teardown,
		should_be_refused_where_there_are_no_messages);
}
