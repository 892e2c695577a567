/* SPDX-License-Identifier: MIT */
/*
 * Timeout 0: -EAGAIN says that the channel was seen empty, or full.  A lock that is
 * busy for an instant says neither.
 */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define USERS 4
#define MESSAGES 20000

/* What the other processes came to. */
static int results[2];

static int take_until_empty(void *arg)
{
	chan_t *ch;
	char m[8];
	int n = 0, err;

	(void)arg;
	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return 1;
	while ((err = (int)chan_recv(ch, m, sizeof(m), 0)) >= 0 || err == -EBUSY)
		n += err >= 0;
	return write(results[1], &n, sizeof(n)) != sizeof(n) || err != -EAGAIN;
}

START_TEST(should_leave_nothing_behind_when_several_drain_at_once)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.capacity = MESSAGES * 32 + 65536));
	int n, sum = 0;
	pid_t pid[USERS];

	ck_assert_int_eq(pipe(results), 0);
	for (int i = 0; i < MESSAGES; i++)
		ck_assert_int_eq(chan_send(ch, "message", 8, 0), 0);
	for (int i = 0; i < USERS; i++)
		pid[i] = in_child(take_until_empty, NULL);
	for (int i = 0; i < USERS; i++)
		ck_assert_int_eq(wait_child(pid[i]), 0);
	for (int i = 0; i < USERS; i++) {
		ck_assert_int_eq(read(results[0], &n, sizeof(n)), sizeof(n));
		sum += n;
	}
	ck_assert_int_eq(sum, MESSAGES);
	ck_assert_uint_eq(stat_of(ch).depth, 0);
	close(results[0]);
	close(results[1]);
	chan_detach(ch);
}
END_TEST

static int send_many(void *arg)
{
	chan_t *ch;
	int err;

	(void)arg;
	if (chan_open(&ch, name, CHAN_SEND, NULL) < 0)
		return 1;
	for (int i = 0; i < MESSAGES / USERS; i++) {
		do
			err = chan_send(ch, "message", 8, 0);
		while (err == -EBUSY);
		if (err < 0)
			return 2;
	}
	return 0;
}

START_TEST(should_find_room_when_several_send_at_once)
{
	static chan_t *ch; /* the children have it, too, and valgrind should see that */
	pid_t pid[USERS];

	ch = open_as(CHAN_SEND, OPTIONS(.capacity = MESSAGES * 32 + 65536));
	for (int i = 0; i < USERS; i++)
		pid[i] = in_child(send_many, NULL);
	for (int i = 0; i < USERS; i++)
		ck_assert_int_eq(wait_child(pid[i]), 0);
	ck_assert_uint_eq(stat_of(ch).depth, MESSAGES);
	chan_detach(ch);
}
END_TEST

static struct {
	chan_t *ch;
	int64_t (*call)(chan_t *ch);
	_Atomic pid_t tid;
} other;

static void *call_it(void *arg)
{
	(void)arg;
	atomic_store(&other.tid, gettid());
	return (void *)(intptr_t)other.call(other.ch);
}

static bool other_sleeps(void *arg)
{
	(void)arg;
	return atomic_load(&other.tid) && asleep(atomic_load(&other.tid));
}

static int64_t recv_now(chan_t *ch)
{
	char m[8];

	return chan_recv(ch, m, sizeof(m), 0);
}
static int64_t take_now(chan_t *ch)
{
	struct chan_lease lease;
	int n = chan_take(ch, &lease, 1, 0);

	return n < 0 ? n : chan_ack(ch, &lease, 1);
}
static int64_t send_now(chan_t *ch)
{
	return chan_send(ch, "x", 1, 0);
}
static int64_t reserve_now(chan_t *ch)
{
	void *to;
	int err = chan_reserve(ch, &to, 1, 0);

	chan_abort(ch);
	return err;
}

/* `call`, which does not wait, sleeps for a lock that this thread has: it goes on. */
static void check_busy_lock(int64_t (*call)(chan_t *), bool senders)
{
	chan_t *mine = open_as(CHAN_SEND | CHAN_RECV, NULL);
	int64_t r;

	ck_assert_int_eq(chan_set_overflow(mine, CHAN_DROP_OLDEST), 0);
	other.call = call;
	do { /* it waits for a moment only, and we may come too late */
		struct limit limit = limit_of(SOON);
		pthread_t thread;
		void *result;

		ck_assert_int_eq(chan_send(mine, "message", 8, SOON), 0);
		atomic_store(&other.tid, 0);
		ck_assert_int_eq(
			senders ? senders_enter(mine, &limit) : receivers_enter(mine, &limit), 0);
		pthread_create(&thread, NULL, call_it, NULL);
		for (int i = 0; i < 50 && !other_sleeps(NULL); i++)
			nap(MS);
		if (senders)
			senders_leave(mine);
		else
			receivers_leave(mine);
		pthread_join(thread, &result);
		r = (int64_t)(intptr_t)result;
	} while (r == -EBUSY);
	ck_assert_int_ge(r, 0);
	chan_detach(mine);
}

START_TEST(should_wait_a_moment_for_a_busy_lock)
{
	other.ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	check_busy_lock(recv_now, false);
	check_busy_lock(take_now, false);
	check_busy_lock(send_now, true);
	check_busy_lock(reserve_now, true);
	/* drop-oldest needs the other side's lock, too */
	ck_assert_int_eq(chan_set_overflow(other.ch, CHAN_DROP_OLDEST), 0);
	while (stat_of(other.ch).dropped_oldest == 0)
		ck_assert_int_eq(chan_send(other.ch, name, sizeof(name), SOON), 0);
	check_busy_lock(send_now, false);
	chan_detach(other.ch);
}
END_TEST

START_TEST(should_say_busy_of_a_lock_that_stays_busy)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *rx;
	struct limit limit = limit_of(0);
	pthread_t thread;
	void *to, *result;

	other.ch = rx = open_as(CHAN_SEND | CHAN_RECV, NULL);
	ck_assert_int_eq(chan_reserve(tx, &to, 1, 0), 0);
	other.call = send_now;
	pthread_create(&thread, NULL, call_it, NULL);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, -EBUSY);
	ck_assert_int_eq(chan_commit(tx, 1), 0);
	ck_assert_int_eq(receivers_enter(rx, &limit), 0);
	other.call = recv_now;
	pthread_create(&thread, NULL, call_it, NULL);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, -EBUSY);
	receivers_leave(rx);
	ck_assert_int_eq(recv_now(rx), 1);
	chan_detach(rx);
	chan_detach(tx);
}
END_TEST

static int64_t send_slowly(chan_t *ch)
{
	return chan_send(ch, "x", 1, SOON);
}

static bool offered(void *arg)
{
	chan_t *ch = arg;

	return ch->kind->offered(&ch->ring);
}

/* There the sender that waits for its receiver has the lock. */
START_TEST(should_find_a_rendezvous_full_while_a_sender_waits_in_it)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.flags = CHAN_RENDEZVOUS)), *rx;
	pthread_t thread;
	void *result;

	rx = open_as(CHAN_RECV, NULL);
	other.ch = open_as(CHAN_SEND, NULL);
	other.call = send_slowly;
	pthread_create(&thread, NULL, call_it, NULL);
	await(offered, tx);
	ck_assert_int_eq(send_now(tx), -EAGAIN);
	ck_assert_int_eq(recv_now(rx), 1);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, 0);
	chan_detach(rx);
	chan_detach(tx);
	chan_detach(other.ch);
}
END_TEST

void add_tests(void)
{
	GROUP("nowait", channel_setup, channel_teardown,
		should_leave_nothing_behind_when_several_drain_at_once,
		should_find_room_when_several_send_at_once, should_wait_a_moment_for_a_busy_lock,
		should_say_busy_of_a_lock_that_stays_busy,
		should_find_a_rendezvous_full_while_a_sender_waits_in_it);
}
