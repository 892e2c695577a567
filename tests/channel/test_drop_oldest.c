/* SPDX-License-Identifier: MIT */
/* Drop-oldest: what is dropped where the oldest message is leased, or gone. */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define ROUND OPTIONS(.capacity = 4096, .overflow = CHAN_DROP_OLDEST)

static void send_number(chan_t *ch, int n, int expected)
{
	ck_assert_int_eq(chan_send(ch, &n, sizeof(n), SOON), expected);
}

static void recv_number(chan_t *ch, int expected)
{
	int n;

	ck_assert_int_eq(chan_recv(ch, &n, sizeof(n), 0), sizeof(n));
	ck_assert_int_eq(n, expected);
}

/* How many have room. */
static int fill(chan_t *ch)
{
	int n = 0;

	for (uint64_t dropped = stat_of(ch).dropped_oldest;
		stat_of(ch).dropped_oldest == dropped && stat_of(ch).dropped_leased == 0;)
		chan_send(ch, &(int){++n}, sizeof(n), 0);
	return n - 1;
}

static int take_two_and_wait(void *arg)
{
	struct chan_lease lease[2];
	chan_t *ch;

	(void)arg;
	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0 || chan_take(ch, lease, 2, SOON) != 2)
		return 1;
	pause();
	return 0;
}

static bool two_are_leased(void *arg)
{
	chan_t *ch = arg;
	uint64_t head = ring_head(&ch->ring);

	return ring_held(&ch->ring, head) >= head + 2 * ring_size(sizeof(int));
}

static pid_t holder(chan_t *tx)
{
	pid_t pid = in_child(take_two_and_wait, NULL);

	await(two_are_leased, tx);
	return pid;
}

static void kill_holder(pid_t pid, chan_t *tx)
{
	kill(pid, SIGKILL);
	wait_gone(pid, tx);
}

START_TEST(should_drop_what_a_dead_receiver_had_leased_and_keep_the_newest)
{
	chan_t *tx = open_as(CHAN_SEND, ROUND), *rx;
	int n = 1, room = fill(tx);
	uint64_t before = stat_of(tx).dropped_oldest;

	kill_holder(holder(tx), tx);
	for (; n <= 1000; n++)
		send_number(tx, n, 0);
	ck_assert_uint_eq(stat_of(tx).dropped_leased, 0);
	ck_assert_uint_eq(stat_of(tx).dropped_newest, 0);
	ck_assert_uint_eq(stat_of(tx).dropped_oldest, before + 1000);
	rx = open_as(CHAN_RECV, NULL);
	for (n = 1000 - room + 1; n <= 1000; n++)
		recv_number(rx, n);
	ck_assert_int_eq(chan_recv(rx, &n, sizeof(n), 0), -EAGAIN);
	chan_detach(rx);
	chan_detach(tx);
}
END_TEST

START_TEST(should_drop_the_newest_behind_a_living_lease_and_count_it_apart)
{
	chan_t *tx = open_as(CHAN_SEND, ROUND);
	pid_t pid;

	fill(tx);
	pid = holder(tx);
	for (int i = 0; i < 100; i++)
		send_number(tx, i, CHAN_DROPPED);
	ck_assert_uint_eq(stat_of(tx).dropped_leased, 100);
	ck_assert_uint_eq(stat_of(tx).dropped_newest, 0);
	ck_assert_uint_eq(stat_of(tx).dropped_oldest, 1);
	kill_holder(pid, tx);
	chan_detach(tx);
}
END_TEST

static bool the_newest_is_sent(void *arg)
{
	return chan_send(arg, &(int){1}, sizeof(int), 0) == 0;
}

/* The holder of a front that was looked at before is looked for again. */
START_TEST(should_notice_that_a_holder_has_died_meanwhile)
{
	chan_t *tx = open_as(CHAN_SEND, ROUND);
	pid_t pid;

	fill(tx);
	pid = holder(tx);
	send_number(tx, 1, CHAN_DROPPED);
	kill_holder(pid, tx);
	await(the_newest_is_sent, tx);
	chan_detach(tx);
}
END_TEST

static struct {
	chan_t *ch;
	_Atomic pid_t tid;
} sender;

static void *send_one(void *arg)
{
	(void)arg;
	atomic_store(&sender.tid, gettid());
	return (void *)(intptr_t)chan_send(sender.ch, &(int){1}, sizeof(int), SOON);
}

static bool sender_runs(void *arg)
{
	(void)arg;
	return atomic_load(&sender.tid) != 0;
}

/* As in a batch receive: the ring becomes empty while a sender that found it full
 * waits for the receivers' lock. */
START_TEST(should_send_into_a_ring_that_was_emptied_meanwhile)
{
	chan_t *rx = open_as(CHAN_RECV, ROUND);
	struct limit limit = limit_of(0);
	pthread_t thread;
	void *result;

	sender.ch = open_as(CHAN_SEND, NULL);
	fill(sender.ch);
	ck_assert_int_eq(receivers_enter(rx, &limit), 0);
	pthread_create(&thread, NULL, send_one, NULL);
	await(sender_runs, NULL);
	await_asleep(atomic_load(&sender.tid));
	ck_assert(rx->kind->consume(&rx->ring, ring_first(&rx->ring), ring_limit(&rx->ring)));
	receivers_leave(rx);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, 0);
	ck_assert_uint_eq(stat_of(rx).depth, 1);
	ck_assert_uint_eq(stat_of(rx).dropped_leased + stat_of(rx).dropped_newest, 0);
	chan_detach(rx);
	chan_detach(sender.ch);
}
END_TEST

void add_tests(void)
{
	GROUP("drop-oldest", channel_setup, channel_teardown,
		should_drop_what_a_dead_receiver_had_leased_and_keep_the_newest,
		should_drop_the_newest_behind_a_living_lease_and_count_it_apart,
		should_notice_that_a_holder_has_died_meanwhile);
	if (THREAD_SANITIZER)
		not_tried("under the thread sanitizer a sender that waits for a lock polls");
	else
		GROUP("meanwhile", channel_setup, channel_teardown,
			should_send_into_a_ring_that_was_emptied_meanwhile);
}
