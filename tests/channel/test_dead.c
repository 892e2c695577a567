/* SPDX-License-Identifier: MIT */
/* Expired messages of a channel that has another one for dead messages. */
#include "support/await.h"
#include "support/channel.h"
#include "support/clock.h"
#include "support/process.h"
#include "support/suite.h"

#include "channel/dead.h"
#include "channel/side.h"
#include "core/condvar.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static chan_t *tx, *rx, *letters;
static char buf[4096], dead[64];
static struct chan_meta meta, got;

static chan_t *open_letters(unsigned flags, const struct chan_options *opt)
{
	chan_t *ch;

	ck_assert_int_eq(chan_open(&ch, dead, flags | (opt ? CHAN_CREATE : 0), opt), 0);
	return ch;
}

static void open_all(uint32_t lanes)
{
	struct chan_options *opt = OPTIONS(.flags = CHAN_META, .max_message = 1000, .lanes = lanes,
		.lane_by = lanes ? CHAN_BY_KEY : 0);

	channel_setup();
	snprintf(dead, sizeof(dead), "%s", channel_other("dead"));
	memcpy(opt->dead_letter, dead, sizeof(dead));
	tx = open_as(CHAN_SEND, opt);
	rx = open_as(CHAN_RECV, NULL);
	chan_meta_init(&meta);
	chan_meta_init(&got);
	letters = NULL;
}

static void setup_missing(void)
{
	open_all(0);
}

static void setup(void)
{
	open_all(0);
	letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META, .max_message = 1000));
}

static void setup_lanes_missing(void)
{
	open_all(4);
}

static void setup_lanes(void)
{
	open_all(4);
	letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META, .max_message = 1000));
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(rx);
	chan_detach(letters);
	chan_remove(dead);
	channel_teardown();
}

static void send_late(const char *text)
{
	meta.ttl = 1;
	ck_assert_int_eq(chan_send_meta(tx, text, strlen(text), &meta, 0), 0);
}

/* Look for a message, where none is. */
static void expect_none(void)
{
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
}

static void expect_letter(const char *text)
{
	ck_assert_int_eq(chan_recv_meta(letters, buf, sizeof(buf), &got, 0), strlen(text));
	ck_assert_mem_eq(buf, text, strlen(text));
	ck_assert_str_eq(chan_meta_get(&got, "reason"), "expired");
	ck_assert_str_eq(chan_meta_get(&got, "from"), name);
}

START_TEST(should_send_it_with_its_header)
{
	meta.flags = CHAN_META_HAS_ID | CHAN_META_HAS_KEY | CHAN_META_HAS_PRIORITY | CHAN_META_KEEP;
	memcpy(meta.id, "0123456789abcdef", 16);
	meta.key_length = 1;
	meta.key[0] = 'k';
	meta.priority = 3;
	meta.correlation = 7;
	chan_meta_put(&meta, "colour", "red");
	snprintf(meta.reply_to, sizeof(meta.reply_to), "%u/inbox.1.0", geteuid());
	send_late("late");
	expect_none();
	expect_letter("late");
	ck_assert_uint_eq(got.flags, CHAN_META_HAS_ID | CHAN_META_HAS_KEY | CHAN_META_HAS_PRIORITY);
	ck_assert_mem_eq(got.id, "0123456789abcdef", 16);
	ck_assert_str_eq(got.key, "k");
	ck_assert_uint_eq(got.priority, 3);
	ck_assert_str_eq(chan_meta_get(&got, "colour"), "red");
	ck_assert_str_eq(chan_meta_get(&got, "attempts"), "0");
	ck_assert_str_eq(got.reply_to, "");
	ck_assert_int_eq(got.ttl, 0);
	ck_assert_uint_eq(stat_of(rx).expired, 1);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
	ck_assert_uint_eq(stat_of(rx).buried, 0);
}
END_TEST

START_TEST(should_say_how_often_it_was_delivered)
{
	struct chan_lease lease;

	meta.ttl = 50 * MS;
	ck_assert_int_eq(chan_send_meta(tx, "x", 1, &meta, 0), 0);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_release(rx, &lease, 1), 1);
	nap(60 * MS); /* its time passes */
	expect_none();
	expect_letter("x");
	ck_assert_str_eq(chan_meta_get(&got, "attempts"), "1");
}
END_TEST

static void recv_by_fd(void)
{
	struct pollfd p = {.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN};
	ssize_t n = -EAGAIN;

	ck_assert_int_ge(p.fd, 0);
	while (n == -EAGAIN && poll(&p, 1, (int)(SOON / MS)) == 1)
		n = chan_recv(rx, buf, sizeof(buf), 0);
	ck_assert_int_eq(n, 4);
	ck_assert_mem_eq(buf, "good", 4);
	while ((n = chan_recv(rx, buf, sizeof(buf), 0)) != -EAGAIN)
		ck_assert_int_eq(n, 4);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
}

static void recv_by_set(void)
{
	struct chan_ready ready;
	chan_set_t *set;

	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, rx, CHAN_RECV, 0), 0);
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, SOON), 1);
	expect_text(rx, "good");
	ck_assert_int_eq(chan_set_wait(set, &ready, 1, 0), -EAGAIN);
	chan_set_destroy(set);
}

/* Whatever call finds it. */
START_TEST(should_be_found_by_all_calls)
{
	struct chan_case one = {.size = sizeof(one), .op = CHAN_OP_RECV, .ch = rx, .len = 100};
	struct iovec in = {buf, 100};
	struct chan_lease lease[4];

	for (int i = 0; i < 3; i++)
		send_late("late");
	send_text(tx, "good");
	for (int i = 0; i < 3; i++)
		send_late("later");
	switch (_i) {
	case 0:
		expect_text(rx, "good");
		break;
	case 1:
		ck_assert_int_eq(chan_recv_batch(rx, &in, 1, 0), 1);
		break;
	case 2:
		ck_assert_int_eq(chan_take(rx, lease, 4, 0), 1);
		ck_assert_int_eq(chan_ack(rx, lease, 1), 1);
		break;
	case 3:
		ck_assert_int_eq(chan_select(&one, 1, 0, CHAN_ONLY_READY), 0);
		expect_text(rx, "good");
		break;
	case 4:
		recv_by_fd();
		break;
	case 5:
		recv_by_set();
	}
	expect_none();
	for (int i = 0; i < 3; i++)
		expect_letter("late");
	for (int i = 0; i < 3; i++)
		expect_letter("later");
	ck_assert_uint_eq(stat_of(rx).expired, 6);
	ck_assert_uint_eq(stat_of(rx).used, 0);
}
END_TEST

/* Other leases lie around it. */
START_TEST(should_end_its_own_lease_only)
{
	struct chan_lease first, last;

	send_text(tx, "first");
	send_late("late");
	send_text(tx, "last");
	ck_assert_int_eq(chan_take(rx, &first, 1, 0), 1);
	ck_assert_int_eq(chan_take(rx, &last, 1, 0), 1);
	expect_letter("late");
	ck_assert_int_eq(chan_release(rx, &first, 1), 1);
	expect_text(rx, "first");
	ck_assert_int_eq(chan_ack(rx, &last, 1), 1);
	expect_none();
	ck_assert_uint_eq(stat_of(rx).used, 0);
}
END_TEST

START_TEST(should_bury_it_where_that_is_missing)
{
	int64_t end;

	send_late("late");
	expect_none();
	ck_assert_uint_eq(stat_of(rx).buried, 1);
	ck_assert_uint_eq(stat_of(rx).expired, 0);
	expect_none(); /* and not again */
	letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META, .max_message = 1000));
	end = now() + SOON;
	do {
		ck_assert_int_eq(chan_kick(rx, 10), 1);
		expect_none();
	} while (stat_of(rx).buried && now() < end); /* if the failure took long, it rests */
	expect_letter("late");
	ck_assert_uint_eq(stat_of(rx).buried, 0);
	ck_assert_uint_eq(stat_of(rx).expired, 1);
}
END_TEST

START_TEST(should_bury_it_where_that_is_full_or_unfit)
{
	const struct chan_options *opt[] = {
		OPTIONS(.flags = CHAN_META, .capacity = 4096, .max_message = 1000,
			.overflow = CHAN_DROP_OLDEST),
		OPTIONS(.capacity = 4096, .max_message = 3),
		OPTIONS(.kind = CHAN_KIND_LATEST),
		OPTIONS(.kind = CHAN_KIND_BROADCAST),
		OPTIONS(.flags = CHAN_META, .endpoints = 1),
	};
	chan_t *fills;
	int64_t start;

	letters = open_letters(_i == 4 ? CHAN_RECV : 0, opt[_i]);
	if (_i == 0) {
		fills = open_letters(CHAN_SEND, NULL);
		ck_assert_int_eq(chan_set_overflow(fills, CHAN_FAIL), 0);
		while (chan_send(fills, buf, 0, 0) == 0)
			;
		chan_detach(fills);
	}
	send_late("late");
	start = now();
	expect_none();
	ck_assert_int_lt(now() - start, SOON / 2);
	ck_assert_uint_eq(stat_of(rx).buried, 1);
	ck_assert_uint_eq(stat_of(letters).dropped_oldest, 0);
}
END_TEST

START_TEST(should_send_the_message_alone_where_that_has_no_headers)
{
	letters = open_letters(CHAN_RECV, OPTIONS(.max_message = 1000));
	send_late("late");
	expect_none();
	expect_text(letters, "late");
}
END_TEST

START_TEST(should_find_that_which_is_made_anew)
{
	send_late("late");
	expect_none();
	expect_letter("late");
	chan_detach(letters);
	ck_assert_int_eq(chan_remove(dead), 0);
	letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META, .max_message = 1000));
	send_late("later");
	expect_none();
	expect_letter("later");
}
END_TEST

static void send_late_keys(void)
{
	for (int i = 0; i < 8; i++) {
		meta.flags = CHAN_META_HAS_KEY;
		meta.key_length = 1;
		meta.key[0] = (char)('a' + i);
		send_late("late");
	}
	expect_none();
}

START_TEST(should_bury_it_in_its_lane)
{
	int64_t end;

	send_late_keys();
	ck_assert_uint_eq(stat_of(rx).buried, 8);
	letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META, .max_message = 1000));
	end = now() + SOON;
	do {
		chan_kick(rx, 10);
		expect_none();
	} while (stat_of(rx).buried && now() < end);
	ck_assert_uint_eq(stat_of(letters).sent, 8);
	ck_assert_uint_eq(stat_of(rx).used, 0);
}
END_TEST

START_TEST(should_work_in_lanes)
{
	send_late_keys();
	for (int i = 0; i < 8; i++)
		expect_letter("late");
	ck_assert_uint_eq(stat_of(rx).expired, 8);
}
END_TEST

/* ---- what another one does, while a receiver is between two steps ---- */

static _Thread_local void (*after_wake)(void);
static pthread_barrier_t together;
static atomic_int other, taken;

/* The library's way to wake: the test goes on from there. */
long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	void (*then)(void) = after_wake;
	long a[6], ret;
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	ret = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (then && number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAKE) {
		after_wake = NULL;
		then();
	}
	return ret;
}

static void *await_letter(void *arg)
{
	atomic_store(&other, gettid());
	chan_recv(letters, buf, sizeof(buf), SOON);
	return arg;
}

static void *take_other(void *arg)
{
	chan_t *ry = open_as(CHAN_RECV, NULL);
	struct chan_lease lease;

	atomic_store(&other, gettid());
	atomic_store(&taken, chan_take(ry, &lease, 1, SOON));
	pthread_barrier_wait(&together);
	chan_detach(ry);
	return arg;
}

static bool other_sleeps(void *arg)
{
	int tid = atomic_load(&other);

	(void)arg;
	return tid && (asleep(tid) || sleeping_in(tid) == SYS_futex_waitv);
}

static bool has_taken(void *arg)
{
	(void)arg;
	return atomic_load(&taken);
}

/* The lease has ended, and the lock is free. */
static void let_it_take(void)
{
	await(has_taken, NULL);
}

/* The letter is there, and the lease not ended. */
static void let_it_wait(void)
{
	pthread_t t;

	atomic_store(&other, 0);
	pthread_create(&t, NULL, take_other, NULL);
	pthread_detach(t);
	await(other_sleeps, NULL);
	after_wake = let_it_take;
}

/* Of a key one endpoint at a time has messages, also if it left the lock for a letter. */
START_TEST(should_keep_the_order_of_a_key)
{
	struct chan_lease lease;
	pthread_t t;
	int n;

	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX) /* it wakes in another way */
		return;
	atomic_store(&other, 0);
	atomic_store(&taken, 0);
	pthread_barrier_init(&together, NULL, 2);
	pthread_create(&t, NULL, await_letter, NULL);
	await(other_sleeps, NULL);
	meta.flags = CHAN_META_HAS_KEY;
	meta.key_length = 1;
	meta.key[0] = 'k';
	send_late("late");
	meta.ttl = 0;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(chan_send_meta(tx, "good", 4, &meta, 0), 0);
	after_wake = let_it_wait;
	n = chan_take(rx, &lease, 1, 0);
	ck_assert_int_eq(atomic_load(&taken), 1);
	ck_assert_int_eq(n, -EAGAIN); /* the other one has the first, and so all */
	pthread_barrier_wait(&together);
	pthread_join(t, NULL);
}
END_TEST

/* Each failure to open it takes 50 ms here. */
START_TEST(should_not_wait_with_each)
{
	int64_t start;

	letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META, .endpoints = 1));
	for (int i = 0; i < 100; i++)
		send_late("late");
	start = now();
	expect_none();
	ck_assert_int_lt(now() - start - starved(), SECOND);
	ck_assert_uint_eq(stat_of(rx).buried, 100);
}
END_TEST

static void *hold_the_lock(void *arg)
{
	struct limit limit = {.timeout = CHAN_WAIT};
	chan_t *ry = open_as(CHAN_RECV, NULL);

	receivers_enter(ry, &limit);
	pthread_barrier_wait(&together);
	nap(100 * MS);
	receivers_leave(ry);
	chan_detach(ry);
	return arg;
}

/* Nobody else would end the lease. */
START_TEST(should_end_its_lease_though_interrupted)
{
	struct chan_lease lease;
	pthread_t t;

	if (_i)
		letters = open_letters(CHAN_RECV, OPTIONS(.flags = CHAN_META));
	send_text(tx, "late");
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	pthread_barrier_init(&together, NULL, 2);
	pthread_create(&t, NULL, hold_the_lock, NULL);
	pthread_barrier_wait(&together);
	chan_interrupt(rx, 1);
	dead_expired(rx, &lease, NULL, 0);
	chan_interrupt(rx, 0);
	pthread_join(t, NULL);
	ck_assert_uint_eq(stat_of(rx).depth, !_i);
	ck_assert_uint_eq(stat_of(rx).buried, !_i);
	ck_assert_uint_eq(stat_of(rx).expired, _i);
	pthread_barrier_destroy(&together);
}
END_TEST

static int use_in_child(void *arg)
{
	(void)arg;
	chan_detach(rx); /* the parent's */
	rx = open_as(CHAN_RECV, NULL);
	expect_none();
	chan_detach(rx);
	return 0;
}

START_TEST(should_go_on_in_a_child)
{
	send_late("late");
	expect_none();
	send_late("later");
	ck_assert_int_eq(wait_child(in_child(use_in_child, NULL)), 0);
	expect_letter("late");
	expect_letter("later");
}
END_TEST

/* Nobody is made to write to a channel of his own by another user's. */
START_TEST(should_not_write_elsewhere_for_another_user)
{
	pid_t pid;
	char theirs[128];
	chan_t *ch;

	if (geteuid() != 0)
		return;
	chan_detach(letters); /* it would end with a sender that comes and goes */
	ck_assert_int_eq(chan_remove(dead), 0);
	letters = open_letters(CHAN_RECV,
		OPTIONS(.flags = CHAN_META | CHAN_END_WITH_SENDERS, .max_message = 1000));
	snprintf(theirs, sizeof(theirs), "%s", channel_other("theirs"));
	pid = fork();
	if (pid == 0) {
		struct chan_options *opt = OPTIONS(.flags = CHAN_META);

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		snprintf(opt->dead_letter, sizeof(opt->dead_letter), "0/%s", dead);
		meta.ttl = 1;
		if (chan_open(&ch, theirs, CHAN_SEND | CHAN_CREATE, opt) < 0 ||
			chan_send_meta(ch, "forged", 6, &meta, 0) < 0)
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(wait_child(pid), 0);
	snprintf(buf, sizeof(buf), "65534/%s", theirs);
	ck_assert_int_eq(chan_open(&ch, buf, CHAN_RECV, NULL), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(ch).buried, 1);
	ck_assert_uint_eq(stat_of(letters).sent, 0);
	ck_assert_int_eq(chan_recv(letters, buf, sizeof(buf), 0), -EAGAIN);
	chan_detach(ch);
	snprintf(buf, sizeof(buf), "65534/%s", theirs);
	ck_assert_int_eq(chan_remove(buf), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("dead letters", setup, teardown, should_send_it_with_its_header,
		should_say_how_often_it_was_delivered, should_end_its_own_lease_only,
		should_find_that_which_is_made_anew, should_go_on_in_a_child,
		should_not_write_elsewhere_for_another_user);
	GROUP_FOR(0, 6, "dead letters, calls", setup, teardown, should_be_found_by_all_calls);
	GROUP("dead letters, missing", setup_missing, teardown, should_not_wait_with_each,
		should_bury_it_where_that_is_missing,
		should_send_the_message_alone_where_that_has_no_headers);
	GROUP_FOR(0, 5, "dead letters, unfit", setup_missing, teardown,
		should_bury_it_where_that_is_full_or_unfit);
	GROUP_FOR(0, 2, "dead letters, interrupted", setup_missing, teardown,
		should_end_its_lease_though_interrupted);
	GROUP("dead letters, lanes", setup_lanes, teardown, should_work_in_lanes,
		should_keep_the_order_of_a_key);
	GROUP("dead letters, lanes, missing", setup_lanes_missing, teardown,
		should_bury_it_in_its_lane);
}
