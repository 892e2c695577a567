/* SPDX-License-Identifier: MIT */
/* A channel of kind broadcast: each subscriber gets each message. */
#include "support/await.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BROADCAST(...)                                                                             \
	OPTIONS(.kind = CHAN_KIND_BROADCAST, .capacity = 4096, .max_message = 1000, __VA_ARGS__)
#define HOW(...)                                                                                   \
	(&(struct chan_subscription){.size = sizeof(struct chan_subscription), __VA_ARGS__})

static chan_t *sender;

static void setup(void)
{
	channel_setup();
	sender = open_as(CHAN_SEND, BROADCAST());
}

static void teardown(void)
{
	chan_detach(sender);
	channel_teardown();
}

static chan_t *subscribe(const struct chan_subscription *how)
{
	chan_t *ch = NULL;
	int err = chan_subscribe(&ch, name, how);

	ck_assert_msg(err == 0, "%s; %s", chan_strerror(err), chan_error_detail(err));
	return ch;
}

/* Send messages whose text is their number, from..to. */
static void send_numbers(chan_t *ch, unsigned from, unsigned to)
{
	char text[16];

	for (; from <= to; from++) {
		snprintf(text, sizeof(text), "%u", from);
		send_text(ch, text);
	}
}

static void expect_numbers(chan_t *ch, unsigned from, unsigned to)
{
	char text[16];

	for (; from <= to; from++) {
		snprintf(text, sizeof(text), "%u", from);
		expect_text(ch, text);
	}
}

static void expect_nothing(chan_t *ch)
{
	char buf[16];

	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
}

/* Receive a number. */
static unsigned number_of(chan_t *ch)
{
	char buf[16] = "";
	ssize_t len = chan_recv(ch, buf, sizeof(buf) - 1, CHAN_WAIT);

	ck_assert_msg(len > 0, "%s", chan_strerror((int)len));
	return (unsigned)atoi(buf);
}

/* ---- receiving ---- */

START_TEST(should_give_each_message_to_each_subscriber)
{
	chan_t *a = open_as(CHAN_RECV, NULL), *b = subscribe(NULL), *late;

	send_numbers(sender, 1, 3);
	expect_numbers(a, 1, 3);
	late = open_as(CHAN_RECV, NULL);
	send_text(sender, "4");
	expect_numbers(b, 1, 4);
	expect_numbers(a, 4, 4);
	expect_numbers(late, 4, 4);
	expect_nothing(a);
	expect_nothing(b);
	expect_nothing(late);
	chan_detach(late);
	chan_detach(a);
	chan_detach(b);
}
END_TEST

START_TEST(should_receive_batches_and_empty_messages)
{
	chan_t *a = subscribe(NULL);
	char in[3][8];
	struct iovec bufs[3] = {{in[0], 8}, {in[1], 8}, {in[2], 2}};
	char text[] = "onethree";
	struct iovec out[3] = {{text, 3}, {text, 0}, {text + 3, 5}};

	ck_assert_int_eq(chan_send_batch(sender, out, 3, 0), 3);
	ck_assert_int_eq(chan_recv_batch(a, bufs, 3, 0), 2);
	ck_assert_uint_eq(bufs[0].iov_len, 3);
	ck_assert_uint_eq(bufs[1].iov_len, 0);
	ck_assert_int_eq(chan_recv(a, in[0], 2, 0), -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 5);
	expect_text(a, "three");
	ck_assert_int_eq(chan_recv_batch(a, bufs, 3, 0), -EAGAIN);
	ck_assert_int_eq(chan_recv_batch(a, bufs, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_recv(a, in[0], 8, -2), -EINVAL);
	ck_assert_int_eq(chan_recv(sender, in[0], 8, 0), -EBADF);
	ck_assert_int_eq(chan_send(a, "x", 1, 0), -EBADF);
	chan_detach(a);
}
END_TEST

START_TEST(should_go_on_after_many_rounds_of_the_ring)
{
	chan_t *a = subscribe(NULL), *b = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));

	for (unsigned i = 1; i < 5000; i++) {
		send_numbers(sender, i, i);
		ck_assert_uint_eq(number_of(a), i);
		if (i % 50 == 0)
			for (unsigned j = i - 49; j <= i; j++)
				ck_assert_uint_eq(number_of(b), j);
	}
	chan_detach(a);
	chan_detach(b);
}
END_TEST

/* ---- lagging ---- */

/* A message takes 32 bytes, so that 127 fit. */
enum { FIT = 127 };

START_TEST(should_be_full_while_a_subscriber_holds_the_ring)
{
	chan_t *a = subscribe(NULL), *fast = subscribe(NULL);
	struct chan_stat st;

	send_numbers(sender, 1, FIT);
	expect_numbers(fast, 1, FIT);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_send(sender, "x", 1, MS), -ETIMEDOUT);
	st = stat_of(sender);
	ck_assert_uint_eq(st.full, 1);
	ck_assert_uint_eq(st.depth, FIT);
	ck_assert_uint_eq(st.kept, FIT);
	expect_numbers(a, 1, 1);
	send_numbers(sender, FIT + 1, FIT + 1);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EAGAIN);
	expect_numbers(a, 2, FIT + 1);
	chan_detach(a);
	/* Nobody holds it. */
	chan_detach(fast);
	send_numbers(sender, 1, 3 * FIT);
	st = stat_of(sender);
	ck_assert_uint_eq(st.depth, 0);
	ck_assert_uint_eq(st.full, 0);
	ck_assert_uint_ge(st.kept, FIT / 2);
}
END_TEST

START_TEST(should_say_exactly_how_many_are_lost_and_once)
{
	chan_t *a = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	struct chan_stat st;
	char buf[16] = "";
	uint64_t lost;

	send_numbers(sender, 1, 5);
	expect_numbers(a, 1, 2);
	send_numbers(sender, 6, 300);
	ck_assert_uint_eq(chan_lost(a), 0);
	ck_assert_int_eq(chan_recv(a, buf, sizeof(buf), 0), -EOVERFLOW);
	lost = chan_lost(a);
	ck_assert_uint_eq(chan_error_size(-EOVERFLOW), lost);
	ck_assert_uint_ge(lost, 300 - 2 - FIT);
	ck_assert_uint_lt(lost, 298);
	expect_numbers(a, 3 + (unsigned)lost, 300);
	expect_nothing(a);
	st = stat_of(sender);
	ck_assert_uint_eq(st.lost, lost);
	chan_detach(a);
}
END_TEST

START_TEST(should_evict_after_its_patience)
{
	chan_t *a = subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 50 * MS));
	struct chan_subscriber who;
	int64_t began;
	char buf[16];

	send_numbers(sender, 1, FIT);
	ck_assert_int_eq(chan_send(sender, "x", 1, MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.state, CHAN_SUBSCRIBER_ACTIVE);
	ck_assert_uint_eq(who.on_lag, CHAN_LAG_EVICT);
	ck_assert_uint_eq(who.lag, FIT);
	ck_assert_uint_eq(who.seq, 1);
	ck_assert_int_eq(who.pid, getpid());
	began = clock_monotonic();
	ck_assert_int_eq(chan_send(sender, "x", 1, CHAN_WAIT), 0);
	ck_assert_int_ge(clock_monotonic() - began, 40 * MS);
	ck_assert_uint_eq(stat_of(sender).evicted, 1);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.state, CHAN_SUBSCRIBER_EVICTED);
	ck_assert_int_eq(chan_recv(a, buf, sizeof(buf), 0), -EOVERFLOW);
	ck_assert_uint_eq(chan_lost(a) + 1, number_of(a));
	/* For good. */
	send_numbers(sender, 1, 2 * FIT);
	ck_assert_int_eq(chan_recv(a, buf, sizeof(buf), 0), -EOVERFLOW);
	chan_detach(a);
}
END_TEST

START_TEST(should_not_evict_one_that_moves_on)
{
	chan_t *a = subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 10 * MS));

	send_numbers(sender, 1, FIT);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EAGAIN);
	ck_assert_uint_eq(number_of(a), 1);
	send_numbers(sender, FIT + 1, FIT + 1);
	usleep(20000);
	/* Since then no sender has had to wait. */
	ck_assert_uint_eq(number_of(a), 2);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), 0);
	ck_assert_uint_eq(stat_of(sender).evicted, 0);
	chan_detach(a);
}
END_TEST

/* ---- in place ---- */

START_TEST(should_hold_what_is_taken_until_it_is_acknowledged)
{
	chan_t *a = subscribe(NULL);
	struct chan_lease leases[4];
	struct chan_subscriber who;

	send_numbers(sender, 1, 5);
	ck_assert_int_eq(chan_take(a, leases, 4, 0), 4);
	ck_assert_mem_eq(leases[2].data, "3", 1);
	ck_assert_uint_eq(leases[3].seq, 4);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.lag, 5);
	expect_text(a, "5"); /* received, and what was taken is still held */
	ck_assert_int_eq(chan_release(a, leases + 3, 1), -EINVAL);
	ck_assert_int_eq(chan_ack(a, leases + 1, 1), 1);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.lag, 3);
	/* What lies before it is acknowledged, too. */
	ck_assert_int_eq(chan_ack(a, leases, 1), -ESTALE);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-ESTALE), "acknowledged already"));
	ck_assert_int_eq(chan_ack(a, leases + 2, 2), 2);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.lag, 0);
	ck_assert_int_eq(chan_ack(a, leases + 3, 1), -ESTALE);
	chan_detach(a);
}
END_TEST

START_TEST(should_deliver_again_what_is_given_back)
{
	chan_t *a = subscribe(NULL);
	struct chan_lease leases[3];

	send_numbers(sender, 1, 4);
	ck_assert_int_eq(chan_take(a, leases, 3, 0), 3);
	ck_assert_int_eq(chan_ack(a, leases, 1), 1);
	ck_assert_int_eq(chan_release(a, leases + 1, 2), 2);
	ck_assert_int_eq(chan_ack(a, leases + 1, 1), -ESTALE);
	expect_numbers(a, 2, 2);
	ck_assert_int_eq(chan_take(a, leases, 1, 0), 1);
	ck_assert_uint_eq(leases[0].seq, 3);
	ck_assert_int_eq(chan_untake(a, leases, 1), 1);
	expect_numbers(a, 3, 4);
	chan_detach(a);
}
END_TEST

START_TEST(should_take_nothing_without_holding_the_ring)
{
	chan_t *lose = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	chan_t *evict = subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 1));
	struct chan_lease lease;

	send_numbers(sender, 1, 1);
	ck_assert_int_eq(chan_take(lose, &lease, 1, 0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "hold"));
	expect_text(lose, "1");
	ck_assert_int_eq(chan_take(evict, &lease, 1, 0), 1);
	send_numbers(sender, 2, FIT);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_send(sender, "x", 1, CHAN_WAIT), 0);
	ck_assert_int_eq(chan_ack(evict, &lease, 1), -ESTALE);
	ck_assert_int_eq(chan_take(evict, &lease, 1, 0), -EOVERFLOW);
	ck_assert_int_eq(chan_take(evict, &lease, 1, 0), -ESTALE);
	/* Nor does it wait for what it will not get. */
	while (chan_recv(evict, (char[64]){0}, 64, 0) >= 0) {
	}
	ck_assert_int_eq(chan_take(evict, &lease, 1, CHAN_WAIT), -ESTALE);
	chan_detach(lose);
	chan_detach(evict);
}
END_TEST

/* ---- joining ---- */

static int try_to_subscribe(const struct chan_subscription *how)
{
	chan_t *ch;
	int err = chan_subscribe(&ch, name, how);

	if (err == 0)
		chan_detach(ch);
	return err;
}

static void expect_first(const struct chan_subscription *how, unsigned n)
{
	chan_t *ch = subscribe(how);

	ck_assert_uint_eq(number_of(ch), n);
	chan_detach(ch);
}

START_TEST(should_begin_where_it_is_asked_to)
{
	send_numbers(sender, 1, 10);
	expect_first(HOW(.from = CHAN_FROM_OLDEST), 1);
	expect_first(HOW(.from = CHAN_FROM_LAST, .start = 3), 8);
	expect_first(HOW(.from = CHAN_FROM_LAST, .start = 100), 1);
	expect_first(HOW(.from = CHAN_FROM_SEQ, .start = 7), 7);
	expect_first(HOW(.from = CHAN_FROM_TIME, .start = 1), 1);
	ck_assert_int_eq(try_to_subscribe(HOW(.from = CHAN_FROM_SEQ, .start = 11)), 0);
	ck_assert_int_eq(try_to_subscribe(HOW(.from = CHAN_FROM_SEQ, .start = 12)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "11"));
	ck_assert_int_eq(try_to_subscribe(HOW(.from = CHAN_FROM_SEQ)), -EINVAL);
	ck_assert_int_eq(try_to_subscribe(HOW(.from = 9)), -EINVAL);
	ck_assert_int_eq(try_to_subscribe(HOW(.start = 9)), -EINVAL);
	ck_assert_int_eq(try_to_subscribe(HOW(.on_lag = 9)), -EINVAL);
	ck_assert_int_eq(try_to_subscribe(HOW(.patience = 9)), -EINVAL);
	ck_assert_int_eq(try_to_subscribe(HOW(.on_lag = CHAN_LAG_EVICT)), -EINVAL);
}
END_TEST

START_TEST(should_say_what_is_gone)
{
	struct chan_stat st;
	unsigned oldest;

	send_numbers(sender, 1, 500);
	st = stat_of(sender);
	oldest = (unsigned)(501 - st.kept);
	expect_first(HOW(.from = CHAN_FROM_OLDEST), oldest);
	ck_assert_int_eq(try_to_subscribe(HOW(.from = CHAN_FROM_SEQ, .start = 5)), -ESTALE);
	ck_assert_uint_eq(chan_error_size(-ESTALE), oldest - 5);
	ck_assert_int_eq(try_to_subscribe(HOW(.from = CHAN_FROM_TIME, .start = 5)), -ESTALE);
	expect_first(HOW(.from = CHAN_FROM_SEQ, .start = 5, .flags = CHAN_OR_OLDEST), oldest);
	expect_first(HOW(.from = CHAN_FROM_TIME, .start = 5, .flags = CHAN_OR_OLDEST), oldest);
	ck_assert_int_eq(stat_of(sender).receivers, 0);
}
END_TEST

START_TEST(should_begin_at_a_time)
{
	struct timespec pause = {.tv_nsec = 60000000};
	int64_t time;

	send_numbers(sender, 1, 5);
	nanosleep(&pause, NULL);
	time = clock_real();
	nanosleep(&pause, NULL);
	send_numbers(sender, 6, 8);
	expect_first(HOW(.from = CHAN_FROM_TIME, .start = (uint64_t)time), 6);
	expect_first(HOW(.from = CHAN_FROM_TIME, .start = (uint64_t)time - 3600000000000), 1);
	ck_assert_int_eq(
		try_to_subscribe(HOW(.from = CHAN_FROM_TIME, .start = (uint64_t)INT64_MAX)), 0);
}
END_TEST

/* ---- groups ---- */

START_TEST(should_go_on_where_the_last_user_of_a_group_was)
{
	chan_t *a = subscribe(HOW(.group = "workers")), *b;
	struct chan_lease leases[3];
	struct chan_subscriber who;

	send_numbers(sender, 1, 6);
	expect_numbers(a, 1, 2);
	ck_assert_int_eq(try_to_subscribe(HOW(.group = "workers")), -EBUSY);
	ck_assert_int_eq(chan_take(a, leases, 3, 0), 3);
	ck_assert_int_eq(chan_ack(a, leases, 1), 1);
	ck_assert_int_eq(chan_remove_group(sender, "workers"), -EBUSY);
	chan_detach(a);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_str_eq(who.group, "workers");
	ck_assert_int_eq(who.pid, 0);
	ck_assert_uint_eq(who.lag, 3);
	b = subscribe(HOW(.group = "workers", .from = CHAN_FROM_OLDEST));
	expect_numbers(b, 4, 6);
	expect_nothing(b);
	chan_detach(b);
	/* It holds the ring without a user. */
	send_numbers(sender, 1, FIT);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_remove_group(sender, "other"), -ENOENT);
	ck_assert_int_eq(chan_remove_group(sender, "."), -EINVAL);
	ck_assert_int_eq(chan_remove_group(sender, "workers"), 0);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), 0);
	ck_assert_int_eq(try_to_subscribe(HOW(.group = "a b")), -EINVAL);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 0);
}
END_TEST

START_TEST(should_tell_the_next_user_of_a_group_what_was_lost)
{
	chan_t *a = subscribe(HOW(.group = "g", .on_lag = CHAN_LAG_EVICT, .patience = 1));
	char buf[16];

	send_numbers(sender, 1, 4);
	expect_numbers(a, 1, 3);
	chan_detach(a);
	send_numbers(sender, 5, FIT);
	ck_assert_int_eq(chan_send(sender, "128", 3, CHAN_WAIT), 0);
	for (unsigned i = FIT + 2; i <= 400; i++) {
		snprintf(buf, sizeof(buf), "%u", i);
		ck_assert_int_eq(chan_send(sender, buf, strlen(buf), CHAN_WAIT), 0);
	}
	a = subscribe(HOW(.group = "g"));
	ck_assert_int_eq(chan_recv(a, buf, sizeof(buf), 0), -EOVERFLOW);
	ck_assert_uint_eq(number_of(a), 4 + chan_lost(a));
	/* It holds the ring again. */
	while (chan_send(sender, "x", 1, 0) == 0)
		;
	ck_assert_int_eq(chan_send(sender, "x", 1, 10 * MS), -ETIMEDOUT);
	chan_detach(a);
}
END_TEST

/* Fill the channel, until a subscriber stops the sender that may be patient for 50 ms. */
static chan_t *fill_up_to_an_impatient_end(void)
{
	chan_t *ch = subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 50 * MS));
	int err;

	do
		err = chan_send(sender, "x", 1, 0);
	while (err == 0);
	ck_assert_int_eq(err, -EAGAIN);
	return ch;
}

START_TEST(should_wake_a_loop_when_a_patience_ends)
{
	struct pollfd p = {.fd = chan_fd(sender, CHAN_SEND), .events = POLLIN};
	chan_t *ch = fill_up_to_an_impatient_end();
	int64_t end = clock_monotonic() + 10 * SECOND;

	/* Nobody rings but the clock. */
	while (chan_send(sender, "x", 1, 0) == -EAGAIN) {
		ck_assert_int_lt(clock_monotonic(), end);
		ck_assert_int_eq(poll(&p, 1, 10000), 1);
	}
	chan_detach(ch);
}
END_TEST

START_TEST(should_wake_a_set_when_a_patience_ends)
{
	struct chan_ready ready;
	chan_set_t *set;
	chan_t *ch;

	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, sender, CHAN_SEND, NULL), 0);
	ch = fill_up_to_an_impatient_end();
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, 10 * SECOND), 1);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), 0);
	chan_set_destroy(set);
	chan_detach(ch);
}
END_TEST

/* What a user of the lapped group `g` was told it had lost, in a process that is killed then:
 * before it receives a message, or after. */
struct user {
	bool receives;
	uint64_t *told;
};

static int be_told(void *arg)
{
	struct user *user = arg;
	chan_t *ch = subscribe(HOW(.group = "g"));
	char buf[16];

	user->told[0] = chan_recv(ch, buf, sizeof(buf), 0) == -EOVERFLOW ? chan_lost(ch) : 0;
	if (user->receives)
		user->told[1] = number_of(ch);
	return raise(SIGKILL);
}

static uint64_t told_then_killed(bool receives, uint64_t *told)
{
	told[0] = told[1] = 0;
	ck_assert_int_eq(
		wait_child(in_child(be_told, &(struct user){receives, told})), 128 + SIGKILL);
	return told[0];
}

START_TEST(should_tell_a_group_its_loss_until_a_message_was_received)
{
	uint64_t *told = mmap(
			 NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		 lost;
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_subscriber who;
	char buf[16];

	ck_assert_ptr_ne(told, MAP_FAILED);
	chan_detach(subscribe(
		HOW(.group = "g", .on_lag = (uint32_t)_i, .patience = _i == CHAN_LAG_EVICT)));
	for (unsigned i = 1; i <= 400; i++) {
		snprintf(buf, sizeof(buf), "%u", i);
		ck_assert_int_eq(chan_send(sender, buf, strlen(buf), CHAN_WAIT), 0);
	}
	/* Three that were killed too early, and no message was sent meanwhile. */
	lost = told_then_killed(false, told);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(told_then_killed(false, told), lost);
	ck_assert_uint_eq(told_then_killed(true, told), lost);
	ck_assert_uint_eq(told[1], lost + 1);
	/* Now it is known, and counted once. */
	ck_assert_uint_eq(told_then_killed(true, told), 0);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.lost, lost);
	ck_assert_uint_eq(who.seq, lost + 4);
	ck_assert_int_eq(chan_stat(sender, &st), 0);
	ck_assert_uint_eq(st.lost, lost);
	munmap(told, 4096);
}
END_TEST

START_TEST(should_expire_a_group_that_nobody_used)
{
	struct timespec pause = {.tv_nsec = 20000000};
	struct chan_subscriber who;
	chan_t *a = subscribe(HOW(.group = "old", .group_age = 5 * MS));

	send_numbers(sender, 1, FIT);
	nanosleep(&pause, NULL);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EAGAIN); /* it has a user */
	chan_detach(a);
	nanosleep(&pause, NULL);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), 0);
	ck_assert_int_eq(chan_subscribers(sender, &who, 1), 1);
	ck_assert_uint_eq(who.state, CHAN_SUBSCRIBER_EXPIRED);
	ck_assert_int_eq(try_to_subscribe(HOW(.group = "old")), -ESTALE);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-ESTALE), "expired"));
	ck_assert_int_eq(try_to_subscribe(HOW(.group = "old", .flags = CHAN_RENEW_GROUP)), 0);
	ck_assert_int_eq(try_to_subscribe(HOW(.group = "old")), 0);
}
END_TEST

START_TEST(should_refuse_a_group_too_many)
{
	char group[8];

	for (int i = 0; i < 16; i++) {
		snprintf(group, sizeof(group), "g%d", i);
		ck_assert_int_eq(try_to_subscribe(HOW(.group = group)), 0);
	}
	ck_assert_int_eq(try_to_subscribe(HOW(.group = "more")), -EUSERS);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EUSERS), "16 groups"));
}
END_TEST

/* ---- the channel's options ---- */

START_TEST(should_refuse_what_a_broadcast_has_not)
{
	chan_t *ch, *a = subscribe(NULL);

	ck_assert_int_eq(chan_set_overflow(sender, CHAN_DROP_OLDEST), -EINVAL);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV | CHAN_EXCLUSIVE, NULL), -EINVAL);
	ck_assert_int_eq(chan_purge(sender), -EINVAL);
	ck_assert_int_eq(
		chan_create(channel_other("a"), BROADCAST(.overflow = CHAN_DROP_OLDEST)), -EINVAL);
	ck_assert_int_eq(chan_create(channel_other("a"), BROADCAST(.on_lag = 7)), -EINVAL);
	ck_assert_int_eq(chan_create(channel_other("a"), BROADCAST(.patience = 7)), -EINVAL);
	ck_assert_int_eq(chan_create(channel_other("a"), OPTIONS(.groups = 7)), -EINVAL);
	ck_assert_int_eq(
		chan_create(channel_other("a"), OPTIONS(.flags = CHAN_FORBID_BLOCK)), -EINVAL);
	ck_assert_int_eq(chan_create(channel_other("a"), OPTIONS()), 0);
	ck_assert_int_eq(chan_subscribe(&ch, channel_other("a"), NULL), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "queue"));
	ck_assert_int_eq(chan_remove(channel_other("a")), 0);
	chan_detach(a);
}
END_TEST

START_TEST(should_forbid_to_block)
{
	chan_t *ch, *a;
	struct chan_stat st;

	ck_assert_int_eq(chan_remove(name), 0);
	ch = open_as(CHAN_SEND, BROADCAST(.flags = CHAN_FORBID_BLOCK));
	st = stat_of(ch);
	ck_assert_uint_eq(st.on_lag, CHAN_LAG_LOSE);
	ck_assert_int_eq(try_to_subscribe(HOW(.on_lag = CHAN_LAG_BLOCK)), -EPERM);
	ck_assert_int_eq(try_to_subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 1)), -EPERM);
	a = open_as(CHAN_RECV, NULL);
	send_numbers(ch, 1, 3 * FIT);
	chan_detach(a);
	chan_detach(ch);
	ck_assert_int_eq(chan_remove(name), 0);
	ch = open_as(CHAN_SEND, BROADCAST(.flags = CHAN_FORBID_BLOCK, .on_lag = CHAN_LAG_EVICT,
					.patience = 20 * MS));
	ck_assert_int_eq(
		try_to_subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 21 * MS)), -EPERM);
	ck_assert_int_eq(try_to_subscribe(HOW(.on_lag = CHAN_LAG_EVICT)), 0);
	ck_assert_int_eq(try_to_subscribe(NULL), 0);
	chan_detach(ch);
}
END_TEST

/* ---- the end ---- */

START_TEST(should_deliver_what_is_left_and_then_end)
{
	chan_t *a = subscribe(NULL), *b = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	char buf[8];

	send_numbers(sender, 1, 3);
	ck_assert_int_eq(chan_close(sender, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EPIPE);
	expect_numbers(a, 1, 3);
	ck_assert_int_eq(chan_recv(a, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	expect_numbers(b, 1, 1);
	ck_assert_int_eq(chan_close(sender, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_recv(b, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	chan_detach(a);
	chan_detach(b);
}
END_TEST

static bool refuses(void *ch)
{
	return chan_send(ch, "x", 1, 0) == -EPIPE;
}

START_TEST(should_end_with_the_last_sender_and_need_receivers)
{
	chan_t *ch, *a;
	char buf[8];

	ck_assert_int_eq(chan_remove(name), 0);
	ch = open_as(CHAN_SEND, BROADCAST(.flags = CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS));
	a = subscribe(NULL);
	send_numbers(ch, 1, 2);
	chan_detach(ch);
	expect_numbers(a, 1, 2);
	ck_assert_int_eq(chan_recv(a, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	ch = open_as(CHAN_SEND, NULL);
	expect_nothing(a);
	chan_detach(a);
	await(refuses, ch);
	chan_detach(ch);
}
END_TEST

/* ---- looking ---- */

START_TEST(should_show_what_is_kept)
{
	chan_t *observer = open_as(0, NULL), *a = subscribe(NULL);
	struct chan_cursor at = {0}, own = {0};
	char buf[8];

	send_numbers(sender, 1, 3);
	expect_numbers(a, 1, 2);
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 1);
	ck_assert_uint_eq(at.seq, 1);
	ck_assert_int_eq(chan_peek(a, buf, sizeof(buf), &own), 1);
	ck_assert_uint_eq(own.seq, 3);
	ck_assert_int_eq(chan_peek(a, buf, sizeof(buf), &own), -EAGAIN);
	ck_assert_int_eq(chan_peek(observer, buf, 0, &at), -EMSGSIZE);
	chan_detach(a);
	send_numbers(sender, 4, 4 * FIT);
	ck_assert_int_gt(chan_peek(observer, buf, sizeof(buf), &at), 0);
	ck_assert_uint_gt(at.seq, FIT);
	at.pos += 16;
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), -EINVAL);
	ck_assert_int_eq(chan_recover(observer), 0);
	chan_detach(observer);
}
END_TEST

/* ---- waiting ---- */

static void *receive_one(void *ch)
{
	return (void *)(uintptr_t)number_of(ch);
}

static void *send_one(void *ch)
{
	return (void *)(intptr_t)chan_send(ch, "late", 4, CHAN_WAIT);
}

/* Returns true if so many endpoints wait. */
static bool so_many_wait(void *arg)
{
	unsigned n = *(unsigned *)arg;
	struct chan_endpoint all[32];
	int there = chan_endpoints(sender, all, 32);
	unsigned waiting = 0;

	for (int i = 0; i < there; i++)
		waiting += all[i].waiting != 0;
	return waiting == n;
}

START_TEST(should_wake_all_subscribers_at_once)
{
	enum { N = 5 };
	chan_t *subscriber[N];
	pthread_t thread[N];
	int64_t began;
	void *got;

	for (int i = 0; i < N; i++) {
		subscriber[i] = subscribe(HOW(.on_lag = i % 2 ? CHAN_LAG_LOSE : CHAN_LAG_BLOCK));
		pthread_create(&thread[i], NULL, receive_one, subscriber[i]);
	}
	await(so_many_wait, &(unsigned){N});
	began = clock_monotonic();
	send_text(sender, "7");
	for (int i = 0; i < N; i++) {
		pthread_join(thread[i], &got);
		ck_assert_uint_eq((uintptr_t)got, 7);
		chan_detach(subscriber[i]);
	}
	ck_assert_int_lt(clock_monotonic() - began, 900 * MS); /* no slice */
}
END_TEST

static void expect_sender_is_woken(chan_t *holder, void (*act)(chan_t *holder))
{
	pthread_t thread[2];
	chan_t *other = open_as(CHAN_SEND, NULL);
	int64_t began;
	void *got;

	send_numbers(sender, 1, FIT);
	pthread_create(&thread[0], NULL, send_one, sender);
	pthread_create(&thread[1], NULL, send_one, other);
	await(so_many_wait, &(unsigned){2});
	began = clock_monotonic();
	act(holder);
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &got);
		ck_assert_int_eq((intptr_t)got, 0);
	}
	ck_assert_int_lt(clock_monotonic() - began, 900 * MS);
	chan_detach(other);
}

static void receive_two(chan_t *holder)
{
	ck_assert_uint_eq(number_of(holder), 1);
	ck_assert_uint_eq(number_of(holder), 2);
}

static void acknowledge_two(chan_t *holder)
{
	struct chan_lease lease[2];

	ck_assert_int_eq(chan_take(holder, lease, 2, 0), 2);
	ck_assert_int_eq(chan_ack(holder, lease, 2), 2);
}

START_TEST(should_wake_senders_when_the_slowest_moves)
{
	static void (*const act[])(chan_t *) = {receive_two, acknowledge_two, chan_detach};
	chan_t *a = subscribe(NULL);

	expect_sender_is_woken(a, act[_i]);
	if (act[_i] != chan_detach)
		chan_detach(a);
}
END_TEST

START_TEST(should_be_ready_in_a_selection_and_a_set)
{
	chan_t *a = subscribe(NULL), *lose = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	struct chan_lease lease;
	char buf[16];
	struct chan_case cases[2] = {
		{.size = sizeof(*cases), .op = CHAN_OP_RECV, .ch = lose, .data = buf, .len = 16},
		{.size = sizeof(*cases), .op = CHAN_OP_TAKE, .ch = a, .data = &lease, .len = 1}};
	struct chan_ready ready[2];
	chan_set_t *set;

	ck_assert_int_eq(chan_select(cases, 2, 0, 0), -EAGAIN);
	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, a, CHAN_RECV, NULL), 0);
	ck_assert_int_eq(chan_set_add(set, sender, CHAN_SEND, NULL), 0);
	ck_assert_int_eq(chan_set_wait(set, ready, 2, 0), 1);
	ck_assert_uint_eq(ready[0].role, CHAN_SEND);
	send_numbers(sender, 1, 1);
	ck_assert_int_eq(chan_set_wait(set, ready, 2, 0), 2);
	ck_assert_int_eq(chan_select(cases, 2, 0, CHAN_BIASED), 0);
	ck_assert_int_eq(cases[0].result, 1);
	ck_assert_int_eq(chan_select(cases, 2, 0, CHAN_BIASED), 1);
	ck_assert_int_eq(cases[1].result, 1);
	ck_assert_int_eq(chan_ack(a, &lease, 1), 1);
	ck_assert_int_eq(chan_select(cases, 2, 0, 0), -EAGAIN);
	chan_set_destroy(set);
	chan_detach(a);
	chan_detach(lose);
}
END_TEST

/* ---- at the same time ---- */

enum { SENT = 20000 };

static void *send_many(void *ch)
{
	char buf[64];

	for (uint32_t i = 1; i <= SENT; i++) {
		memset(buf, (int)i, sizeof(buf));
		memcpy(buf, &i, sizeof(i));
		ck_assert_int_eq(chan_send(ch, buf, sizeof(uint32_t) + i % 60, CHAN_WAIT), 0);
	}
	return NULL;
}

/* Receive all, counting what is lost. */
static void *receive_many(void *ch)
{
	uint32_t expected = 1, got;
	char buf[64];

	while (expected <= SENT) {
		ssize_t len = chan_recv(ch, buf, sizeof(buf), CHAN_WAIT);

		if (len == -EOVERFLOW) {
			expected += (uint32_t)chan_lost(ch);
			continue;
		}
		memcpy(&got, buf, sizeof(got));
		ck_assert_uint_eq(got, expected);
		ck_assert_int_eq(len, sizeof(uint32_t) + got % 60);
		for (ssize_t i = sizeof(got); i < len; i++)
			ck_assert_int_eq(buf[i], (char)got);
		expected++;
	}
	return NULL;
}

START_TEST(should_lose_exactly_what_it_says)
{
	static const uint32_t policy[] = {CHAN_LAG_LOSE, CHAN_LAG_BLOCK, CHAN_LAG_LOSE};
	pthread_t thread[4];
	chan_t *subscriber[3];

	for (int i = 0; i < 3; i++) {
		subscriber[i] = subscribe(HOW(.on_lag = policy[i]));
		pthread_create(&thread[i], NULL, receive_many, subscriber[i]);
	}
	pthread_create(&thread[3], NULL, send_many, sender);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(chan_lost(subscriber[1]), 0);
	for (int i = 0; i < 3; i++)
		chan_detach(subscriber[i]);
}
END_TEST

void add_tests(void)
{
	GROUP("receiving", setup, teardown, should_give_each_message_to_each_subscriber,
		should_receive_batches_and_empty_messages,
		should_go_on_after_many_rounds_of_the_ring);
	GROUP("lagging", setup, teardown, should_be_full_while_a_subscriber_holds_the_ring,
		should_say_exactly_how_many_are_lost_and_once, should_evict_after_its_patience,
		should_not_evict_one_that_moves_on);
	GROUP("in place", setup, teardown, should_hold_what_is_taken_until_it_is_acknowledged,
		should_deliver_again_what_is_given_back,
		should_take_nothing_without_holding_the_ring);
	GROUP("joining", setup, teardown, should_begin_where_it_is_asked_to,
		should_say_what_is_gone, should_begin_at_a_time);
	GROUP("loops", setup, teardown, should_wake_a_loop_when_a_patience_ends,
		should_wake_a_set_when_a_patience_ends);
	GROUP_FOR(CHAN_LAG_LOSE, CHAN_LAG_EVICT + 1, "told", setup, teardown,
		should_tell_a_group_its_loss_until_a_message_was_received);
	GROUP("groups", setup, teardown, should_go_on_where_the_last_user_of_a_group_was,
		should_tell_the_next_user_of_a_group_what_was_lost,
		should_expire_a_group_that_nobody_used, should_refuse_a_group_too_many);
	GROUP("options", setup, teardown, should_refuse_what_a_broadcast_has_not,
		should_forbid_to_block);
	GROUP("end", setup, teardown, should_deliver_what_is_left_and_then_end,
		should_end_with_the_last_sender_and_need_receivers);
	GROUP("looking", setup, teardown, should_show_what_is_kept);
	GROUP("waiting", setup, teardown, should_wake_all_subscribers_at_once,
		should_be_ready_in_a_selection_and_a_set);
	GROUP_FOR(0, 3, "waiting for room", setup, teardown,
		should_wake_senders_when_the_slowest_moves);
	GROUP("at once", setup, teardown, should_lose_exactly_what_it_says);
}
