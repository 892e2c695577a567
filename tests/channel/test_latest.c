/* SPDX-License-Identifier: MIT */
/* A channel of kind latest: a send replaces the value, and each endpoint receives each value
 * that it finds, once. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include "channel/handle.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LATEST(...) OPTIONS(.kind = CHAN_KIND_LATEST, .max_message = 4000, __VA_ARGS__)

static chan_t *sender, *receiver;

static void setup(void)
{
	channel_setup();
	sender = open_as(CHAN_SEND, LATEST());
	receiver = open_as(CHAN_RECV, NULL);
}

static void teardown(void)
{
	chan_detach(receiver);
	chan_detach(sender);
	channel_teardown();
}

/* A value of number n: all its words say so. */
enum { WORDS = 400 };
static void fill(uint64_t *value, uint64_t n)
{
	for (int i = 0; i < WORDS; i++)
		value[i] = n;
}
static bool whole(const uint64_t *value)
{
	for (int i = 1; i < WORDS; i++)
		if (value[i] != value[0])
			return false;
	return true;
}

/* ---- values ---- */

START_TEST(should_give_the_newest_value_once_to_each_endpoint)
{
	chan_t *late;
	char buf[8];

	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), -EAGAIN);
	send_text(sender, "one");
	send_text(sender, "two");
	expect_text(receiver, "two");
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), MS), -ETIMEDOUT);
	late = open_as(CHAN_RECV, NULL);
	expect_text(late, "two");
	send_text(sender, "");
	expect_text(receiver, "");
	expect_text(late, "");
	chan_detach(late);
}
END_TEST

START_TEST(should_replace_a_value_by_the_last_of_a_batch)
{
	char text[] = "abbccc";
	struct iovec out[3] = {{text, 1}, {text + 1, 2}, {text + 3, 3}};
	char large[5000], buf[8];
	struct iovec in[2] = {{buf, sizeof(buf)}, {large, sizeof(large)}};
	struct chan_stat st;

	ck_assert_int_eq(chan_send_batch(sender, out, 3, 0), 3);
	ck_assert_int_eq(chan_recv_batch(receiver, in, 2, 0), 1);
	ck_assert_uint_eq(in[0].iov_len, 3);
	ck_assert_mem_eq(buf, "ccc", 3);
	st = stat_of(sender);
	ck_assert_uint_eq(st.sent, 3);
	ck_assert_uint_eq(st.depth, 1);
	ck_assert_uint_eq(st.used, 3);
	ck_assert_uint_eq(st.capacity, 0);
	ck_assert_uint_eq(st.kind, CHAN_KIND_LATEST);
	ck_assert_uint_eq(st.full, 0);
	/* One that is too long ends the batch. */
	out[1] = (struct iovec){large, sizeof(large)};
	ck_assert_int_eq(chan_send_batch(sender, out, 3, 0), 1);
	expect_text(receiver, "a");
	ck_assert_int_eq(chan_send_batch(sender, out + 1, 1, 0), -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 4000);
	ck_assert_int_eq(chan_send_batch(sender, out, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_recv_batch(receiver, in, 0, 0), -EINVAL);
}
END_TEST

START_TEST(should_keep_a_value_that_does_not_fit)
{
	char buf[8];

	send_text(sender, "value");
	ck_assert_int_eq(chan_recv(receiver, buf, 4, 0), -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 5);
	expect_text(receiver, "value");
}
END_TEST

START_TEST(should_show_the_value_whether_it_was_received_or_not)
{
	struct chan_cursor at = {0};
	chan_t *observer = open_as(0, NULL);
	char buf[8];

	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), -EAGAIN);
	send_text(sender, "one");
	send_text(sender, "two");
	ck_assert_int_eq(chan_peek(observer, buf, 2, &at), -EMSGSIZE);
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 3);
	ck_assert_mem_eq(buf, "two", 3);
	ck_assert_uint_eq(at.seq, 2);
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), -EAGAIN);
	expect_text(receiver, "two");
	at = (struct chan_cursor){.flags = CHAN_LEASED_TOO};
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 3);
	ck_assert_uint_eq(at.flags, CHAN_LEASED_TOO);
	ck_assert_int_eq(chan_close(observer, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), -EAGAIN);
	chan_detach(observer);
}
END_TEST

/* Each length is copied in its own way, and no byte behind it is touched. */
START_TEST(should_show_a_value_of_each_length)
{
	unsigned char value[300], buf[sizeof(value) + 1];
	struct chan_cursor at = {.pos = 0};

	for (size_t n = 0; n <= sizeof(value); n++)
		for (unsigned again = 0; again < 2; again++) {
			for (size_t i = 0; i < n; i++)
				value[i] = (unsigned char)(i * 7 + n + again);
			ck_assert_int_eq(chan_send(sender, value, n, 0), 0);
			memset(buf, 0xee, sizeof(buf));
			if (n > 0)
				ck_assert_int_eq(chan_peek(receiver, buf, n - 1, &at), -EMSGSIZE);
			ck_assert_int_eq(chan_peek(receiver, buf, n, &at), (ssize_t)n);
			ck_assert_uint_eq(at.seq, 2 * n + again + 1);
			ck_assert_mem_eq(buf, value, n);
			ck_assert_uint_eq(buf[n], 0xee);
		}
}
END_TEST

START_TEST(should_refuse_what_is_about_messages)
{
	struct chan_lease lease = {.len = 0};
	void *place;

	send_text(sender, "value");
	ck_assert_int_eq(chan_take(receiver, &lease, 1, 0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "keeps the latest value"));
	ck_assert_int_eq(chan_ack(receiver, &lease, 1), -EINVAL);
	ck_assert_int_eq(chan_release(receiver, &lease, 1), -EINVAL);
	ck_assert_int_eq(chan_untake(receiver, &lease, 1), -EINVAL);
	ck_assert_int_eq(chan_reserve(sender, &place, 1, 0), -EINVAL);
	ck_assert_int_eq(chan_commit(sender, 1), -EINVAL);
	ck_assert_int_eq((int)chan_purge(receiver), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "keeps the latest value"));
	ck_assert_int_eq(chan_set_overflow(sender, CHAN_DROP_OLDEST), -EINVAL);
	ck_assert_int_eq(chan_set_overflow(sender, CHAN_FAIL), 0);
	/* The other side. */
	ck_assert_int_eq(chan_send(receiver, "x", 1, 0), -EBADF);
	ck_assert_int_eq(chan_recv(sender, &lease, 1, 0), -EBADF);
	ck_assert_int_eq(chan_take(sender, &lease, 1, 0), -EBADF);
	ck_assert_int_eq(chan_send(sender, "x", 1, -2), -EINVAL);
	ck_assert_int_eq(chan_recv(receiver, &lease, 1, -2), -EINVAL);
	ck_assert_int_eq(chan_recover(receiver), 0);
	expect_text(receiver, "value");
}
END_TEST

START_TEST(should_refuse_options_of_other_kinds)
{
	ck_assert_int_eq(chan_create(channel_other("x"), LATEST(.capacity = 1 << 20)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "capacity:"));
	ck_assert_int_eq(
		chan_create(channel_other("x"), LATEST(.overflow = CHAN_DROP_NEWEST)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "overflow:"));
	ck_assert_int_lt(chan_footprint(LATEST()), 64 << 10);
	ck_assert_int_gt(
		chan_footprint(OPTIONS(.kind = CHAN_KIND_LATEST, .max_message = 1 << 20)), 4 << 20);
}
END_TEST

/* ---- the end ---- */

START_TEST(should_deliver_an_unseen_value_once_after_a_close)
{
	char buf[8];

	send_text(sender, "last");
	ck_assert_int_eq(chan_close(sender, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EPIPE);
	expect_text(receiver, "last");
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), -EPIPE);
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
}
END_TEST

START_TEST(should_deliver_nothing_after_a_discard)
{
	char buf[8];

	send_text(sender, "last");
	ck_assert_int_eq(chan_close(sender, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), -EPIPE);
}
END_TEST

START_TEST(should_deliver_an_unseen_value_once_after_a_removal)
{
	char buf[8];

	send_text(sender, "last");
	ck_assert_int_eq(chan_remove(name), 0);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EIDRM);
	expect_text(receiver, "last");
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), CHAN_WAIT), -EIDRM);
}
END_TEST

START_TEST(should_notice_that_the_name_is_gone)
{
	char buf[8];

	ck_assert_int_eq(unlink(segment_path), 0);
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), SOON), -EIDRM);
	ck_assert_int_eq(chan_send(sender, "x", 1, 0), -EIDRM);
}
END_TEST

START_TEST(should_end_with_its_senders)
{
	chan_t *tx, *rx;
	char buf[8];
	const char *other = channel_other("ends");

	ck_assert_int_eq(chan_open(&tx, other, CHAN_SEND | CHAN_CREATE,
				 LATEST(.flags = CHAN_END_WITH_SENDERS)),
		0);
	ck_assert_int_eq(chan_open(&rx, other, CHAN_RECV, NULL), 0);
	send_text(tx, "last");
	chan_detach(tx);
	expect_text(rx, "last");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	chan_detach(rx);
	ck_assert_int_eq(chan_remove(other), 0);
}
END_TEST

START_TEST(should_need_receivers_if_asked)
{
	chan_t *tx, *rx;
	const char *other = channel_other("needs");

	ck_assert_int_eq(chan_open(&tx, other, CHAN_SEND | CHAN_CREATE,
				 LATEST(.flags = CHAN_NEED_RECEIVERS)),
		0);
	send_text(tx, "before");
	ck_assert_int_eq(chan_open(&rx, other, CHAN_RECV, NULL), 0);
	expect_text(rx, "before");
	chan_detach(rx);
	while (chan_send(tx, "x", 1, 0) == 0) /* it asks once a millisecond */
		;
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EPIPE);
	chan_detach(tx);
	ck_assert_int_eq(chan_remove(other), 0);
}
END_TEST

/* ---- waiting ---- */

struct waiting {
	chan_t *ch;
	_Atomic pid_t tid;
	ssize_t got;
	uint64_t value[WORDS];
};

static void *wait_for_one(void *arg)
{
	struct waiting *w = arg;

	atomic_store(&w->tid, (pid_t)syscall(SYS_gettid));
	w->got = chan_recv(w->ch, w->value, sizeof(w->value), SOON);
	return NULL;
}

static void await_thread(struct waiting *w)
{
	while (!atomic_load(&w->tid))
		nap(MS);
	await_asleep(atomic_load(&w->tid));
}

START_TEST(should_wake_all_receivers)
{
	enum { N = 3 };
	struct waiting w[N] = {{.ch = receiver}, {.ch = open_as(CHAN_RECV, NULL)},
		{.ch = open_as(CHAN_RECV, NULL)}};
	pthread_t thread[N];
	uint64_t value[WORDS];
	int64_t best = SOON, began;

	for (uint64_t round = 1; round <= 5; round++) {
		fill(value, round);
		for (int i = 0; i < N; i++) {
			atomic_store(&w[i].tid, 0);
			ck_assert_int_eq(pthread_create(&thread[i], NULL, wait_for_one, &w[i]), 0);
			await_thread(&w[i]);
		}
		began = now();
		ck_assert_int_eq(chan_send(sender, value, sizeof(value), 0), 0);
		for (int i = 0; i < N; i++) {
			pthread_join(thread[i], NULL);
			ck_assert_int_eq(w[i].got, sizeof(value));
			ck_assert_uint_eq(w[i].value[0], round);
		}
		best = now() - began < best ? now() - began : best;
	}
	/* Not by their slices, which are a second. */
	ck_assert_int_lt(best, 300 * MS);
	chan_detach(w[1].ch);
	chan_detach(w[2].ch);
}
END_TEST

START_TEST(should_end_a_wait)
{
	struct waiting w = {.ch = receiver};
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_one, &w), 0);
	await_thread(&w);
	if (_i == 0)
		chan_interrupt(receiver, 1);
	else
		ck_assert_int_eq(chan_close(sender, CHAN_DRAIN), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(w.got, _i == 0 ? -EINTR : -EPIPE);
}
END_TEST

static bool announced(void *arg)
{
	(void)arg;
	return atomic_load(&sender->control->not_empty.waiting) != 0;
}

static void *send_late(void *arg)
{
	await(announced, arg);
	return (void *)(intptr_t)chan_send(sender, "late", 4, 0);
}

START_TEST(should_be_one_of_several_cases)
{
	char buf[8];
	struct chan_lease lease;
	struct chan_case c[2] = {{.size = sizeof(c[0]),
					 .op = CHAN_OP_RECV,
					 .ch = receiver,
					 .data = buf,
					 .len = sizeof(buf)},
		{.size = sizeof(c[0]), .op = CHAN_OP_RECV, .data = buf, .len = sizeof(buf)}};
	chan_t *other = open_as(CHAN_RECV, NULL);
	pthread_t thread;

	c[1].ch = other;
	ck_assert_int_eq(chan_select(c, 2, 0, 0), -EAGAIN);
	ck_assert_int_eq(pthread_create(&thread, NULL, send_late, NULL), 0);
	ck_assert_int_ge(chan_select(c, 2, SOON, 0), 0);
	pthread_join(thread, NULL);
	ck_assert_int_ge(chan_select(c, 2, 0, CHAN_ONLY_READY), 0);
	ck_assert_int_ge(chan_select(c, 2, 0, 0), 0);
	ck_assert_mem_eq(buf, "late", 4);
	ck_assert_int_eq(chan_select(c, 2, 0, CHAN_ONLY_READY), -EAGAIN);
	c[0] = (struct chan_case){
		.size = sizeof(c[0]), .op = CHAN_OP_SEND, .ch = sender, .data = buf, .len = 4};
	ck_assert_int_eq(chan_select(c, 1, 0, CHAN_ONLY_READY), 0);
	ck_assert_int_eq(chan_select(c, 1, 0, 0), 0);
	expect_text(other, "late");
	c[1] = (struct chan_case){
		.size = sizeof(c[0]), .op = CHAN_OP_TAKE, .ch = receiver, .data = &lease, .len = 1};
	ck_assert_int_eq(chan_select(c, 2, 0, 0), -EINVAL);
	chan_detach(other);
}
END_TEST

/* Threads that share an endpoint get each value once between them.  The values are so long
 * that both copy at the same time. */
enum { LONG = 1 << 20, VALUES = 200 };
static struct sharing {
	chan_t *ch;
	_Atomic uint32_t got[VALUES + 1];
	_Atomic pid_t tid[2];
	_Atomic int threads;
} sharing;

static void *share(void *arg)
{
	struct sharing *s = arg;
	uint64_t *value = malloc(LONG);
	ssize_t got;

	atomic_store(&s->tid[atomic_fetch_add(&s->threads, 1)], (pid_t)syscall(SYS_gettid));
	while ((got = chan_recv(s->ch, value, LONG, CHAN_WAIT)) > 0)
		atomic_fetch_add(&s->got[value[0]], 1);
	free(value);
	return (void *)(intptr_t)got;
}

static bool both_sleep(void *arg)
{
	(void)arg;
	return sharing.tid[0] && sharing.tid[1] && asleep(sharing.tid[0]) && asleep(sharing.tid[1]);
}

START_TEST(should_give_a_value_to_one_of_the_threads_of_an_endpoint)
{
	const char *other = channel_other("long");
	uint64_t *value = calloc(1, LONG);
	pthread_t thread[2];
	chan_t *tx;
	void *end;

	ck_assert_int_eq(chan_open(&tx, other, CHAN_SEND | CHAN_CREATE,
				 OPTIONS(.kind = CHAN_KIND_LATEST, .max_message = LONG)),
		0);
	ck_assert_int_eq(chan_open(&sharing.ch, other, CHAN_RECV, NULL), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, share, &sharing), 0);
	for (value[0] = 1; value[0] <= VALUES; value[0]++) {
		await(both_sleep, NULL);
		ck_assert_int_eq(chan_send(tx, value, LONG, CHAN_WAIT), 0);
	}
	await(both_sleep, NULL);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &end);
		ck_assert_int_eq((intptr_t)end, -EPIPE);
	}
	for (int i = 1; i <= VALUES; i++)
		ck_assert_uint_eq(sharing.got[i], 1);
	free(value);
	chan_detach(sharing.ch);
	chan_detach(tx);
	ck_assert_int_eq(chan_remove(other), 0);
}
END_TEST

/* ---- writers and readers at once ---- */

static int write_on(void *arg)
{
	uint64_t value[WORDS];
	chan_t *ch;

	(void)arg;
	if (chan_open(&ch, name, CHAN_SEND, NULL) < 0)
		return 1;
	for (uint64_t n = 1;; n++) {
		fill(value, n);
		if (chan_send(ch, value, sizeof(value), CHAN_WAIT) < 0)
			return 1;
	}
}

START_TEST(should_never_show_half_of_a_value)
{
	uint64_t value[WORDS], before = 0, seq = 0;
	struct chan_cursor at;
	pid_t pid = in_child(write_on, NULL);

	for (int i = 0; i < 20000; i++) {
		ck_assert_int_eq(chan_recv(receiver, value, sizeof(value), SOON), sizeof(value));
		ck_assert(whole(value));
		ck_assert_uint_gt(value[0], before);
		before = value[0];
		at = (struct chan_cursor){0};
		ck_assert_int_eq(chan_peek(receiver, value, sizeof(value), &at), sizeof(value));
		ck_assert(whole(value));
		ck_assert_uint_ge(at.seq, seq);
		seq = at.seq;
	}
	kill_child(pid);
}
END_TEST

/* A writer that is stopped anywhere hides nothing, and readers don't wait for it. */
START_TEST(should_show_the_old_value_while_a_writer_is_stopped)
{
	uint64_t value[WORDS], n;
	struct chan_cursor at;
	pid_t pid = in_child(write_on, NULL);

	ck_assert_int_eq(chan_recv(receiver, value, sizeof(value), SOON), sizeof(value));
	for (int i = 0; i < 300; i++) {
		kill(pid, SIGSTOP);
		ck_assert(wait_stopped(pid));
		at = (struct chan_cursor){0};
		ck_assert_int_eq(chan_peek(receiver, value, sizeof(value), &at), sizeof(value));
		ck_assert(whole(value));
		n = value[0];
		while (chan_recv(receiver, value, sizeof(value), 0) > 0)
			ck_assert(whole(value) && value[0] >= n);
		kill(pid, SIGCONT);
		ck_assert_int_eq(chan_recv(receiver, value, sizeof(value), SOON), sizeof(value));
	}
	kill_child(pid);
	/* The lock of the dead is taken over. */
	fill(value, 1);
	ck_assert_int_eq(chan_send(sender, value, sizeof(value), SOON), 0);
}
END_TEST

static void *exclusive_life(void *arg)
{
	chan_t *ch;
	intptr_t err = chan_open(&ch, name, CHAN_SEND | CHAN_EXCLUSIVE, NULL);

	(void)arg;
	for (uint64_t n = 1; err == 0 && n < 1000; n++)
		err = chan_send(ch, &n, sizeof(n), 0);
	if (err == 0)
		chan_detach(ch);
	return (void *)err;
}

START_TEST(should_have_an_exclusive_sender)
{
	struct waiting w = {.ch = receiver};
	pthread_t thread, waiter;
	void *err;
	uint64_t n = 0;

	chan_detach(sender);
	sender = NULL;
	ck_assert_int_eq(pthread_create(&waiter, NULL, wait_for_one, &w), 0);
	await_thread(&w);
	ck_assert_int_eq(pthread_create(&thread, NULL, exclusive_life, NULL), 0);
	pthread_join(thread, &err);
	ck_assert_int_eq((intptr_t)err, 0);
	pthread_join(waiter, NULL);
	ck_assert_int_eq(w.got, sizeof(n));
	while (n != 999 && w.value[0] != 999)
		ck_assert_int_eq(chan_recv(receiver, &n, sizeof(n), 0), sizeof(n));
}
END_TEST

/* ---- a fork ---- */

static int use_the_parents(void *arg)
{
	char buf[8];
	struct chan_cursor at = {0};

	(void)arg;
	return chan_recv(receiver, buf, sizeof(buf), 0) != -ENOTCONN ||
	       chan_send(sender, "x", 1, 0) != -ENOTCONN ||
	       chan_peek(receiver, buf, sizeof(buf), &at) != -ENOTCONN;
}

START_TEST(should_not_be_a_childs)
{
	ck_assert_int_eq(wait_child(in_child(use_the_parents, NULL)), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("values", setup, teardown, should_give_the_newest_value_once_to_each_endpoint,
		should_replace_a_value_by_the_last_of_a_batch,
		should_keep_a_value_that_does_not_fit,
		should_show_the_value_whether_it_was_received_or_not,
		should_show_a_value_of_each_length, should_refuse_what_is_about_messages,
		should_refuse_options_of_other_kinds, should_not_be_a_childs);
	GROUP("end", setup, teardown, should_deliver_an_unseen_value_once_after_a_close,
		should_deliver_nothing_after_a_discard,
		should_deliver_an_unseen_value_once_after_a_removal,
		should_notice_that_the_name_is_gone, should_end_with_its_senders,
		should_need_receivers_if_asked);
	GROUP("waiting", setup, teardown, should_wake_all_receivers, should_be_one_of_several_cases,
		should_give_a_value_to_one_of_the_threads_of_an_endpoint);
	GROUP_FOR(0, 2, "ending", setup, teardown, should_end_a_wait);
	GROUP("at once", setup, teardown, should_never_show_half_of_a_value,
		should_show_the_old_value_while_a_writer_is_stopped,
		should_have_an_exclusive_sender);
}
