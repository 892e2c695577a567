/* SPDX-License-Identifier: MIT */
/*
 * A removed channel: its senders and receivers learn of it, whoever removed it and
 * however.  chan_unlink(): they don't.
 */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include "channel/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buf[64];

static void remove_it(void)
{
	ck_assert_int_eq(chan_remove(name), 0);
}

static void rm(void)
{
	ck_assert_int_eq(unlink(segment_path), 0);
}

/* A second has passed since it last looked. */
static void look_again(chan_t *ch)
{
	atomic_store(&ch->name_seen, 0);
}

/* ---- by chan_remove() ---- */

START_TEST(should_end_senders_at_once)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));
	struct iovec two[2] = {{buf, 1}, {buf, 1}};
	void *to;

	send_text(ch, "before");
	ck_assert_int_eq(chan_reserve(ch, &to, 8, 0), 0);
	remove_it();
	ck_assert_int_eq(chan_commit(ch, 8), -EIDRM);
	ck_assert_int_eq(chan_commit(ch, 8), -EINVAL);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), -EIDRM);
	ck_assert_int_eq(chan_send(ch, "x", 1, CHAN_WAIT), -EIDRM);
	ck_assert_int_eq(chan_send_batch(ch, two, 2, CHAN_WAIT), -EIDRM);
	ck_assert_int_eq(chan_reserve(ch, &to, 8, CHAN_WAIT), -EIDRM);
	ck_assert_uint_eq(stat_of(ch).depth, 1);
	ck_assert_uint_eq(stat_of(ch).removed, 1);
	ck_assert_uint_eq(stat_of(ch).closed, 0);
	chan_detach(ch);
}
END_TEST

START_TEST(should_end_senders_whatever_the_overflow_policy)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.capacity = 4096, .overflow = (uint32_t)_i));

	while (chan_send(ch, buf, 60, 0) == 0 && stat_of(ch).depth < 20)
		;
	remove_it();
	ck_assert_int_eq(chan_send(ch, buf, 60, 0), -EIDRM);
	chan_detach(ch);
}
END_TEST

START_TEST(should_give_receivers_what_is_left_and_then_end_them)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *rx = open_as(CHAN_RECV, NULL);
	struct iovec in[2] = {{buf, 8}, {buf + 8, 8}};
	struct chan_lease lease[2];

	for (int i = 0; i < 5; i++)
		send_text(tx, "m");
	remove_it();
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), 1);
	ck_assert_int_eq(chan_recv_batch(rx, in, 2, CHAN_WAIT), 2);
	ck_assert_int_eq(chan_take(rx, lease, 2, CHAN_WAIT), 2);
	/* The end does not wait for leases; they are given back or acknowledged. */
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EIDRM);
	ck_assert_int_eq(chan_release(rx, lease + 1, 1), 1);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), 1);
	ck_assert_int_eq(chan_ack(rx, lease, 1), 1);
	in[0].iov_len = in[1].iov_len = 8;
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EIDRM);
	ck_assert_int_eq(chan_recv_batch(rx, in, 2, CHAN_WAIT), -EIDRM);
	ck_assert_int_eq(chan_take(rx, lease, 2, CHAN_WAIT), -EIDRM);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_let_an_observer_look_purge_and_close)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *look = open_as(0, NULL);
	struct chan_cursor at = {0};

	send_text(tx, "one");
	send_text(tx, "two");
	remove_it();
	ck_assert_uint_eq(stat_of(look).removed, 1);
	ck_assert_int_eq(chan_peek(look, buf, sizeof(buf), &at), 3);
	ck_assert_int_eq(chan_purge(look), 2);
	ck_assert_int_eq(chan_peek(look, buf, sizeof(buf), &at), -EAGAIN);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EIDRM);
	ck_assert_int_eq(chan_close(look, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EPIPE);
	ck_assert_uint_eq(stat_of(look).closed, 1);
	chan_detach(tx);
	chan_detach(look);
}
END_TEST

START_TEST(should_end_a_closed_channel_as_a_closed_one)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *rx = open_as(CHAN_RECV, NULL);

	send_text(tx, "last");
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	remove_it();
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EPIPE);
	expect_text(rx, "last");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_end_exclusive_endpoints)
{
	chan_t *tx = open_as(CHAN_SEND | CHAN_EXCLUSIVE, OPTIONS(.capacity = 4096));
	chan_t *rx = open_as(CHAN_RECV | CHAN_EXCLUSIVE, NULL);

	send_text(tx, "one");
	remove_it();
	ck_assert_int_eq(chan_send(tx, "x", 1, CHAN_WAIT), -EIDRM);
	expect_text(rx, "one");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EIDRM);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* ---- sleepers ---- */

static chan_t *sleeper;
static _Atomic pid_t sleeper_tid;
static int result;

static void *receive(void *arg)
{
	(void)arg;
	sleeper_tid = gettid();
	result = (int)chan_recv(sleeper, buf, sizeof(buf), CHAN_WAIT);
	return NULL;
}

static void *send(void *arg)
{
	(void)arg;
	sleeper_tid = gettid();
	result = chan_send(sleeper, buf, 60, CHAN_WAIT);
	return NULL;
}

/* What the sleeping call returns when the channel goes. */
static void expect_woken(void *(*call)(void *), void (*go)(void))
{
	pthread_t thread;

	sleeper_tid = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, call, NULL), 0);
	while (!sleeper_tid)
		nap(MS);
	await_asleep(sleeper_tid);
	go();
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(result, -EIDRM);
	chan_detach(sleeper);
}

static void (*const goes[])(void) = {remove_it, rm};

START_TEST(should_wake_a_sleeping_receiver)
{
	sleeper = open_as(CHAN_RECV, OPTIONS(.capacity = 4096));
	expect_woken(receive, goes[_i]);
}
END_TEST

START_TEST(should_wake_a_sleeping_sender)
{
	sleeper = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));
	while (chan_send(sleeper, buf, 60, 0) == 0)
		;
	expect_woken(send, goes[_i]);
}
END_TEST

START_TEST(should_wake_a_rendezvous_sender_and_take_its_message_back)
{
	chan_t *look;

	sleeper = open_as(CHAN_SEND, OPTIONS(.flags = CHAN_RENDEZVOUS));
	look = open_as(0, NULL);
	expect_woken(send, goes[_i]);
	ck_assert_int_eq(chan_purge(look), 0);
	chan_detach(look);
}
END_TEST

/* ---- a name that goes in another way ---- */

START_TEST(should_notice_when_it_would_have_to_wait)
{
	chan_t *rx = open_as(CHAN_RECV, OPTIONS(.capacity = 4096)), *tx = open_as(CHAN_SEND, NULL);

	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	rm();
	/* Not before a second has passed; then at the first look, and for all. */
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	look_again(rx);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EIDRM);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EIDRM);
	ck_assert_uint_eq(stat_of(tx).removed, 1);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_notice_in_a_short_wait)
{
	chan_t *rx = open_as(CHAN_RECV, OPTIONS(.capacity = 4096));
	int64_t end;
	int err;

	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), MS), -ETIMEDOUT);
	rm();
	end = now() + SOON;
	while ((err = (int)chan_recv(rx, buf, sizeof(buf), MS)) == -ETIMEDOUT && now() < end)
		;
	ck_assert_int_eq(err, -EIDRM);
	chan_detach(rx);
}
END_TEST

START_TEST(should_notice_with_a_full_ring_whatever_the_policy)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096, .overflow = (uint32_t)_i));

	for (int i = 0; i < 100; i++)
		chan_send(tx, buf, 60, 0);
	rm();
	look_again(tx);
	ck_assert_int_eq(chan_send(tx, buf, 60, 0), -EIDRM);
	chan_detach(tx);
}
END_TEST

/* A sender that never waits: 256 messages, or 16 KiB, at most after its look is due; or 16, if
 * they are long. */
START_TEST(should_notice_when_there_is_always_room)
{
	size_t length = _i ? 2000 : 8;
	static char big[2000];
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 16 << 20));
	int n = 0, err;

	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(chan_send(tx, big, length, 0), 0);
	rm();
	look_again(tx);
	while ((err = chan_send(tx, big, length, 0)) == 0)
		n++;
	ck_assert_int_eq(err, -EIDRM);
	ck_assert_int_le(n, 256);
	ck_assert(n <= 16 || n * length <= 16 << 10);
	chan_detach(tx);
}
END_TEST

START_TEST(should_notice_in_batches_and_in_place)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 16 << 20));
	struct iovec msg[10];
	int n = 0, err;
	void *to;

	for (int i = 0; i < 10; i++)
		msg[i] = (struct iovec){buf, 60};
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(chan_send_batch(tx, msg, 10, 0), 10);
	rm();
	look_again(tx);
	if (_i) {
		while ((err = chan_send_batch(tx, msg, 10, 0)) == 10)
			n += 10;
	} else {
		while ((err = chan_reserve(tx, &to, 60, 0)) == 0 && n++ < 1000)
			ck_assert_int_eq(chan_commit(tx, 60), 0);
	}
	ck_assert_int_eq(err, -EIDRM);
	ck_assert_int_le(n, 260);
	chan_detach(tx);
}
END_TEST

/* One that sends now and then looks each time. */
START_TEST(should_notice_with_each_message_when_they_come_slowly)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 1 << 20));

	send_text(tx, "first");
	nap(30 * MS);
	send_text(tx, "second");
	rm();
	look_again(tx);
	nap(30 * MS);
	ck_assert_int_eq(chan_send(tx, "third", 5, 0), -EIDRM);
	chan_detach(tx);
}
END_TEST

/* The whole of it by the clock: a busy pair, and neither ever waits. */
START_TEST(should_notice_within_a_second_at_work)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 1 << 20));
	int64_t gone, took;
	int err;

	send_text(ch, "never empty");
	rm();
	gone = now() - starved();
	do {
		err = chan_send(ch, buf, 60, 0);
		ck_assert_int_ge(chan_recv(ch, buf, sizeof(buf), 0), 0);
		took = now() - starved() - gone;
	} while (err == 0 && took < SOON);
	ck_assert_int_eq(err, -EIDRM);
	ck_assert_msg(took < 1500 * MS, "%lld ms", (long long)(took / MS));
	chan_detach(ch);
}
END_TEST

START_TEST(should_notice_a_file_put_over_it_and_leave_that_alone)
{
	chan_t *old = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *ch;

	rm();
	ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	look_again(old);
	send_text(ch, "new");
	ck_assert_int_eq(chan_send(old, "x", 1, 0), -EIDRM);
	expect_text(ch, "new");
	ck_assert_uint_eq(stat_of(ch).removed, 0);
	chan_detach(old);
	chan_detach(ch);
}
END_TEST

START_TEST(should_notice_when_it_is_recovered)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *look = open_as(0, NULL);

	rm();
	ck_assert_int_eq(chan_recover(look), 0);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EIDRM);
	chan_detach(tx);
	chan_detach(look);
}
END_TEST

/* ---- others that remove, and those that open ---- */

START_TEST(should_mark_a_ref_channel_that_its_last_endpoint_removes)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.lifetime = CHAN_REF)), *look = open_as(0, NULL);

	chan_detach(ch);
	ck_assert(channel_state(look) & LAYOUT_REMOVED);
	ck_assert_uint_eq(stat_of(look).removed, 1);
	chan_detach(look);
}
END_TEST

START_TEST(should_not_open_what_is_marked)
{
	chan_t *look = open_as(0, OPTIONS(.capacity = 4096)), *ch;

	channel_mark(look, LAYOUT_REMOVED); /* with its name, as a copied file */
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND, NULL), -ENOENT);
	ck_assert_int_eq(access(segment_path, F_OK), -1);
	chan_detach(look);

	look = open_as(0, OPTIONS(.capacity = 4096));
	channel_mark(look, LAYOUT_REMOVED);
	ch = open_as(CHAN_SEND | CHAN_CREATE, NULL);
	send_text(ch, "in a new one");
	ck_assert_uint_eq(stat_of(look).depth, 0);
	chan_detach(look);
	chan_detach(ch);
}
END_TEST

START_TEST(should_mark_it_when_it_has_a_second_name)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));
	char second[160];

	snprintf(second, sizeof(second), "%s.link", segment_path);
	ck_assert_int_eq(link(segment_path, second), 0);
	remove_it();
	ck_assert_int_eq(unlink(second), 0);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EIDRM);
	chan_detach(tx);
}
END_TEST

START_TEST(should_remove_what_it_cannot_open)
{
	int fd = open(segment_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	remove_it();
	ck_assert_int_eq(chan_remove(name), -ENOENT);
}
END_TEST

/* ---- the name only ---- */

START_TEST(should_let_users_go_on_without_the_name)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *rx = open_as(CHAN_RECV, NULL);
	chan_t *ch;

	send_text(tx, "before");
	ck_assert_int_eq(chan_unlink(name), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -ENOENT);
	look_again(tx);
	look_again(rx);
	send_text(tx, "behind");
	expect_text(rx, "before");
	expect_text(rx, "behind");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recover(rx), 0);
	send_text(tx, "and still");
	ck_assert_uint_eq(stat_of(tx).removed, 2);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_report_a_removal_after_a_killed_unlink)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096));

	channel_mark(tx, LAYOUT_UNLINKED); /* and then it was killed */
	ck_assert_uint_eq(stat_of(tx).removed, 0);
	remove_it();
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EIDRM);
	ck_assert_uint_eq(stat_of(tx).removed, 1);
	chan_detach(tx);
}
END_TEST

START_TEST(should_not_unlink_what_is_not_there_or_no_channel)
{
	int fd;

	ck_assert_int_eq(chan_unlink(name), -ENOENT);
	ck_assert_int_eq(chan_unlink("a/b/c"), -EINVAL);
	fd = open(segment_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(chan_unlink(name), -EBADMSG);
	remove_it();
}
END_TEST

void add_tests(void)
{
	GROUP("removed", channel_setup, channel_teardown, should_end_senders_at_once,
		should_give_receivers_what_is_left_and_then_end_them,
		should_let_an_observer_look_purge_and_close,
		should_end_a_closed_channel_as_a_closed_one, should_end_exclusive_endpoints);
	GROUP_FOR(0, 4, "policies", channel_setup, channel_teardown,
		should_end_senders_whatever_the_overflow_policy);
	GROUP_FOR(0, 2, "sleepers", channel_setup, channel_teardown,
		should_wake_a_sleeping_receiver, should_wake_a_sleeping_sender,
		should_wake_a_rendezvous_sender_and_take_its_message_back);
	GROUP("noticed", channel_setup, channel_teardown, should_notice_when_it_would_have_to_wait,
		should_notice_in_a_short_wait,
		should_notice_with_each_message_when_they_come_slowly,
		should_notice_within_a_second_at_work,
		should_notice_a_file_put_over_it_and_leave_that_alone,
		should_notice_when_it_is_recovered);
	GROUP_FOR(0, 4, "noticed, full", channel_setup, channel_teardown,
		should_notice_with_a_full_ring_whatever_the_policy);
	GROUP_FOR(0, 2, "noticed, with room", channel_setup, channel_teardown,
		should_notice_when_there_is_always_room, should_notice_in_batches_and_in_place);
	GROUP("names", channel_setup, channel_teardown,
		should_mark_a_ref_channel_that_its_last_endpoint_removes,
		should_not_open_what_is_marked, should_mark_it_when_it_has_a_second_name,
		should_remove_what_it_cannot_open);
	GROUP("unlinked", channel_setup, channel_teardown, should_let_users_go_on_without_the_name,
		should_report_a_removal_after_a_killed_unlink,
		should_not_unlink_what_is_not_there_or_no_channel);
}
