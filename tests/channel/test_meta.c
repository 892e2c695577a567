/* SPDX-License-Identifier: MIT */
/* Messages with a header. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include "core/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void setup_plain(void)
{
	open_both(OPTIONS(.max_message = 1000));
}

static void setup_growing(void)
{
	open_both(OPTIONS(.flags = CHAN_META, .capacity = 4096, .max_capacity = 1 << 20,
		.max_message = 20000));
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(rx);
	channel_teardown();
}

/* Receive a message with its header, and check the text. */
static void expect_meta(const char *text)
{
	ssize_t n = chan_recv_meta(rx, buf, sizeof(buf), &got, SOON);

	ck_assert_int_eq(n, strlen(text));
	ck_assert_mem_eq(buf, text, n);
}

static int send_meta(const char *text)
{
	return chan_send_meta(tx, text, strlen(text), &meta, SOON);
}

/* ---- what is carried ---- */

static void fill_in(struct chan_meta *m)
{
	m->flags = CHAN_META_HAS_ID | CHAN_META_HAS_KEY | CHAN_META_HAS_PRIORITY | CHAN_META_REPLY |
		   CHAN_META_MORE | CHAN_META_KEEP;
	memcpy(m->id, "0123456789abcdef", 16);
	m->key_length = 3;
	memcpy(m->key, "k\0y", 3);
	m->priority = 7;
	m->correlation = UINT64_C(0x1122334455667788);
	m->status = -3;
	m->ttl = INT64_C(3600000000000);
	snprintf(m->reply_to, sizeof(m->reply_to), "%u/inbox.1.0", geteuid());
	ck_assert_int_eq(chan_meta_put(m, "kind", "order"), 0);
	ck_assert_int_eq(chan_meta_put(m, "empty", ""), 0);
}

static void expect_filled_in(const struct chan_meta *m)
{
	ck_assert_uint_eq(m->flags, meta.flags & ~(uint32_t)CHAN_META_KEEP);
	ck_assert_mem_eq(m->id, "0123456789abcdef", 16);
	ck_assert_uint_eq(m->key_length, 3);
	ck_assert_mem_eq(m->key, "k\0y", 4);
	ck_assert_uint_eq(m->priority, 7);
	ck_assert_uint_eq(m->correlation, UINT64_C(0x1122334455667788));
	ck_assert_int_eq(m->status, -3);
	ck_assert_int_gt(m->ttl, INT64_C(3000000000000));
	ck_assert_int_le(m->ttl, INT64_C(3600000000000));
	ck_assert_int_eq(m->delay, 0);
	ck_assert_str_eq(m->reply_to, meta.reply_to);
	ck_assert_ptr_nonnull(strstr(m->reply_to, "/inbox.1.0"));
	ck_assert_str_eq(chan_meta_get(m, "kind"), "order");
	ck_assert_str_eq(chan_meta_get(m, "empty"), "");
	ck_assert_ptr_null(chan_meta_get(m, "kin"));
	ck_assert_int_eq(m->pid, getpid());
	ck_assert_uint_eq(m->uid, geteuid());
}

START_TEST(should_carry_all_of_a_header)
{
	struct chan_lease lease;
	struct chan_cursor at = {.pos = 0};
	struct timespec now;

	fill_in(&meta);
	clock_gettime(CLOCK_REALTIME, &now);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(send_meta("hello"), 0);
	ck_assert_int_eq(chan_peek_meta(tx, buf, sizeof(buf), &at, &got), 5);
	expect_filled_in(&got);
	ck_assert_uint_eq(got.seq, 1);
	ck_assert_uint_eq(got.attempt, 0);
	ck_assert_int_ge(got.sent, now.tv_sec * INT64_C(1000000000));
	ck_assert_int_lt(got.sent, (now.tv_sec + 100) * INT64_C(1000000000));

	expect_meta("hello");
	expect_filled_in(&got);
	ck_assert_uint_eq(got.seq, 1);
	ck_assert_uint_eq(got.attempt, 1);

	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_release(rx, &lease, 1), 1);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_uint_eq(lease.len, 5);
	ck_assert_mem_eq(lease.data, "hello", 5);
	ck_assert_uint_eq((uintptr_t)lease.data % 16, 0);
	chan_meta_init(&got);
	ck_assert_int_eq(chan_lease_meta(rx, &lease, &got), 0);
	expect_filled_in(&got);
	ck_assert_uint_eq(got.seq, 2);
	ck_assert_uint_eq(got.attempt, 2);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	expect_meta("hello");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
}
END_TEST

START_TEST(should_take_nothing_for_a_key_that_is_none)
{
	meta.key_length = 4;
	meta.priority = 3;
	memcpy(meta.key, "none", 4);
	ck_assert_int_eq(send_meta("x"), 0);
	ck_assert_int_eq(chan_send_meta(tx, "y", 1, NULL, 0), 0);
	for (int i = 0; i < 2; i++) {
		expect_meta(i ? "y" : "x");
		ck_assert_uint_eq(got.flags, 0);
		ck_assert_uint_eq(got.key_length, 0);
		ck_assert_uint_eq(got.priority, 0);
		ck_assert_uint_eq(got.header_length, 0);
		ck_assert_str_eq(got.reply_to, "");
		ck_assert_int_eq(got.ttl, 0);
		ck_assert_int_eq(got.pid, getpid());
	}
}
END_TEST

START_TEST(should_carry_the_most)
{
	char inbox[40];
	char name_[2] = "a", value[CHAN_HEADER_MAX];

	memset(buf, 'b', 1000);
	memset(value, 'v', sizeof(value));
	value[CHAN_HEADER_MAX - 3] = 0;
	meta.flags = CHAN_META_HAS_KEY | CHAN_META_KEEP;
	meta.key_length = CHAN_KEY_MAX;
	memset(meta.key, 'k', CHAN_KEY_MAX);
	memset(meta.reply_to, 'f', CHAN_REPLY_MAX); /* the end of a long address */
	memcpy(meta.reply_to, inbox,
		(size_t)snprintf(inbox, sizeof(inbox), "%u/inbox.1.", geteuid()));
	ck_assert_int_eq(chan_meta_put(&meta, name_, value), 0);
	ck_assert_uint_eq(meta.header_length, CHAN_HEADER_MAX);
	ck_assert_int_eq(chan_meta_put(&meta, "b", ""), -EMSGSIZE);
	for (int i = 0; i < 200; i++) { /* round the ring */
		ck_assert_int_eq(chan_send_meta(tx, buf, 1000, &meta, 0), 0);
		ck_assert_int_eq(chan_recv_meta(rx, buf, 1000, &got, 0), 1000);
		ck_assert_uint_eq(got.key_length, CHAN_KEY_MAX);
		ck_assert_mem_eq(got.key, meta.key, CHAN_KEY_MAX + 1);
		ck_assert_str_eq(got.reply_to, meta.reply_to);
		ck_assert_mem_eq(got.header, meta.header, CHAN_HEADER_MAX);
	}
	ck_assert_int_eq(chan_send_meta(tx, buf, 1001, &meta, 0), -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 1000);
}
END_TEST

/* What no lanes go by is a mistake, but in a copy. */
START_TEST(should_refuse_what_decides_nothing)
{
	static const struct {
		uint32_t flag;
		const char *why;
	} bad[] = {{CHAN_META_HAS_KEY, "meta: a key decides nothing here"},
		{CHAN_META_HAS_PRIORITY, "meta: a priority decides nothing here"}};
	uint64_t number;

	for (int i = 0; i < 2; i++) {
		meta.flags = bad[i].flag;
		ck_assert_int_eq(send_meta("x"), -EINVAL);
		ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), bad[i].why));
		ck_assert_int_eq(chan_request(tx, "x", 1, &meta, 0, &number), -EINVAL);
		ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), bad[i].why));
		ck_assert_int_eq(chan_call(tx, "x", 1, buf, 1, &meta, 0), -EINVAL);
		meta.flags |= CHAN_META_KEEP;
		ck_assert_int_eq(send_meta("kept"), 0);
		expect_meta("kept");
		ck_assert_uint_eq(got.flags, bad[i].flag);
	}
	ck_assert_uint_eq(stat_of(tx).sent, 2);
}
END_TEST

START_TEST(should_replace_a_pair)
{
	ck_assert_int_eq(chan_meta_put(&meta, "a", "1"), 0);
	ck_assert_int_eq(chan_meta_put(&meta, "bb", "2"), 0);
	ck_assert_int_eq(chan_meta_put(&meta, "c", "3"), 0);
	ck_assert_int_eq(chan_meta_put(&meta, "bb", "longer"), 0);
	ck_assert_int_eq(chan_meta_put(&meta, "a", chan_meta_get(&meta, "a")), 0);
	ck_assert_str_eq(chan_meta_get(&meta, "a"), "1");
	ck_assert_str_eq(chan_meta_get(&meta, "bb"), "longer");
	ck_assert_str_eq(chan_meta_get(&meta, "c"), "3");
	ck_assert_uint_eq(meta.header_length, sizeof("c=3") + sizeof("bb=longer") + sizeof("a=1"));
	ck_assert_int_eq(chan_meta_put(&meta, "", "x"), -EINVAL);
	ck_assert_int_eq(chan_meta_put(&meta, "x=y", "x"), -EINVAL);
	ck_assert_ptr_null(chan_meta_get(&meta, ""));
	ck_assert_ptr_null(chan_meta_get(&meta, "b"));
}
END_TEST

/* ---- calls that know nothing of it ---- */

START_TEST(should_go_with_plain_calls)
{
	struct iovec out[3] = {{(char[]){"one"}, 3}, {(char[]){"two"}, 3}, {(char[]){"three"}, 5}},
		     in[4];
	char room[4][8];
	struct chan_lease lease[3];
	struct chan_cursor at = {.pos = 0};
	void *to;

	send_text(tx, "a");
	ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &at), 1);
	ck_assert_int_eq(buf[0], 'a');
	ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &at), -EAGAIN);
	expect_text(rx, "a");
	ck_assert_int_eq(chan_send_batch(tx, out, 3, 0), 3);
	for (int i = 0; i < 4; i++)
		in[i] = (struct iovec){room[i], sizeof(room[i])};
	in[2].iov_len = 4;
	ck_assert_int_eq(chan_recv_batch(rx, in, 4, 0), 2);
	ck_assert_uint_eq(in[1].iov_len, 3);
	ck_assert_mem_eq(room[1], "two", 3);
	ck_assert_int_eq(chan_recv(rx, buf, 4, 0), -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 5);
	expect_text(rx, "three");

	ck_assert_int_eq(chan_reserve(tx, &to, 1000, 0), 0);
	ck_assert_uint_eq((uintptr_t)to % 16, 0);
	memset(to, 'r', 1000);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EDEADLK);
	ck_assert_int_eq(chan_commit(tx, 1001), -EINVAL);
	ck_assert_int_eq(chan_commit(tx, 4), 0);
	ck_assert_int_eq(chan_reserve(tx, &to, 1001, 0), -EMSGSIZE);
	ck_assert_int_eq(chan_reserve(tx, &to, 0, 0), 0);
	ck_assert_int_eq(chan_commit(tx, 1), -EINVAL);
	chan_abort(tx);
	expect_meta("rrrr");
	ck_assert_int_eq(got.pid, getpid());
	ck_assert_int_gt(got.sent, 0);

	ck_assert_int_eq(chan_send_batch(tx, out, 3, 0), 3);
	ck_assert_int_eq(chan_take(rx, lease, 3, 0), 3);
	ck_assert_mem_eq(lease[2].data, "three", 5);
	ck_assert_int_eq(chan_ack(rx, &lease[1], 1), 1);
	ck_assert_int_eq(chan_untake(rx, &lease[2], 1), 1);
	ck_assert_int_eq(chan_ack(rx, &lease[1], 1), -ESTALE);
	ck_assert_int_eq(chan_ack(rx, &lease[0], 1), 1);
	ck_assert_int_eq(chan_take(rx, lease, 1, 0), 1);
	ck_assert_uint_eq(lease[0].attempt, 1);
	ck_assert_int_eq(chan_ack(rx, lease, 1), 1);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
	ck_assert_uint_eq(stat_of(rx).received, stat_of(rx).sent);
}
END_TEST

START_TEST(should_go_with_select)
{
	struct chan_case c[2] = {
		{.size = sizeof(c[0]), .op = CHAN_OP_RECV, .ch = rx, .data = buf, .len = 100},
		{.size = sizeof(c[0]),
			.op = CHAN_OP_SEND,
			.ch = tx,
			.data = (char[]){"m"},
			.len = 1}};
	struct chan_lease lease;

	ck_assert_int_eq(chan_select(c, 2, 0, 0), 1);
	ck_assert_int_eq(chan_select(c, 1, SOON, CHAN_ONLY_READY), 0);
	ck_assert_int_eq(chan_select(c, 1, SOON, 0), 0);
	ck_assert_int_eq(c[0].result, 1);
	ck_assert_int_eq(buf[0], 'm');
	c[0] = (struct chan_case){
		.size = sizeof(c[0]), .op = CHAN_OP_TAKE, .ch = rx, .data = &lease, .len = 1};
	ck_assert_int_eq(chan_select(c, 1, 10 * MS, 0), -ETIMEDOUT);
	send_text(tx, "t");
	ck_assert_int_eq(chan_select(c, 1, SOON, 0), 0);
	ck_assert_int_eq(c[0].result, 1);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
}
END_TEST

START_TEST(should_serve_exclusive_endpoints)
{
	struct chan_lease lease[2];
	void *to;

	chan_detach(tx);
	chan_detach(rx);
	tx = open_as(CHAN_SEND | CHAN_EXCLUSIVE, NULL);
	rx = open_as(CHAN_RECV | CHAN_EXCLUSIVE, NULL);
	for (int i = 0; i < 3000; i++) {
		ck_assert_int_eq(send_meta("copied"), 0);
		ck_assert_int_eq(chan_reserve(tx, &to, 8, 0), 0);
		memcpy(to, "in place", 8);
		ck_assert_int_eq(chan_commit(tx, 8), 0);
		if (i % 2) {
			expect_meta("copied");
			ck_assert_int_eq(chan_recv_meta(rx, buf, sizeof(buf), &got, 0), 8);
			continue;
		}
		for (int j = 0; j < 2; j++) {
			ck_assert_int_eq(chan_take(rx, &lease[j], 1, 0), 1);
			ck_assert_mem_eq(lease[j].data, j ? "in place" : "copied", lease[j].len);
			ck_assert_int_eq(chan_lease_meta(rx, &lease[j], &got), 0);
			ck_assert_uint_eq(got.seq, lease[j].seq);
		}
		ck_assert_int_eq(chan_ack(rx, lease, 2), 2);
	}
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
}
END_TEST

START_TEST(should_grow)
{
	char *large = malloc(20000);

	memset(large, 'l', 20000);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(chan_send_meta(tx, large, (size_t)i * 1000, &meta, 0), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(chan_recv_meta(rx, large, 20000, &got, 0), i * 1000);
		ck_assert_uint_eq(got.seq, i + 1);
	}
	ck_assert_int_eq(chan_send_meta(tx, large, 20000, &meta, 0), 0);
	ck_assert_int_eq(chan_recv_meta(rx, large, 20000, &got, 0), 20000);
	free(large);
}
END_TEST

/* ---- bad use ---- */

START_TEST(should_be_refused_by_a_channel_without)
{
	struct chan_cursor at = {.pos = 0};
	struct chan_lease lease;

	ck_assert_int_eq(send_meta("x"), -EINVAL);
	ck_assert_str_ne(chan_error_detail(-EINVAL), "");
	ck_assert_int_eq(chan_send_meta(tx, "x", 1, NULL, 0), -EINVAL);
	ck_assert_uint_eq(stat_of(tx).sent, 0);
	send_text(tx, "x");
	ck_assert_int_eq(chan_recv_meta(rx, buf, sizeof(buf), &got, 0), -EINVAL);
	ck_assert_int_eq(chan_peek_meta(rx, buf, sizeof(buf), &at, &got), -EINVAL);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_uint_eq(lease.reserved, 0);
	ck_assert_int_eq(chan_lease_meta(rx, &lease, &got), -EINVAL);
}
END_TEST

#define REFUSED(...)                                                                               \
	do {                                                                                       \
		chan_meta_init(&meta);                                                             \
		__VA_ARGS__;                                                                       \
		ck_assert_int_eq(send_meta("x"), -EINVAL);                                         \
		ck_assert_int_eq(strncmp(chan_error_detail(-EINVAL), "meta: ", 6), 0);             \
	} while (0)

START_TEST(should_be_refused_outside_its_bounds)
{
	REFUSED(meta.size = 0);
	REFUSED(meta.size++);
	REFUSED(meta.flags = 1u << 31);
	REFUSED(meta.key_length = CHAN_KEY_MAX + 1);
	REFUSED(meta.header_length = CHAN_HEADER_MAX + 1);
	REFUSED(meta.header_length = 1);
	REFUSED((meta.header_length = 3, memcpy(meta.header, "a=b", 3)));
	REFUSED((meta.header_length = 3, memcpy(meta.header, "=b", 3)));
	REFUSED((meta.header_length = 3, memcpy(meta.header, "ab", 3)));
	REFUSED(meta.priority = 8);
	REFUSED(meta.ttl = -1);
	REFUSED(meta.delay = -1);
	REFUSED(memset(meta.reply_to, 'x', sizeof(meta.reply_to)));
	ck_assert_uint_eq(stat_of(tx).sent, 0);
	chan_meta_init(&meta);
	ck_assert_int_eq(send_meta("x"), 0);
	got.size = 8;
	ck_assert_int_eq(chan_recv_meta(rx, buf, sizeof(buf), &got, 0), -EINVAL);
	ck_assert_int_eq(chan_recv_meta(rx, buf, sizeof(buf), &meta, -2), -EINVAL);
	ck_assert_int_eq(chan_recv_meta(tx, buf, sizeof(buf), &meta, 0), -EBADF);
	ck_assert_int_eq(chan_send_meta(rx, "x", 1, &meta, 0), -EBADF);
	expect_text(rx, "x");
}
END_TEST

START_TEST(should_be_refused_to_other_kinds)
{
	chan_t *ch;

	for (uint32_t kind = CHAN_KIND_RENDEZVOUS; kind <= CHAN_KIND_LATEST; kind++)
		ck_assert_int_eq(chan_open(&ch, channel_other("kind"), CHAN_SEND | CHAN_CREATE,
					 OPTIONS(.flags = CHAN_META, .kind = kind)),
			-EINVAL);
	ck_assert_int_eq(chan_open(&ch, channel_other("many"), CHAN_SEND | CHAN_CREATE,
				 OPTIONS(.flags = CHAN_META, .endpoints = 4095)),
		-EINVAL);
	ck_assert_int_eq(chan_open(&ch, channel_other("long"), CHAN_SEND | CHAN_CREATE,
				 OPTIONS(.flags = CHAN_META, .max_message = UINT32_C(1) << 31)),
		-EINVAL);
	ck_assert_int_eq(
		chan_open(&ch, channel_other("small"), CHAN_SEND | CHAN_CREATE,
			OPTIONS(.flags = CHAN_META, .capacity = 4096, .max_message = 3000)),
		-EINVAL);
}
END_TEST

/* ---- time is over ---- */

static bool is_over(void *arg)
{
	struct chan_cursor at = {.pos = 0};

	(void)arg;
	return chan_peek(rx, buf, sizeof(buf), &at) == -EAGAIN;
}

START_TEST(should_never_deliver_what_is_too_old)
{
	struct chan_lease lease;

	meta.ttl = 1;
	ck_assert_int_eq(send_meta("old"), 0);
	await(is_over, NULL);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).expired, 1);
	for (int i = 0; i < 10; i++) {
		meta.ttl = i % 2 ? 1 : INT64_C(3600000000000);
		ck_assert_int_eq(send_meta("x"), 0);
	}
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_recv_meta(rx, buf, sizeof(buf), &got, 0), 1);
	ck_assert_uint_eq(got.seq, 4);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	for (int i = 2; i < 5; i++)
		expect_text(rx, "x");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).expired, 6);
	ck_assert_uint_eq(stat_of(rx).received, 5);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
}
END_TEST

/* What nobody gets makes room for a sender that waits. */
static void *receive_none(void *arg)
{
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), 4);
	return arg;
}

START_TEST(should_make_room_for_a_sender_that_waits)
{
	pthread_t t;

	meta.ttl = 1;
	while (chan_send_meta(tx, buf, 1000, &meta, 0) == 0)
		;
	ck_assert_int_eq(pthread_create(&t, NULL, receive_none, NULL), 0);
	ck_assert_int_eq(chan_send(tx, "last", 4, SOON), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_uint_gt(stat_of(rx).expired, 100);
}
END_TEST

/* ---- a peer that writes anything ---- */

/* Map the segment, and find the record that was sent first. */
static struct layout_meta *first_header(struct layout **layout, size_t *size)
{
	int fd = open(segment_path, O_RDWR | O_CLOEXEC);
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	*layout = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(*layout, MAP_FAILED);
	close(fd);
	return (void *)((char *)*layout + (*layout)->header.ring_offset +
			sizeof(struct layout_record));
}

/* Ways to spoil a header. */
static void spoil(struct layout_meta *m, int how)
{
	char *rest = (char *)(m + 1);

	switch (how) {
	case 0:
		m->length = 0;
		break;
	case 1:
		m->length += 16;
		break;
	case 2:
		m->length = UINT32_MAX;
		break;
	case 3:
		m->key_length = 256;
		break;
	case 4:
		m->reply_length = UINT16_MAX;
		break;
	case 5:
		m->header_length = UINT32_MAX;
		break;
	case 6:
		m->header_length--;
		break;
	case 7:
		m->priority = 8;
		break;
	case 8:
		m->ttl = -1;
		break;
	case 9:
		atomic_store(&m->due, -1);
		break;
	case 10:
		rest[m->key_length + m->reply_length] = '=';
		break;
	case 11:
		rest[m->key_length] = 0;
		break;
	default:
		rest[m->key_length + m->reply_length + m->header_length - 1] = 'x';
		break;
	}
}
#define SPOILS 13

START_TEST(should_remove_what_makes_no_sense)
{
	struct layout *layout;
	size_t size;
	struct layout_meta *m = first_header(&layout, &size);
	struct chan_lease lease;
	struct chan_cursor at = {.pos = 0};

	fill_in(&meta);
	ck_assert_int_eq(send_meta("spoiled"), 0);
	send_text(tx, "good");
	spoil(m, _i);
	ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &at), 4);
	ck_assert_uint_eq(at.seq, 2);
	if (_i % 2) {
		expect_text(rx, "good");
	} else {
		ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
		ck_assert_mem_eq(lease.data, "good", 4);
		ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	}
	ck_assert_uint_eq(stat_of(rx).malformed, 1);
	ck_assert_uint_eq(stat_of(rx).received, 1);
	ck_assert_uint_eq(stat_of(rx).damaged, 0);
	munmap(layout, size);
}
END_TEST

START_TEST(should_say_that_a_taken_one_was_spoiled)
{
	struct layout *layout;
	size_t size;
	struct layout_meta *m = first_header(&layout, &size);
	struct chan_lease lease;

	fill_in(&meta);
	ck_assert_int_eq(send_meta("x"), 0);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	spoil(m, _i);
	ck_assert_int_eq(chan_lease_meta(rx, &lease, &got), -EBADMSG);
	ck_assert_uint_eq(stat_of(rx).damaged, 0);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	munmap(layout, size);
}
END_TEST

/* ---- broadcast ---- */

static void setup_broadcast(void)
{
	open_both(OPTIONS(.flags = CHAN_META, .kind = CHAN_KIND_BROADCAST, .capacity = 65536,
		.max_message = 1000));
}

static void setup_growing_broadcast(void)
{
	open_both(OPTIONS(.flags = CHAN_META, .kind = CHAN_KIND_BROADCAST, .capacity = 4096,
		.max_capacity = 1 << 20, .max_message = 1000));
}

static chan_t *subscribe(uint32_t on_lag)
{
	struct chan_subscription how = {
		.size = sizeof(how), .from = CHAN_FROM_OLDEST, .on_lag = on_lag};
	chan_t *ch;

	ck_assert_int_eq(chan_subscribe(&ch, name, &how), 0);
	return ch;
}

START_TEST(should_carry_a_header_to_all)
{
	chan_t *loses = subscribe(CHAN_LAG_LOSE), *mine = rx;
	struct chan_cursor at = {.pos = 0};
	struct chan_lease lease[2];
	struct iovec in[3] = {{buf, 100}, {buf + 100, 100}, {buf + 200, 100}};

	fill_in(&meta);
	ck_assert_int_eq(send_meta("one"), 0);
	send_text(tx, "two");
	for (int i = 0; i < 2; i++) {
		rx = i ? mine : loses;
		ck_assert_int_eq(chan_peek_meta(rx, buf, sizeof(buf), &at, &got), 3);
		ck_assert_uint_eq(got.seq, 1);
		expect_filled_in(&got);
		at = (struct chan_cursor){.pos = 0};
		ck_assert_int_eq(chan_recv(rx, buf, 2, 0), -EMSGSIZE);
		expect_meta("one");
		ck_assert_uint_eq(got.seq, 1);
		expect_filled_in(&got);
		expect_text(rx, "two");
	}
	ck_assert_int_eq(send_meta("three"), 0);
	ck_assert_int_eq(send_meta("four"), 0);
	ck_assert_int_eq(chan_recv_batch(loses, in, 3, 0), 2);
	ck_assert_uint_eq(in[1].iov_len, 4);
	ck_assert_mem_eq(in[1].iov_base, "four", 4);
	ck_assert_int_eq(chan_take(rx, lease, 2, 0), 2);
	ck_assert_mem_eq(lease[1].data, "four", 4);
	ck_assert_int_eq(chan_lease_meta(rx, &lease[1], &got), 0);
	ck_assert_uint_eq(got.seq, 4);
	expect_filled_in(&got);
	ck_assert_int_eq(chan_ack(rx, &lease[1], 1), 1);
	chan_detach(loses);
}
END_TEST

START_TEST(should_carry_many_round_the_ring)
{
	chan_t *loses = subscribe(CHAN_LAG_LOSE);
	ssize_t n;

	fill_in(&meta);
	for (uint64_t i = 1, next = 1; i <= 2000; i++) {
		size_t len = i * 37 % 1000;

		memset(buf, (int)i, len);
		meta.correlation = i;
		meta.key_length = (uint32_t)(i % 256);
		ck_assert_int_eq(chan_send_meta(tx, buf, len, &meta, SOON), 0);
		if (i % 5)
			continue;
		for (; next <= i; next++) {
			ck_assert_int_eq(
				chan_recv_meta(rx, buf, sizeof(buf), &got, 0), next * 37 % 1000);
			ck_assert_uint_eq(got.correlation, next);
			ck_assert_uint_eq(got.key_length, next % 256);
		}
		if (i % 300)
			continue;
		while ((n = chan_recv_meta(loses, buf, sizeof(buf), &got, 0)) != -EAGAIN) {
			ck_assert(n == -EOVERFLOW || got.correlation == got.seq);
			ck_assert(n == -EOVERFLOW || (uint64_t)n == got.seq * 37 % 1000);
		}
	}
	chan_detach(loses);
}
END_TEST

START_TEST(should_pass_what_is_too_old)
{
	chan_t *loses = subscribe(CHAN_LAG_LOSE);
	struct chan_lease lease[3];

	meta.ttl = 1;
	ck_assert_int_eq(send_meta("old"), 0);
	await(is_over, NULL);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(loses, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).expired, 2);
	send_text(tx, "a");
	ck_assert_int_eq(send_meta("old"), 0);
	send_text(tx, "b");
	expect_text(loses, "a");
	expect_text(loses, "b");
	ck_assert_int_eq(chan_take(rx, lease, 3, 0), 1);
	ck_assert_int_eq(chan_take(rx, lease + 1, 2, 0), 1);
	ck_assert_mem_eq(lease[1].data, "b", 1);
	ck_assert_int_eq(chan_release(rx, lease, 1), 1);
	expect_text(rx, "a");
	expect_text(rx, "b");
	meta.delay = 1;
	ck_assert_int_eq(send_meta("late"), -EINVAL);
	chan_detach(loses);
}
END_TEST

/* What it passes makes room, as what it receives does. */
START_TEST(should_make_room_by_passing)
{
	pthread_t t;

	meta.ttl = 1;
	while (chan_send_meta(tx, buf, 1000, &meta, 0) == 0)
		;
	ck_assert_int_eq(pthread_create(&t, NULL, receive_none, NULL), 0);
	ck_assert_int_eq(chan_send(tx, "last", 4, SOON), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
}
END_TEST

START_TEST(should_pass_what_makes_no_sense)
{
	chan_t *loses = subscribe(CHAN_LAG_LOSE);
	struct chan_cursor at = {.pos = 0};
	struct layout *layout;
	size_t size;
	struct layout_meta *m = first_header(&layout, &size);

	fill_in(&meta);
	ck_assert_int_eq(send_meta("spoiled"), 0);
	send_text(tx, "good");
	spoil(m, _i);
	ck_assert_int_eq(chan_peek(rx, buf, sizeof(buf), &at), 4);
	expect_text(rx, "good");
	expect_text(loses, "good");
	ck_assert_uint_eq(stat_of(rx).malformed, 2);
	ck_assert_uint_eq(stat_of(rx).damaged, 0);
	munmap(layout, size);
	chan_detach(loses);
}
END_TEST

void add_tests(void)
{
	GROUP("headers", setup, teardown, should_carry_all_of_a_header,
		should_take_nothing_for_a_key_that_is_none, should_carry_the_most,
		should_replace_a_pair, should_refuse_what_decides_nothing,
		should_go_with_plain_calls, should_go_with_select, should_serve_exclusive_endpoints,
		should_be_refused_outside_its_bounds, should_be_refused_to_other_kinds,
		should_never_deliver_what_is_too_old, should_make_room_for_a_sender_that_waits);
	GROUP("headers, growing", setup_growing, teardown, should_grow);
	GROUP("headers, a channel without", setup_plain, teardown,
		should_be_refused_by_a_channel_without);
	GROUP("headers, broadcast", setup_broadcast, teardown, should_carry_a_header_to_all,
		should_carry_many_round_the_ring, should_pass_what_is_too_old,
		should_make_room_by_passing);
	GROUP("headers, growing broadcast", setup_growing_broadcast, teardown,
		should_carry_a_header_to_all, should_carry_many_round_the_ring,
		should_pass_what_is_too_old, should_make_room_by_passing);
	GROUP_FOR(0, SPOILS, "headers, spoiled in a broadcast", setup_broadcast, teardown,
		should_pass_what_makes_no_sense);
	GROUP_FOR(0, SPOILS, "headers, spoiled", setup, teardown, should_remove_what_makes_no_sense,
		should_say_that_a_taken_one_was_spoiled);
}
