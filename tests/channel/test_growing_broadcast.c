/* SPDX-License-Identifier: MIT */
/* Broadcasts that grow and give the memory back. */
#include "channel/grow.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define START (64u << 10)
#define MOST (8u << 20)
#define GROWING(...)                                                                               \
	OPTIONS(.kind = CHAN_KIND_BROADCAST, .capacity = START, .max_capacity = MOST,              \
		.max_message = 1u << 20, __VA_ARGS__)
#define HOW(...)                                                                                   \
	(&(struct chan_subscription){.size = sizeof(struct chan_subscription), __VA_ARGS__})

static chan_t *tx;
static uint64_t before; /* the memory that it has at first */

/* The memory that the segment has, from the system. */
static uint64_t allocated(void)
{
	struct stat st;

	ck_assert_int_eq(stat(segment_path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void setup(void)
{
	channel_setup();
	tx = open_as(CHAN_SEND, GROWING());
	before = allocated();
}

static void teardown(void)
{
	ck_assert_int_eq(tx->kind->valid(&tx->ring), 0);
	chan_detach(tx);
	channel_teardown();
}

static chan_t *subscribe(const struct chan_subscription *how)
{
	chan_t *ch = NULL;
	int err = chan_subscribe(&ch, name, how);

	ck_assert_msg(err == 0, "%s; %s", chan_strerror(err), chan_error_detail(err));
	return ch;
}

/* Message number `n`, from 1 on: each length and each byte follows from it. */
static size_t message(uint64_t n, unsigned char *buf)
{
	size_t len = sizeof(n) + n * 7919 % 3000;

	memcpy(buf, &n, sizeof(n));
	for (size_t i = sizeof(n); i < len; i++)
		buf[i] = (unsigned char)(n + i);
	return len;
}

static int send_numbered(uint64_t n)
{
	unsigned char buf[4096];

	return chan_send(tx, buf, message(n, buf), 0);
}

static void check_numbered(const void *got, size_t len, uint64_t n)
{
	unsigned char buf[4096];

	ck_assert_uint_eq(len, message(n, buf));
	ck_assert_int_eq(memcmp(got, buf, len), 0);
}

static void expect_numbered(chan_t *ch, uint64_t n)
{
	unsigned char buf[4096];
	ssize_t len = chan_recv(ch, buf, sizeof(buf), 0);

	ck_assert_msg(len >= 0, "%d: %s; %s", (int)n, chan_strerror((int)len),
		chan_error_detail((int)len));
	check_numbered(buf, (size_t)len, n);
}

static void expect_from_to(chan_t *ch, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		expect_numbered(ch, from);
}

static void expect_nothing(chan_t *ch)
{
	char buf[4096];

	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
}

/* Receive what is there, from number `n` on, losing some: the next number. */
static uint64_t receive_all(chan_t *ch, uint64_t n, uint64_t *lost)
{
	unsigned char buf[4096];

	for (;;) {
		ssize_t len = chan_recv(ch, buf, sizeof(buf), 0);

		if (len == -EOVERFLOW) {
			*lost += chan_lost(ch);
			n += chan_lost(ch);
		} else if (len == -EAGAIN) {
			return n;
		} else {
			ck_assert_msg(len >= 0, "%s", chan_strerror((int)len));
			check_numbered(buf, (size_t)len, n++);
		}
	}
}

/* Send from number `n` on until there is no room: the next number. */
static uint64_t fill(uint64_t n)
{
	int err;

	while ((err = send_numbered(n)) == 0)
		n++;
	ck_assert_int_eq(err, -EAGAIN);
	return n;
}

static uint64_t send_from_to(uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		ck_assert_int_eq(send_numbered(from), 0);
	return to;
}

/* As if the channel had been quiet for long enough, twice: it steps back, and then gives the
 * memory back. */
static void be_quiet(void)
{
	for (int i = 0; i < 2; i++) {
		atomic_store(&tx->control->ladder.needed, 0);
		ck_assert_int_eq(chan_recover(tx), 0);
	}
}

START_TEST(should_grow_for_one_that_holds_and_give_it_back)
{
	chan_t *slow = open_as(CHAN_RECV, NULL), *quick = subscribe(NULL);
	uint64_t n = 1, next = 1, end;
	struct chan_stat st;

	for (int burst = 0; burst < 10; burst++) {
		end = fill(n);
		ck_assert_uint_ge((end - n) * 1508, MOST * 2 / 3);
		n = end;
		ck_assert_uint_ge(allocated(), MOST);
		st = stat_of(tx);
		ck_assert_uint_eq(st.full, 1);
		ck_assert_uint_eq(st.depth, n - next);
		ck_assert_uint_le(st.used, MOST);
		ck_assert_uint_gt(st.used, MOST * 2 / 3);
		ck_assert_uint_eq(st.grown_why, CHAN_GROWN_FULL);
		ck_assert_uint_ge(st.kept, st.depth);
		ck_assert_int_eq(tx->kind->valid(&tx->ring), 0);
		expect_from_to(quick, next, n);
		expect_nothing(quick);
		be_quiet();
		ck_assert_uint_ge(allocated(), MOST); /* one is still behind */
		expect_from_to(slow, next, n);
		expect_nothing(slow);
		next = n;
		ck_assert_uint_eq(stat_of(tx).full, 0);
		be_quiet();
		ck_assert_uint_eq(allocated(), before);
		ck_assert_uint_eq(stat_of(tx).capacity, START - RING_ALIGN);
		expect_nothing(slow);
	}
	chan_detach(slow);
	chan_detach(quick);
}
END_TEST

START_TEST(should_not_grow_for_one_that_loses)
{
	chan_t *ch = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	uint64_t n = send_from_to(1, 1000), lost = 0;

	ck_assert_uint_eq(stat_of(tx).grown, 0);
	ck_assert_uint_eq(receive_all(ch, 1, &lost), n);
	ck_assert_uint_gt(lost, 900);
	ck_assert_uint_eq(allocated(), before);
	chan_detach(ch);
}
END_TEST

START_TEST(should_evict_at_the_maximum_only)
{
	chan_t *ch = subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 1));
	uint64_t n = 1, lost = 0;

	while (stat_of(tx).evicted == 0)
		if (send_numbered(n) == 0)
			n++;
	ck_assert_uint_eq(stat_of(tx).peak_capacity, MOST);
	ck_assert_uint_ge(n * 1508, MOST * 2 / 3);
	n = send_from_to(n, n + 10);
	ck_assert_uint_eq(receive_all(ch, 1, &lost), n);
	ck_assert_uint_gt(lost, 0);
	chan_detach(ch);
}
END_TEST

/* The memory stays as long as one that was evicted may be reading it in place. */
START_TEST(should_keep_what_an_evicted_one_reads_in_place)
{
	chan_t *ch = subscribe(HOW(.on_lag = CHAN_LAG_EVICT, .patience = 1));
	uint64_t n = send_from_to(1, 1000), i = 1, lost = 0, unknown;
	struct chan_lease lease;

	/* Into a ring that is not the first. */
	for (; stat_of(tx).capacity < START * 3 || i < 500; i++)
		expect_numbered(ch, i);
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);
	check_numbered(lease.data, lease.len, i);
	while (stat_of(tx).evicted == 0)
		if (send_numbered(n) == 0)
			n++;
	n = send_from_to(n, n + 3000);
	be_quiet();
	ck_assert_uint_gt(allocated(), before);
	memcpy(&unknown, lease.data, sizeof(unknown));
	ck_assert_int_eq(chan_ack(ch, &lease, 1), -ESTALE);
	ck_assert_uint_eq(receive_all(ch, i + 1, &lost), n);
	ck_assert_uint_gt(lost, 0);
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
	chan_detach(ch);
}
END_TEST

/* One that loses reads on in rings that grew for another, notices what was given back, and
 * takes no memory by looking there. */
START_TEST(should_notice_what_was_given_back)
{
	chan_t *holds = subscribe(NULL), *loses = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	chan_t *late = subscribe(HOW(.on_lag = CHAN_LAG_LOSE)), *looks = open_as(0, NULL);
	unsigned char buf[4096];
	struct chan_cursor at = {0};
	uint64_t n = fill(1), lost = 0, seen = 1;
	struct chan_subscriber list[4];

	expect_from_to(loses, 1, n - 100);
	expect_from_to(late, 1, 500);
	expect_from_to(holds, 1, n);
	ck_assert_int_eq(chan_peek(looks, buf, sizeof(buf), &at), (int)message(1, buf));
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
	ck_assert_int_eq(chan_subscribers(tx, list, 4), 3);
	ck_assert_int_eq(chan_peek(looks, buf, sizeof(buf), &at), -EAGAIN);
	ck_assert_uint_eq(allocated(), before);
	ck_assert_int_eq(chan_recv(loses, buf, sizeof(buf), 0), -EOVERFLOW);
	ck_assert_uint_eq(chan_lost(loses), 100);
	expect_nothing(loses);
	ck_assert_int_eq(chan_recv(late, buf, sizeof(buf), 0), -EOVERFLOW);
	ck_assert_uint_eq(chan_lost(late), n - 500);
	ck_assert_uint_eq(allocated(), before);
	seen = send_from_to(n, n + 20);
	ck_assert_uint_eq(receive_all(late, n, &lost), seen);
	ck_assert_uint_eq(receive_all(loses, n, &lost), seen);
	ck_assert_uint_eq(receive_all(holds, n, &lost), seen);
	ck_assert_uint_eq(lost, 0);
	chan_detach(looks);
	chan_detach(late);
	chan_detach(loses);
	chan_detach(holds);
}
END_TEST

START_TEST(should_keep_the_memory_for_a_group_that_nobody_uses)
{
	chan_t *ch = subscribe(HOW(.group = "night"));
	uint64_t n;

	expect_nothing(ch);
	chan_detach(ch);
	n = fill(1);
	be_quiet();
	ck_assert_uint_ge(allocated(), MOST);
	ch = subscribe(HOW(.group = "night"));
	expect_from_to(ch, 1, n);
	chan_detach(ch);
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
	ch = subscribe(HOW(.group = "night")); /* it stands where the old ring ends */
	n = send_from_to(n, n + 10);
	expect_from_to(ch, n - 10, n);
	expect_nothing(ch);
	chan_detach(ch);
}
END_TEST

START_TEST(should_join_anywhere_in_all_rings)
{
	chan_t *holds = subscribe(NULL), *ch;
	uint64_t n = fill(1), oldest;

	ch = subscribe(HOW(.from = CHAN_FROM_OLDEST, .on_lag = CHAN_LAG_LOSE));
	expect_from_to(ch, 1, n);
	chan_detach(ch);
	for (uint64_t back = 1; back < n; back = back * 3 + 1) {
		ch = subscribe(HOW(.from = CHAN_FROM_LAST, .start = back,
			.on_lag = back % 2 ? CHAN_LAG_LOSE : CHAN_LAG_BLOCK));
		expect_from_to(ch, n - back, n);
		chan_detach(ch);
		ch = subscribe(HOW(.from = CHAN_FROM_SEQ, .start = back));
		expect_from_to(ch, back, n);
		expect_nothing(ch);
		chan_detach(ch);
	}
	expect_from_to(holds, 1, n);
	/* What was received stays until the room is needed, or for a quiet while. */
	ck_assert_uint_eq(stat_of(tx).kept, n - 1);
	be_quiet();
	ck_assert_int_eq(
		chan_subscribe(&ch, name, HOW(.from = CHAN_FROM_SEQ, .start = 5)), -ESTALE);
	n = send_from_to(n, n + 10);
	oldest = n - stat_of(tx).kept;
	ch = subscribe(HOW(.from = CHAN_FROM_OLDEST));
	expect_from_to(ch, oldest, n);
	chan_detach(ch);
	chan_detach(holds);
}
END_TEST

START_TEST(should_take_leases_and_batches_over_the_steps)
{
	chan_t *a = subscribe(NULL), *b = subscribe(NULL);
	uint64_t n = fill(1), got = 1;
	struct chan_lease *lease = calloc(n, sizeof(*lease));
	static unsigned char bytes[64][4096];
	struct iovec v[64];

	ck_assert(lease);
	while (got < n) {
		int some = chan_take(a, lease + got, (unsigned)(n - got > 7 ? 7 : n - got), 0);

		ck_assert_int_gt(some, 0);
		got += (unsigned)some;
	}
	for (uint64_t i = 1; i < n; i++)
		check_numbered(lease[i].data, lease[i].len, i);
	ck_assert_int_eq(chan_untake(a, &lease[n / 2], 1), 1);
	for (got = n / 2; got < n; got++)
		ck_assert_int_eq(chan_take(a, &lease[got], 1, 0), 1);
	be_quiet();
	for (uint64_t i = 1; i < n; i++)
		check_numbered(lease[i].data, lease[i].len, i);
	for (uint64_t i = 1; i < n; i += 5)
		ck_assert_int_eq(chan_ack(a, &lease[i], 1), 1);
	for (got = 1; got < n;) {
		int some;

		for (int i = 0; i < 64; i++)
			v[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
		some = chan_recv_batch(b, v, 64, 0);
		ck_assert_int_gt(some, 0);
		for (int i = 0; i < some; i++)
			check_numbered(v[i].iov_base, v[i].iov_len, got++);
	}
	ck_assert_int_eq(chan_ack(a, &lease[n - 1], 1), 1);
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
	free(lease);
	chan_detach(a);
	chan_detach(b);
}
END_TEST

START_TEST(should_take_a_message_larger_than_the_ring)
{
	chan_t *a = subscribe(NULL), *b = subscribe(HOW(.on_lag = CHAN_LAG_LOSE)), *c;
	char *large = malloc(1 << 20), *got = malloc(1 << 20);

	ck_assert(large && got);
	for (int i = 0; i < 1 << 20; i++)
		large[i] = (char)(i * 31 >> 5);
	send_text(tx, "before");
	for (int i = 0; i < 40; i++) { /* nobody holds more than the maximum */
		ck_assert_int_eq(chan_send(tx, large, 1 << 20, 0), 0);
		ck_assert_uint_eq(stat_of(tx).grown_why, CHAN_GROWN_LARGE);
		send_text(tx, "after");
		for (int j = 0; j < 2; j++) {
			chan_t *ch = j ? b : a;

			if (i == 0)
				expect_text(ch, "before");
			ck_assert_int_eq(chan_recv(ch, got, 1 << 20, 0), 1 << 20);
			ck_assert_int_eq(memcmp(got, large, 1 << 20), 0);
			expect_text(ch, "after");
		}
		if (i % 4 == 0)
			be_quiet();
	}
	/* What is in the way of the only ring that is large enough is waited for. */
	c = subscribe(NULL);
	while (chan_send(tx, large, 1 << 20, 0) == 0)
		;
	ck_assert_int_eq(chan_send(tx, large, 1 << 20, 0), -EAGAIN);
	free(large);
	free(got);
	chan_detach(a);
	chan_detach(b);
	chan_detach(c);
}
END_TEST

static bool is_small(void *unused)
{
	(void)unused;
	return allocated() == before;
}

static void *wait_for_one(void *arg)
{
	char buf[4096];

	ck_assert_int_ge(chan_recv(arg, buf, sizeof(buf), SOON), 0);
	return NULL;
}

START_TEST(should_let_a_subscriber_that_waits_give_it_back)
{
	chan_t *rx = subscribe(NULL);
	uint64_t n = fill(1);
	pthread_t thread;

	expect_from_to(rx, 1, n);
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_one, rx), 0);
	await(is_small, NULL);
	ck_assert_int_eq(send_numbered(n), 0);
	pthread_join(thread, NULL);
	chan_detach(rx);
}
END_TEST

/* A sender that goes on under a small load does the same. */
START_TEST(should_go_back_to_a_small_ring_under_a_small_load)
{
	chan_t *rx = subscribe(NULL);
	uint64_t n = fill(1), next = 1;

	while (next + 3 < n)
		expect_numbered(rx, next++);
	for (int i = 0; i < 4; i++) {
		atomic_store(&tx->control->ladder.needed, 0);
		for (int j = 0; j < 2000; j++) {
			ck_assert_int_eq(send_numbered(n++), 0);
			expect_numbered(rx, next++);
		}
	}
	ck_assert_uint_eq(allocated(), before);
	chan_detach(rx);
}
END_TEST

START_TEST(should_give_it_back_when_the_last_one_leaves)
{
	chan_t *rx = subscribe(NULL);

	expect_from_to(rx, 1, fill(1));
	chan_detach(tx);
	ck_assert_uint_ge(allocated(), MOST);
	chan_detach(rx);
	ck_assert_uint_eq(allocated(), before);
	tx = open_as(CHAN_SEND, NULL);
}
END_TEST

START_TEST(should_deliver_what_is_left_in_all_rings_and_end)
{
	chan_t *rx = subscribe(NULL), *loses = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	uint64_t n = fill(1);
	char buf[4096];

	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	be_quiet();
	expect_from_to(loses, 1, n);
	expect_from_to(rx, 1, n);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EPIPE);
	ck_assert_int_eq(chan_recv(loses, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	be_quiet();
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	chan_detach(loses);
	chan_detach(rx);
}
END_TEST

/* A descriptor, and a selection: the step to another ring is no message. */
START_TEST(should_be_ready_for_messages_only)
{
	chan_t *rx = subscribe(NULL);
	struct chan_case one = {.size = sizeof(one),
		.op = CHAN_OP_RECV,
		.ch = rx,
		.data = &(char[4096]){0},
		.len = 4096};
	uint64_t n = fill(1);
	int fd = chan_fd(rx, CHAN_RECV);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	ck_assert_int_ge(fd, 0);
	expect_from_to(rx, 1, n);
	expect_nothing(rx);
	be_quiet();
	for (int i = 0; i < 3; i++) {
		while (poll(&p, 1, 0) == 1)
			expect_nothing(rx);
		ck_assert_int_eq(chan_select(&one, 1, MS, 0), -ETIMEDOUT);
		expect_nothing(rx);
		ck_assert_int_eq(send_numbered(n + (unsigned)i), 0);
		ck_assert_int_eq(poll(&p, 1, 10000), 1);
		ck_assert_int_eq(chan_select(&one, 1, 0, 0), 0);
		check_numbered(one.data, (size_t)one.result, n + (unsigned)i);
	}
	chan_detach(rx);
}
END_TEST

START_TEST(should_keep_headers_in_all_rings)
{
	chan_t *holds, *loses;
	static struct chan_meta meta;
	unsigned char buf[4096];
	uint64_t n = 1;
	int err;

	chan_detach(tx);
	ck_assert_int_eq(chan_remove(name), 0);
	tx = open_as(CHAN_SEND, GROWING(.flags = CHAN_META));
	before = allocated();
	holds = subscribe(NULL);
	loses = subscribe(HOW(.on_lag = CHAN_LAG_LOSE));
	chan_meta_init(&meta);
	while ((err = chan_send_meta(tx, buf, message(n, buf), &meta, 0)) == 0)
		n++;
	ck_assert_int_eq(err, -EAGAIN);
	ck_assert_uint_ge(allocated(), MOST);
	expect_from_to(loses, 1, n);
	expect_from_to(holds, 1, n);
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
	chan_detach(holds);
	chan_detach(loses);
}
END_TEST

START_TEST(should_grow_for_an_exclusive_sender)
{
	chan_t *rx = subscribe(NULL), *was = tx;
	uint64_t n;

	chan_detach(was);
	tx = open_as(CHAN_SEND | CHAN_EXCLUSIVE, NULL);
	n = fill(1);
	ck_assert_uint_ge(allocated(), MOST);
	expect_from_to(rx, 1, n);
	for (int i = 0; i < 3; i++) {
		atomic_store(&tx->control->ladder.needed, 0);
		for (int j = 0; j < 600; j++, n++) {
			ck_assert_int_eq(send_numbered(n), 0);
			expect_numbered(rx, n);
		}
	}
	ck_assert_uint_eq(allocated(), before);
	chan_detach(rx);
}
END_TEST

/* ---- several at once ---- */

static _Atomic bool over;

static void *hold_all(void *arg)
{
	chan_t *ch = subscribe(HOW(.from = CHAN_FROM_OLDEST));
	uint64_t n = 1, last = *(uint64_t *)arg;
	unsigned char buf[4096];

	for (; n < last; n++) {
		ssize_t len = chan_recv(ch, buf, sizeof(buf), SOON);

		ck_assert_msg(len >= 0, "%s", chan_strerror((int)len));
		check_numbered(buf, (size_t)len, n);
		if (n % 2500 == 0)
			nap(30 * MS);
	}
	chan_detach(ch);
	return NULL;
}

static void *lose_some(void *arg)
{
	chan_t *ch = subscribe(HOW(.on_lag = CHAN_LAG_LOSE, .from = CHAN_FROM_OLDEST));
	uint64_t n = 1, last = *(uint64_t *)arg;
	unsigned char buf[4096];

	while (n < last) {
		ssize_t len = chan_recv(ch, buf, sizeof(buf), SOON);

		if (len == -EOVERFLOW) {
			n += chan_lost(ch);
			continue;
		}
		ck_assert_msg(len >= 0, "%s", chan_strerror((int)len));
		check_numbered(buf, (size_t)len, n++);
		if (n % 1000 == 0)
			nap(2 * MS);
	}
	chan_detach(ch);
	return NULL;
}

static void *shrink_all_the_time(void *unused)
{
	chan_t *ch = open_as(0, NULL);

	while (!atomic_load(&over)) {
		be_quiet();
		ck_assert_int_ge(chan_recover(ch), 0);
		nap(MS);
	}
	chan_detach(ch);
	return unused;
}

START_TEST(should_lose_nothing_while_it_grows_and_shrinks)
{
	uint64_t last = 40000;
	unsigned char buf[4096];
	pthread_t thread[5];

	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&thread[0], NULL, hold_all, &last), 0);
	ck_assert_int_eq(pthread_create(&thread[1], NULL, hold_all, &last), 0);
	ck_assert_int_eq(pthread_create(&thread[2], NULL, lose_some, &last), 0);
	ck_assert_int_eq(pthread_create(&thread[3], NULL, lose_some, &last), 0);
	ck_assert_int_eq(pthread_create(&thread[4], NULL, shrink_all_the_time, NULL), 0);
	while (stat_of(tx).receivers < 4)
		nap(MS);
	for (uint64_t n = 1; n < last; n++)
		ck_assert_int_eq(chan_send(tx, buf, message(n, buf), SOON), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	atomic_store(&over, true);
	pthread_join(thread[4], NULL);
	ck_assert_uint_gt(stat_of(tx).grown, 3);
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
}
END_TEST

/* ---- a /dev/shm of our own, which gets full ---- */

static void small_setup(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=9m,mode=1777"), 0);
	setup();
}

static void small_teardown(void)
{
	teardown();
	umount2("/dev/shm", MNT_DETACH);
}

/* Take all the memory that is left: a descriptor. */
static int take_the_rest(void)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	static char page[4096];

	ck_assert_int_ge(fd, 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
	return fd;
}

/* A look where memory was given back needs none: with the mapping this would be SIGBUS. */
START_TEST(should_look_where_there_is_no_memory_left)
{
	chan_t *holds = subscribe(NULL), *loses = subscribe(HOW(.on_lag = CHAN_LAG_LOSE)), *late;
	uint64_t n = fill(1), lost = 0;
	struct chan_cursor at = {0};
	unsigned char buf[4096];
	int fd;

	expect_from_to(loses, 1, n - 100);
	expect_from_to(holds, 1, n);
	be_quiet();
	ck_assert_uint_eq(allocated(), before);
	fd = take_the_rest();
	ck_assert_int_eq(chan_peek(holds, buf, sizeof(buf), &at), -EAGAIN);
	ck_assert_uint_eq(receive_all(loses, n - 100, &lost), n);
	ck_assert_uint_eq(lost, 100);
	/* Nor can it grow: the sender is told, or waits, and nothing is lost. */
	chan_set_overflow(tx, CHAN_FAIL);
	for (lost = n; send_numbered(lost) == 0; lost++)
		;
	ck_assert_int_eq(send_numbered(lost), -ENOSPC);
	ck_assert_int_eq(stat_of(tx).grow_error, ENOSPC);
	late = subscribe(HOW(.from = CHAN_FROM_SEQ, .start = lost - 10));
	chan_set_overflow(tx, CHAN_BLOCK);
	ck_assert_int_eq(chan_send(tx, buf, message(lost, buf), MS), -ETIMEDOUT);
	expect_from_to(holds, n, lost);
	expect_from_to(late, lost - 10, lost);
	ck_assert_int_eq(send_numbered(lost), 0);
	close(fd);
	lost = fill(lost + 1);
	ck_assert_uint_ge(allocated(), MOST);
	chan_detach(late);
	chan_detach(loses);
	chan_detach(holds);
}
END_TEST

void add_tests(void)
{
	if (place_has(NEED_MOUNTS))
		GROUP("full memory", small_setup, small_teardown,
			should_look_where_there_is_no_memory_left);
	GROUP("growing broadcast", setup, teardown, should_grow_for_one_that_holds_and_give_it_back,
		should_not_grow_for_one_that_loses, should_evict_at_the_maximum_only,
		should_keep_what_an_evicted_one_reads_in_place, should_notice_what_was_given_back,
		should_keep_the_memory_for_a_group_that_nobody_uses,
		should_join_anywhere_in_all_rings, should_take_leases_and_batches_over_the_steps,
		should_take_a_message_larger_than_the_ring,
		should_let_a_subscriber_that_waits_give_it_back,
		should_go_back_to_a_small_ring_under_a_small_load,
		should_give_it_back_when_the_last_one_leaves,
		should_deliver_what_is_left_in_all_rings_and_end, should_be_ready_for_messages_only,
		should_grow_for_an_exclusive_sender, should_keep_headers_in_all_rings,
		should_lose_nothing_while_it_grows_and_shrinks);
}
