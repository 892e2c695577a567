/* SPDX-License-Identifier: MIT */
/* Messages that are delayed, given back with a delay, or buried. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONG_TIME INT64_C(3600000000000)

static chan_t *tx, *rx;
static char buf[4096];
static struct chan_meta meta, got;

static void open_both(const struct chan_options *opt)
{
	channel_setup();
	tx = open_as(CHAN_SEND, opt);
	rx = open_as(CHAN_RECV, NULL);
	chan_meta_init(&meta);
	chan_meta_init(&got);
}

static void setup(void)
{
	open_both(OPTIONS(.flags = CHAN_META, .max_message = 1000));
}

static void setup_ends(void)
{
	open_both(OPTIONS(.flags = CHAN_META | CHAN_END_WITH_SENDERS, .max_message = 1000));
}

static void setup_plain(void)
{
	open_both(OPTIONS(.max_message = 1000));
}

static void setup_lanes(void)
{
	open_both(OPTIONS(.flags = CHAN_META, .max_message = 1000, .lanes = 4,
		.lane_by = CHAN_BY_KEY));
}

static void setup_drops(void)
{
	open_both(OPTIONS(.flags = CHAN_META, .capacity = 8192, .max_message = 1000,
		.overflow = CHAN_DROP_OLDEST));
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(rx);
	channel_teardown();
}

static int64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void send_delayed(const char *text, int64_t delay)
{
	meta.delay = delay;
	ck_assert_int_eq(chan_send_meta(tx, text, strlen(text), &meta, SOON), 0);
}

/* Wait for a text. */
static void await_text(const char *text)
{
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), strlen(text));
	ck_assert_mem_eq(buf, text, strlen(text));
}

static void take_text(struct chan_lease *lease, const char *text, uint32_t attempt)
{
	ck_assert_int_eq(chan_take(rx, lease, 1, SOON), 1);
	ck_assert_uint_eq(lease->len, strlen(text));
	ck_assert_mem_eq(lease->data, text, lease->len);
	ck_assert_uint_eq(lease->attempt, attempt);
}

/* ---- delayed ---- */

START_TEST(should_deliver_when_it_is_due_and_not_before)
{
	int64_t start = monotonic();

	send_delayed("late", 150 * MS);
	send_delayed("later", 300 * MS);
	send_delayed("now", 0);
	expect_text(rx, "now");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).delayed, 2);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 1 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_recv_meta(rx, buf, sizeof(buf), &got, SOON), 4);
	ck_assert_int_ge(monotonic() - start, 150 * MS);
	ck_assert_uint_eq(got.seq, 1);
	ck_assert_uint_eq(got.attempt, 1);
	ck_assert_int_eq(got.delay, 0);
	await_text("later");
	ck_assert_int_ge(monotonic() - start, 300 * MS);
	ck_assert_uint_eq(stat_of(rx).delayed, 0);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
}
END_TEST

/* Sleepers are awake in time, long before the slice of a second ends. */
START_TEST(should_be_awake_in_time)
{
	int64_t best = INT64_MAX, start, late;

	for (int i = 0; i < 5; i++) {
		start = monotonic();
		send_delayed("x", 30 * MS);
		await_text("x");
		late = monotonic() - start - 30 * MS;
		ck_assert_int_ge(late, 0);
		best = late < best ? late : best;
	}
	ck_assert_int_lt(best, 100 * MS);
}
END_TEST

START_TEST(should_keep_what_is_not_due_from_looks)
{
	struct chan_cursor at = {.flags = CHAN_LEASED_TOO}, plain = {.pos = 0};

	send_delayed("d", LONG_TIME);
	for (int i = 0; i < 2; i++) {
		at.pos = plain.pos = 0;
		ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &plain), -EAGAIN);
		ck_assert_int_eq(chan_peek_meta(rx, buf, sizeof(buf), &at, &got), 1);
		ck_assert_uint_eq(at.flags, CHAN_LEASED_TOO | CHAN_IS_DELAYED);
		ck_assert_int_gt(got.delay, LONG_TIME / 2);
		ck_assert_uint_eq(got.attempt, 0);
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	}
	ck_assert_int_eq(chan_purge(rx), 1);
	ck_assert_uint_eq(stat_of(rx).delayed, 0);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
}
END_TEST

START_TEST(should_expire_what_is_delayed_for_longer)
{
	meta.ttl = 1 * MS;
	send_delayed("x", 20 * MS);
	meta.ttl = 0;
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 100 * MS), -ETIMEDOUT);
	ck_assert_uint_eq(stat_of(rx).expired, 1);
	ck_assert_uint_eq(stat_of(rx).delayed, 0);
}
END_TEST

/* ---- given back ---- */

START_TEST(should_come_again_after_the_delay)
{
	struct chan_lease lease[3];
	int64_t start;

	send_text(tx, "a");
	send_text(tx, "b");
	send_text(tx, "c");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(chan_take(rx, &lease[i], 1, 0), 1);
	start = monotonic();
	ck_assert_int_eq(chan_release_after(rx, &lease[1], 2, 100 * MS), 2);
	ck_assert_int_eq(chan_release_after(rx, &lease[1], 1, 100 * MS), -ESTALE);
	ck_assert_int_eq(chan_ack(rx, &lease[1], 1), -ESTALE);
	ck_assert_int_eq(chan_ack(rx, &lease[0], 1), 1);
	ck_assert_uint_eq(stat_of(rx).delayed, 2);
	ck_assert_int_eq(chan_take(rx, lease, 1, 0), -EAGAIN);
	take_text(&lease[1], "b", 2);
	ck_assert_int_ge(monotonic() - start, 100 * MS);
	ck_assert_int_eq(chan_lease_meta(rx, &lease[1], &got), 0);
	ck_assert_uint_eq(got.attempt, 2);
	take_text(&lease[2], "c", 2);
	ck_assert_int_eq(chan_release_after(rx, &lease[2], 1, 0), 1);
	take_text(&lease[2], "c", 3);
	ck_assert_int_eq(chan_ack(rx, &lease[1], 2), 2);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
}
END_TEST

START_TEST(should_refuse_bad_delays)
{
	struct chan_lease lease;

	send_text(tx, "a");
	take_text(&lease, "a", 1);
	ck_assert_int_eq(chan_release_after(rx, &lease, 1, -1), -EINVAL);
	ck_assert_int_eq(chan_release_after(tx, &lease, 1, 1), -EBADF);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
}
END_TEST

/* ---- those that sleep ---- */

static unsigned sleepers(void)
{
	struct chan_endpoint e[8];
	int n = chan_endpoints(tx, e, 8);
	unsigned waiting = 0;

	for (int i = 0; i < n; i++)
		waiting += e[i].roles & CHAN_RECV && e[i].waiting;
	return waiting;
}

static bool one_sleeps(void *arg)
{
	(void)arg;
	return sleepers() >= 1;
}

static bool two_sleep(void *arg)
{
	(void)arg;
	return sleepers() >= 2;
}

static void *receive_one(void *arg)
{
	chan_t *ch = open_as(CHAN_RECV, NULL);
	char one[16];
	ssize_t n = chan_recv(ch, one, sizeof(one), SOON);

	(void)arg;
	ck_assert_int_eq(n, 1);
	chan_detach(ch);
	return (void *)(uintptr_t)(unsigned char)one[0];
}

/* A sleeper that knows of no delay has to learn of a new one from whoever sets it aside; and
 * from the one that knew, and goes off with another message. */
START_TEST(should_wake_a_sleeper_that_knows_of_no_delay)
{
	pthread_t t[2];
	struct chan_lease lease;
	void *first, *second;
	int64_t start;

	send_text(tx, "d");
	take_text(&lease, "d", 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, receive_one, NULL), 0);
	await(two_sleep, NULL);
	start = monotonic();
	ck_assert_int_eq(chan_release_after(rx, &lease, 1, 200 * MS), 1);
	send_text(tx, "n");
	ck_assert_int_eq(pthread_join(t[0], &first), 0);
	ck_assert_int_eq(pthread_join(t[1], &second), 0);
	ck_assert_uint_eq((uintptr_t)first + (uintptr_t)second, 'd' + 'n');
	ck_assert_int_ge(monotonic() - start, 200 * MS);
	ck_assert_int_lt(monotonic() - start, 900 * MS);
}
END_TEST

/* The time of one that is due earlier than all that were known. */
START_TEST(should_wake_for_an_earlier_one)
{
	pthread_t t;
	void *first;

	send_delayed("l", LONG_TIME);
	ck_assert_int_eq(pthread_create(&t, NULL, receive_one, NULL), 0);
	await(one_sleeps, NULL);
	send_delayed("e", 50 * MS);
	ck_assert_int_eq(pthread_join(t, &first), 0);
	ck_assert_uint_eq((uintptr_t)first, 'e');
	ck_assert_uint_eq(stat_of(rx).delayed, 1);
}
END_TEST

START_TEST(should_wake_selections_and_sets)
{
	struct chan_case c = {
		.size = sizeof(c), .op = CHAN_OP_RECV, .ch = rx, .data = buf, .len = sizeof(buf)};
	struct chan_ready ready;
	chan_set_t *set;
	int64_t start = monotonic();

	send_delayed("s", 100 * MS);
	ck_assert_int_eq(chan_select(&c, 1, 1 * MS, 0), -ETIMEDOUT);
	ck_assert_int_eq(chan_select(&c, 1, SOON, 0), 0);
	ck_assert_int_eq(c.result, 1);
	ck_assert_int_ge(monotonic() - start, 100 * MS);
	ck_assert_int_lt(monotonic() - start, 900 * MS);

	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, rx, CHAN_RECV, NULL), 0);
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, 0), -EAGAIN);
	start = monotonic();
	send_delayed("t", 100 * MS);
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, 1 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, SOON), 1);
	ck_assert_int_ge(monotonic() - start, 100 * MS);
	ck_assert_int_lt(monotonic() - start, 900 * MS);
	expect_text(rx, "t");
	chan_set_destroy(set);
}
END_TEST

START_TEST(should_wake_event_loops)
{
	struct chan_ready ready;
	struct pollfd p[2];
	chan_set_t *set;
	int64_t start;

	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, rx, CHAN_RECV, NULL), 0);
	p[0] = (struct pollfd){.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN};
	p[1] = (struct pollfd){.fd = chan_set_fd(set), .events = POLLIN};
	ck_assert_int_ge(p[0].fd, 3);
	ck_assert_int_ge(p[1].fd, 3);
	for (int i = 0; i < 2; i++) {
		start = monotonic();
		send_delayed("e", 150 * MS);
		/* Until both rest. */
		for (int j = 0; j < 100 && poll(p, 2, 0) > 0; j++) {
			ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
			ck_assert_int_eq(chan_set_wait(set, &ready, 1, 0), -EAGAIN);
		}
		ck_assert_int_eq(poll(&p[i], 1, (int)(SOON / MS)), 1);
		ck_assert_int_ge(monotonic() - start, 150 * MS);
		ck_assert_int_lt(monotonic() - start, 900 * MS);
		if (i == 1)
			ck_assert_int_eq(chan_set_wait(set, &ready, 1, 0), 1);
		expect_text(rx, "e");
	}
	chan_set_destroy(set);
}
END_TEST

/* ---- the end waits for it ---- */

START_TEST(should_end_after_what_is_delayed)
{
	send_delayed("x", 100 * MS);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 1 * MS), -ETIMEDOUT);
	await_text("x");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
}
END_TEST

START_TEST(should_end_with_the_senders_after_it)
{
	send_delayed("x", 100 * MS);
	chan_detach(tx);
	tx = NULL;
	await_text("x");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
}
END_TEST

START_TEST(should_end_at_once_if_it_is_discarded)
{
	send_delayed("x", LONG_TIME);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_close(tx, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
}
END_TEST

/* ---- deaths ---- */

/* In a child: take a message, set one aside, and be killed with a lease. */
START_TEST(should_not_be_freed_by_a_death)
{
	struct chan_lease lease[2];
	pid_t pid;
	int status;

	send_text(tx, "a");
	send_text(tx, "b");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		chan_t *ch = open_as(CHAN_RECV, NULL);

		if (chan_take(ch, lease, 2, 0) == 2 &&
			chan_release_after(ch, lease, 1, LONG_TIME) == 1)
			raise(SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	take_text(lease, "b", 2);
	ck_assert_int_eq(chan_take(rx, lease + 1, 1, 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).delayed, 1);
	ck_assert_int_eq(chan_release_seq(rx, 1), 0);
	take_text(lease + 1, "a", 2);
	ck_assert_int_eq(chan_ack(rx, lease, 2), 2);
}
END_TEST

/* ---- drop-oldest ---- */

START_TEST(should_drop_what_is_delayed)
{
	send_delayed("oldest", LONG_TIME);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	memset(buf, 'x', 1000);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(chan_send(tx, buf, 1000, 0), 0);
	ck_assert_uint_eq(stat_of(rx).delayed, 0);
	ck_assert_uint_eq(stat_of(rx).dropped_leased, 0);
	ck_assert_uint_gt(stat_of(rx).dropped_oldest, 10);
}
END_TEST

/* ---- buried ---- */

START_TEST(should_bury_and_kick)
{
	struct chan_lease lease[4];
	struct chan_cursor at = {.flags = CHAN_LEASED_TOO};

	for (int i = 0; i < 4; i++)
		send_text(tx, (char[]){(char)('a' + i), 0});
	ck_assert_int_eq(chan_take(rx, lease, 4, 0), 4);
	ck_assert_int_eq(chan_bury(rx, &lease[1], 3), 3);
	ck_assert_int_eq(chan_bury(rx, &lease[1], 1), -ESTALE);
	ck_assert_int_eq(chan_ack(rx, lease, 1), 1);
	ck_assert_uint_eq(stat_of(rx).buried, 3);
	ck_assert_int_eq(chan_take(rx, lease, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &at), 1);
	ck_assert_uint_eq(at.flags, CHAN_LEASED_TOO | CHAN_IS_BURIED);
	ck_assert_int_eq(chan_purge(rx), 0);
	ck_assert_int_eq(chan_kick(tx, 1), 1);
	take_text(lease, "b", 1);
	ck_assert_int_eq(chan_bury_seq(tx, 2), -EBUSY);
	ck_assert_int_eq(chan_release_seq(tx, 2), -EBUSY);
	ck_assert_int_eq(chan_release_seq(tx, 99), -ENOENT);
	ck_assert_int_eq(chan_release_seq(tx, 1), -ENOENT);
	ck_assert_int_eq(chan_release_seq(tx, 4), 0);
	take_text(lease + 1, "d", 1);
	ck_assert_int_eq(chan_ack(rx, lease, 2), 2);
	send_text(tx, "e");
	ck_assert_int_eq(chan_bury_seq(tx, 5), 0);
	ck_assert_int_eq(chan_bury_seq(tx, 5), 0);
	ck_assert_int_eq(chan_take(rx, lease, 1, 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).buried, 2);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
	ck_assert_int_eq(chan_kick(tx, UINT64_MAX), 2);
	expect_text(rx, "c");
	expect_text(rx, "e");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
	ck_assert_int_eq(chan_kick(tx, UINT64_MAX), 0);
}
END_TEST

START_TEST(should_refuse_what_needs_headers)
{
	struct chan_lease lease;

	send_text(tx, "a");
	take_text(&lease, "a", 1);
	ck_assert_int_eq(chan_release_after(rx, &lease, 1, 1), -EINVAL);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
}
END_TEST

/* ---- lanes ---- */

START_TEST(should_delay_and_bury_in_lanes)
{
	struct chan_lease lease[8];
	int64_t start = monotonic();
	int n = 0;

	meta.flags = CHAN_META_HAS_KEY;
	meta.key_length = 1;
	for (int i = 0; i < 8; i++) {
		meta.key[0] = (char)('a' + i);
		send_delayed((char[]){(char)('a' + i), 0}, i % 2 ? 100 * MS : 0);
	}
	while (n < 4) {
		int k = chan_take(rx, &lease[n], 8, 0);

		ck_assert_int_gt(k, 0);
		n += k;
	}
	ck_assert_int_eq(chan_take(rx, &lease[4], 4, 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).delayed, 4);
	ck_assert_int_eq(chan_bury(rx, lease, 2), 2);
	ck_assert_int_eq(chan_release_after(rx, lease + 2, 2, 200 * MS), 2);
	ck_assert_uint_eq(stat_of(rx).buried, 2);
	ck_assert_uint_eq(stat_of(rx).delayed, 6);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), 1);
	ck_assert_int_ge(monotonic() - start, 200 * MS);
	ck_assert_int_lt(monotonic() - start, 900 * MS);
	ck_assert_int_eq(chan_release_seq(tx, lease[1].seq), 0);
	ck_assert_int_eq(chan_kick(tx, 5), 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), 1);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
}
END_TEST

void add_tests(void)
{
	GROUP("delay", setup, teardown, should_deliver_when_it_is_due_and_not_before,
		should_be_awake_in_time, should_keep_what_is_not_due_from_looks,
		should_expire_what_is_delayed_for_longer, should_come_again_after_the_delay,
		should_refuse_bad_delays, should_wake_a_sleeper_that_knows_of_no_delay,
		should_wake_for_an_earlier_one, should_wake_selections_and_sets,
		should_wake_event_loops, should_end_after_what_is_delayed,
		should_end_at_once_if_it_is_discarded, should_not_be_freed_by_a_death,
		should_bury_and_kick);
	GROUP("delay, ends with senders", setup_ends, teardown,
		should_end_with_the_senders_after_it);
	GROUP("delay, lanes", setup_lanes, teardown, should_delay_and_bury_in_lanes);
	GROUP("delay, drop-oldest", setup_drops, teardown, should_drop_what_is_delayed);
	GROUP("delay, without headers", setup_plain, teardown, should_bury_and_kick,
		should_refuse_what_needs_headers);
}
