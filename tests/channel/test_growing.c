/* SPDX-License-Identifier: MIT */
/* Channels that grow and give the memory back. */
#include "channel/grow.h"
#include "core/ladder.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START (64u << 10)
#define MOST (8u << 20)
#define GROWING() OPTIONS(.capacity = START, .max_capacity = MOST, .max_message = 1u << 20)

/* Message number `n`: each length and each byte follows from it. */
static size_t message(uint64_t n, unsigned char *buf)
{
	size_t len = sizeof(n) + n * 7919 % 3000;

	memcpy(buf, &n, sizeof(n));
	for (size_t i = sizeof(n); i < len; i++)
		buf[i] = (unsigned char)(n + i);
	return len;
}

static int send_numbered(chan_t *ch, uint64_t n)
{
	unsigned char buf[4096];

	return chan_send(ch, buf, message(n, buf), 0);
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

	ck_assert_int_ge(len, 0);
	check_numbered(buf, (size_t)len, n);
}

/* Send from number `n` on until there is no room: the next number. */
static uint64_t fill(chan_t *ch, uint64_t n)
{
	int err;

	while ((err = send_numbered(ch, n)) == 0)
		n++;
	ck_assert_int_eq(err, -EAGAIN);
	return n;
}

/* The memory that the segment has, from the system. */
static uint64_t allocated(void)
{
	struct stat st;

	ck_assert_int_eq(stat(segment_path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void check_valid(chan_t *ch)
{
	ck_assert_int_eq(ch->kind->valid(&ch->ring), 0);
}

/* As if the channel had been quiet for long enough. */
static void let_time_pass(chan_t *ch)
{
	atomic_store(&ch->control->ladder.needed, 0);
}

START_TEST(should_lay_out_rungs_that_fill_the_maximum)
{
	struct ladder l;
	uint64_t sum;

	for (uint64_t most = 2; most < 300; most++) {
		ladder_make(&l, 4096, most * 4096);
		sum = 0;
		for (unsigned i = 0; i < l.n; i++) {
			ck_assert_uint_eq(l.rung[i].offset, sum);
			sum += l.rung[i].capacity;
		}
		ck_assert_uint_eq(sum, most * 4096);
		ck_assert_uint_eq(l.rung[0].capacity, 4096);
	}
	ladder_make(&l, 4096, UINT64_C(1) << 46);
	ck_assert_uint_le(l.n, LADDER_RUNGS);
	ladder_make(&l, 1, 1024);
	ck_assert_uint_eq(l.n, 10);
	ck_assert_uint_eq(ladder_largest(&l), 513);
}
END_TEST

START_TEST(should_grow_to_the_maximum_and_keep_the_order)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n;
	struct chan_stat st;

	ck_assert_uint_lt(before, 2 * START + (64 << 10));
	n = fill(tx, 0);
	st = stat_of(tx);
	ck_assert_uint_eq(st.start_capacity, START);
	ck_assert_uint_eq(st.max_capacity, MOST);
	ck_assert_uint_eq(st.peak_capacity, MOST);
	ck_assert_uint_eq(st.depth, n);
	ck_assert_uint_eq(st.full, 1);
	ck_assert_uint_ge(st.used, MOST * 99 / 100);
	ck_assert_uint_le(st.used, MOST);
	ck_assert_uint_eq(st.bytes, st.used);
	ck_assert_uint_eq(st.grown_why, CHAN_GROWN_FULL);
	ck_assert_int_eq(st.grown_by, getpid());
	ck_assert_uint_ge(allocated(), MOST);
	check_valid(rx);
	for (uint64_t i = 0; i < n; i++)
		expect_numbered(rx, i);
	ck_assert_int_eq(chan_recv(rx, &n, sizeof(n), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).received, n);
	ck_assert_uint_eq(stat_of(rx).used, 0);
	/* It holds as much again, through the rings in another order. */
	n = fill(tx, n) - n;
	ck_assert_uint_ge(n * 1500, MOST / 2);
	check_valid(rx);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* Of a ring far larger than what is sent. */
START_TEST(should_take_memory_in_pieces)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = START, .max_capacity = 1u << 30)),
	       *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n = 0, sent = 0;
	unsigned char buf[4096];
	struct chan_stat st;

	while (sent < 40u << 20) {
		ck_assert_int_eq(send_numbered(tx, n), 0);
		sent += ring_least_capacity(message(n++, buf)) - RING_ALIGN;
		ck_assert_uint_le(allocated(), before + 4 * START + sent + (2u << 20));
	}
	st = stat_of(rx);
	ck_assert_uint_eq(st.used, sent);
	ck_assert_uint_eq(st.segment, allocated());
	ck_assert_uint_eq(st.peak_capacity, st.capacity + RING_ALIGN);
	ck_assert_uint_eq(st.segment - before, st.peak_capacity - START);
	for (uint64_t i = 0; i < n; i++)
		expect_numbered(rx, i);
	let_time_pass(tx);
	channel_give_back(rx, false);
	ck_assert_uint_eq(allocated(), before);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* Two senders that don't know of each other's pieces, over several laps of one ring. */
START_TEST(should_find_the_memory_that_others_took)
{
	chan_t *tx[2], *rx = open_as(CHAN_SEND | CHAN_RECV, GROWING());
	uint64_t n = 0, next = 0;

	for (int i = 0; i < 2; i++)
		tx[i] = open_as(CHAN_SEND, NULL);
	for (int i = 0; i < 20000; i++) {
		ck_assert_int_eq(send_numbered(tx[i / 100 % 2], n++), 0);
		if (n - next > 1000)
			expect_numbered(rx, next++);
	}
	while (next < n)
		expect_numbered(rx, next++);
	check_valid(rx);
	for (int i = 0; i < 2; i++)
		chan_detach(tx[i]);
	chan_detach(rx);
}
END_TEST

START_TEST(should_not_creep_over_a_thousand_bursts)
{
	chan_t *ch = open_as(
		CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = START, .max_capacity = 8 * START));
	uint64_t before = allocated(), n = 0, next = 0, most = 0;

	for (int burst = 0; burst < 1000; burst++) {
		for (int i = 0; i < 60 + burst % 120; i++)
			ck_assert_int_eq(send_numbered(ch, n++), 0);
		if (burst < 200)
			most = allocated() > most ? allocated() : most;
		else
			ck_assert_uint_le(allocated(), most);
		while (next < n)
			expect_numbered(ch, next++);
		if (burst % 3)
			continue;
		let_time_pass(ch);
		channel_give_back(ch, false);
		ck_assert_uint_eq(allocated(), before);
	}
	ck_assert_uint_ge(most, before + 2 * START);
	check_valid(ch);
	chan_detach(ch);
}
END_TEST

START_TEST(should_give_the_memory_back_after_a_quiet_while)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n = 0, next = 0;
	char buf[4096];

	for (int burst = 0; burst < 20; burst++) {
		n = fill(tx, n);
		ck_assert_uint_ge(allocated(), MOST / 2);
		while (next < n)
			expect_numbered(rx, next++);
		channel_give_back(rx, false);
		ck_assert_uint_ge(allocated(), MOST / 2); /* not at once */
		let_time_pass(tx);
		if (burst % 2)
			channel_give_back(rx, false);
		else
			ck_assert_int_eq(chan_recover(tx), 0);
		ck_assert_uint_eq(allocated(), before);
		ck_assert_uint_eq(stat_of(rx).capacity, START - RING_ALIGN);
		ck_assert_uint_eq(stat_of(rx).segment, before);
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	}
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_go_back_to_a_small_ring_under_a_small_load)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n = fill(tx, 0), next = 0;

	while (next + 3 < n) /* it is never empty */
		expect_numbered(rx, next++);
	for (int i = 0; i < 3; i++) {
		let_time_pass(tx);
		for (int j = 0; j < 2000; j++) {
			ck_assert_int_eq(send_numbered(tx, n++), 0);
			expect_numbered(rx, next++);
		}
	}
	ck_assert_uint_eq(allocated(), before);
	check_valid(rx);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* The first ring's memory stays, so it goes back to that one. */
START_TEST(should_go_back_from_a_ring_that_is_not_larger)
{
	static const uint64_t most[] = {START + START / 2, 2 * START};

	for (unsigned i = 0; i < 2; i++) {
		chan_t *ch = open_as(
			CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = START, .max_capacity = most[i]));
		uint64_t before = allocated(), n = fill(ch, 0);

		ck_assert_uint_ge(allocated(), before + most[i] - START);
		for (uint64_t j = 0; j < n; j++)
			expect_numbered(ch, j);
		let_time_pass(ch);
		ck_assert_int_eq(chan_recover(ch), 0);
		ck_assert_uint_eq(allocated(), before);
		chan_detach(ch);
		ck_assert_int_eq(chan_remove(name), 0);
	}
}
END_TEST

/* As if a sender was killed behind the step: nobody has followed to the new ring yet. */
START_TEST(should_give_a_ring_back_that_nothing_was_sent_in)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, GROWING());
	uint64_t before = allocated(), n = 0;
	unsigned char buf[4096];
	void *place;

	for (;; n++) {
		ck_assert_int_eq(chan_reserve(ch, &place, sizeof(buf), 0), 0);
		if (stat_of(ch).grown)
			break;
		ck_assert_int_eq(chan_commit(ch, message(n, place)), 0);
	}
	chan_abort(ch);
	for (uint64_t i = 0; i < n; i++)
		expect_numbered(ch, i);
	let_time_pass(ch);
	ck_assert_int_eq(chan_recover(ch), 0);
	ck_assert_uint_eq(allocated(), before);
	chan_detach(ch);
}
END_TEST

static bool is_small(void *arg)
{
	return allocated() == *(uint64_t *)arg;
}

static void *wait_for_one(void *arg)
{
	char buf[4096];

	ck_assert_int_ge(chan_recv(arg, buf, sizeof(buf), SOON), 0);
	return NULL;
}

START_TEST(should_let_a_receiver_that_waits_give_it_back)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n = fill(tx, 0);
	pthread_t thread;

	for (uint64_t i = 0; i < n; i++)
		expect_numbered(rx, i);
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_one, rx), 0);
	await(is_small, &before);
	ck_assert_int_eq(send_numbered(tx, n), 0);
	pthread_join(thread, NULL);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_give_it_back_when_the_last_one_leaves)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n = fill(tx, 0);

	chan_detach(tx);
	ck_assert_uint_ge(allocated(), MOST);
	for (uint64_t i = 0; i < n; i++)
		expect_numbered(rx, i);
	chan_detach(rx);
	ck_assert_uint_eq(allocated(), before);
}
END_TEST

START_TEST(should_take_a_message_larger_than_the_ring)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	char *large = malloc(1 << 20), *got = malloc(1 << 20);
	struct chan_lease lease;
	void *place;

	ck_assert(large && got);
	for (int i = 0; i < 1 << 20; i++)
		large[i] = (char)(i * 31 >> 5);
	send_text(tx, "before");
	ck_assert_int_eq(chan_send(tx, large, 1 << 20, 0), 0);
	ck_assert_uint_eq(stat_of(tx).grown_why, CHAN_GROWN_LARGE);
	send_text(tx, "after");
	ck_assert_int_eq(chan_reserve(tx, &place, 1 << 20, 0), 0);
	memcpy(place, large, 1 << 20);
	ck_assert_int_eq(chan_commit(tx, 1 << 20), 0);
	expect_text(rx, "before");
	ck_assert_int_eq(chan_recv(rx, got, 1 << 20, 0), 1 << 20);
	ck_assert_int_eq(memcmp(got, large, 1 << 20), 0);
	expect_text(rx, "after");
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(memcmp(lease.data, large, 1 << 20), 0);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	ck_assert_int_eq(chan_send(tx, large, (1 << 20) + 1, 0), -EMSGSIZE);
	free(large);
	free(got);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* Leases over all rings, acknowledged in an order of their own. */
START_TEST(should_keep_leases_while_it_grows_and_shrinks)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t before = allocated(), n = fill(tx, 0);
	struct chan_lease *lease = calloc(n, sizeof(*lease));
	unsigned char buf[4096];
	uint64_t got = 0;

	ck_assert(lease);
	while (got < n) {
		int some = chan_take(rx, lease + got, (unsigned)(n - got > 7 ? 7 : n - got), 0);

		ck_assert_int_gt(some, 0);
		got += (unsigned)some;
	}
	for (uint64_t i = 0; i < n; i++)
		check_numbered(lease[i].data, lease[i].len, i);
	check_valid(rx);
	/* Two of three are done, from the back; then the rest is given back and received. */
	for (uint64_t i = n; i-- > 0;)
		if (i % 3)
			ck_assert_int_eq(chan_ack(rx, &lease[i], 1), 1);
	ck_assert_int_eq(chan_ack(rx, &lease[1], 1), -ESTALE);
	check_valid(rx);
	for (uint64_t i = 0; i < n; i += 3)
		ck_assert_int_eq(chan_release(rx, &lease[i], 1), 1);
	check_valid(rx);
	for (uint64_t i = 0; i < n; i += 3)
		expect_numbered(rx, i);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
	let_time_pass(rx);
	channel_give_back(rx, false);
	ck_assert_uint_eq(allocated(), before);
	/* In the front, in order, without the lock. */
	n = fill(tx, 0);
	for (uint64_t i = 0; i < n; i++) {
		ck_assert_int_eq(chan_take(rx, lease, 1, 0), 1);
		check_numbered(lease->data, lease->len, i);
		ck_assert_int_eq(chan_ack(rx, lease, 1), 1);
	}
	free(lease);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_send_and_receive_batches_over_the_steps)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	static unsigned char bytes[64][4096];
	struct iovec v[64];
	uint64_t sent = 0, received = 0;

	for (int round = 0; round < 100; round++) {
		for (uint64_t i = 0; i < 64; i++) {
			v[i].iov_base = bytes[i];
			v[i].iov_len = message(sent + i, bytes[i]);
		}
		sent += (uint64_t)chan_send_batch(tx, v, 64, 0);
		if (round % 3)
			continue;
		for (uint64_t i = 0; i < 64; i++)
			v[i].iov_len = sizeof(bytes[i]);
		int n = chan_recv_batch(rx, v, 64, 0);

		ck_assert_int_gt(n, 0);
		for (int i = 0; i < n; i++)
			check_numbered(v[i].iov_base, v[i].iov_len, received++);
	}
	check_valid(rx);
	while (received < sent)
		expect_numbered(rx, received++);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_apply_the_policies_at_the_maximum)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	struct chan_cursor at = {0};
	unsigned char buf[4096];
	uint64_t n = fill(tx, 0), first;
	ssize_t len;

	chan_set_overflow(tx, CHAN_FAIL);
	ck_assert_int_eq(send_numbered(tx, n), -EAGAIN);
	chan_set_overflow(tx, CHAN_DROP_NEWEST);
	ck_assert_int_eq(send_numbered(tx, n), CHAN_DROPPED);
	chan_set_overflow(tx, CHAN_DROP_OLDEST);
	for (uint64_t i = 0; i < 3 * n; i++)
		ck_assert_int_eq(send_numbered(tx, n + i), 0);
	check_valid(rx);
	ck_assert_uint_eq(stat_of(tx).dropped_oldest + stat_of(tx).depth, 4 * n);
	ck_assert_uint_le(stat_of(tx).used, MOST);
	first = stat_of(tx).dropped_oldest;
	for (uint64_t i = first; i < 4 * n; i++) {
		len = chan_peek(rx, buf, sizeof(buf), &at);
		ck_assert_int_ge(len, 0);
		check_numbered(buf, (size_t)len, i);
	}
	ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &at), -EAGAIN);
	expect_numbered(rx, first);
	ck_assert_int_eq(chan_purge(rx), (int64_t)(4 * n - first - 1));
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	send_text(tx, "on");
	expect_text(rx, "on");
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* In two rings of the same size, at the maximum: the one message more that the first ring keeps
 * from being free is not dropped when the rest of it was received. */
START_TEST(should_drop_no_more_than_it_must)
{
	chan_t *ch = open_as(
		CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096, .max_capacity = 8192,
					       .max_message = 240, .overflow = CHAN_DROP_OLDEST));
	unsigned char buf[240] = {0};
	int n = 0;

	for (; stat_of(ch).grown == 0; n++)
		ck_assert_int_eq(chan_send(ch, buf, sizeof(buf), 0), 0);
	for (; !stat_of(ch).full; n++)
		ck_assert_int_eq(chan_send(ch, buf, sizeof(buf), 0), 0);
	ck_assert_uint_eq(stat_of(ch).dropped_oldest, 0);
	/* All that lies in the first one. */
	for (int i = 0; i < 15; i++)
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), sizeof(buf));
	ck_assert_int_eq(chan_send(ch, buf, sizeof(buf), 0), 0);
	ck_assert_uint_eq(stat_of(ch).dropped_oldest, 0);
	ck_assert_uint_eq(stat_of(ch).depth, (unsigned)n - 15 + 1);
	chan_detach(ch);
}
END_TEST

START_TEST(should_receive_the_rest_of_a_closed_channel)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx = open_as(CHAN_RECV, NULL);
	uint64_t n = fill(tx, 0);

	chan_close(tx, CHAN_DRAIN);
	ck_assert_int_eq(send_numbered(tx, n), -EPIPE);
	for (uint64_t i = 0; i < n; i++)
		expect_numbered(rx, i);
	ck_assert_int_eq(chan_recv(rx, &n, sizeof(n), 0), -EPIPE);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

/* Three senders and three receivers, of which no two know the same rungs. */
#define EACH 20000

static int send_many(void *arg)
{
	chan_t *tx;
	int err = chan_open(&tx, name, CHAN_SEND, NULL);
	uint64_t msg[32];

	for (uint64_t i = 0; err == 0 && i < EACH; i++) {
		memset(msg, 0, sizeof(msg));
		msg[0] = (uint64_t)(uintptr_t)arg << 32 | i;
		err = chan_send(tx, msg, sizeof(msg) - i % 200, SOON);
		if (i % 4096 == 0)
			let_time_pass(tx);
	}
	return err < 0;
}

START_TEST(should_lose_nothing_between_several_senders_and_receivers)
{
	chan_t *tx = open_as(CHAN_SEND, GROWING()), *rx[3];
	uint64_t next[3] = {0}, msg[32];
	pid_t pid[3];

	for (int i = 0; i < 3; i++)
		rx[i] = open_as(CHAN_RECV, NULL);
	for (int i = 0; i < 3; i++)
		pid[i] = in_child(send_many, (void *)(uintptr_t)i);
	for (unsigned got = 0; got < 3 * EACH; got++) {
		/* A burst of each, with pauses that let it fill. */
		chan_t *ch = rx[got / 700 % 3];

		if (got % 9000 == 0)
			usleep(30000);
		ck_assert_int_gt(chan_recv(ch, msg, sizeof(msg), SOON), 0);
		ck_assert_uint_eq(msg[0] & UINT32_MAX, next[msg[0] >> 32]++);
		if (got % 1000 == 0)
			channel_give_back(ch, false);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(wait_child(pid[i]), 0);
	check_valid(rx[0]);
	ck_assert_uint_gt(stat_of(tx).grown, 3);
	for (int i = 0; i < 3; i++)
		chan_detach(rx[i]);
	chan_detach(tx);
}
END_TEST

START_TEST(should_refuse_what_cannot_grow)
{
	static const struct {
		struct chan_options o;
		const char *says;
	} bad[] = {
		{{.capacity = 2 << 20, .max_capacity = 1 << 20}, "below the capacity"},
		{{.kind = CHAN_KIND_RENDEZVOUS, .max_capacity = 1 << 20}, "a rendezvous does not"},
		{{.kind = CHAN_KIND_LATEST, .max_capacity = 1 << 20}, "a latest does not"},
		{{.max_capacity = UINT64_C(1) << 45}, "more than /dev/shm has"},
		{{.max_capacity = 4 << 20, .max_message = 8 << 20}, "the largest that this"},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct chan_options o = bad[i].o;

		o.size = sizeof(o);
		ck_assert_int_eq(chan_create(name, &o), -EINVAL);
		ck_assert_msg(strstr(chan_error_detail(-EINVAL), bad[i].says) != NULL, "%u: %s", i,
			chan_error_detail(-EINVAL));
	}
	ck_assert_int_eq(chan_create(name, OPTIONS(.max_capacity = CHAN_UNBOUNDED)), 0);
}
END_TEST

START_TEST(should_see_what_a_newer_opener_asks_for)
{
	chan_t *ch = open_as(CHAN_SEND, GROWING()), *other;

	ck_assert_int_eq(
		chan_open(&other, name, CHAN_SEND | CHAN_CREATE, OPTIONS(.max_capacity = 2 * MOST)),
		0);
	ck_assert_str_eq(
		chan_error_detail(-EEXIST), "max_capacity: the channel has 8388608, not 16777216");
	chan_detach(other);
	chan_detach(ch);
}
END_TEST

void add_tests(void)
{
	GROUP("growing", channel_setup, channel_teardown,
		should_lay_out_rungs_that_fill_the_maximum,
		should_grow_to_the_maximum_and_keep_the_order,
		should_give_the_memory_back_after_a_quiet_while, should_take_memory_in_pieces,
		should_find_the_memory_that_others_took, should_not_creep_over_a_thousand_bursts,
		should_go_back_to_a_small_ring_under_a_small_load,
		should_go_back_from_a_ring_that_is_not_larger,
		should_give_a_ring_back_that_nothing_was_sent_in,
		should_let_a_receiver_that_waits_give_it_back,
		should_give_it_back_when_the_last_one_leaves,
		should_take_a_message_larger_than_the_ring,
		should_keep_leases_while_it_grows_and_shrinks,
		should_send_and_receive_batches_over_the_steps,
		should_apply_the_policies_at_the_maximum, should_drop_no_more_than_it_must,
		should_receive_the_rest_of_a_closed_channel,
		should_lose_nothing_between_several_senders_and_receivers,
		should_refuse_what_cannot_grow, should_see_what_a_newer_opener_asks_for);
}
