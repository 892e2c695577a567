/* SPDX-License-Identifier: MIT */
/* Messages that are sent again with the same id. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include "base/clock.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 4

static chan_t *tx, *rx, *ty;
static char buf[4096];

static void open_all(const struct chan_options *opt)
{
	channel_setup();
	tx = open_as(CHAN_SEND, opt);
	ty = open_as(CHAN_SEND, NULL);
	rx = open_as(CHAN_RECV, NULL);
}

static void setup(void)
{
	open_all(OPTIONS(.flags = CHAN_META, .capacity = 4096, .dedup = WINDOW));
}

static void setup_aged(void)
{
	open_all(
		OPTIONS(.flags = CHAN_META, .dedup = WINDOW, .dedup_age = UINT64_C(3600000000000)));
}

static void setup_brief(void)
{
	open_all(OPTIONS(.flags = CHAN_META, .dedup = WINDOW, .dedup_age = 1));
}

static void setup_fails(void)
{
	open_all(OPTIONS(.flags = CHAN_META, .capacity = 4096, .dedup = WINDOW,
		.overflow = CHAN_FAIL));
}

static void setup_drops(void)
{
	open_all(OPTIONS(.flags = CHAN_META, .capacity = 4096, .dedup = WINDOW,
		.overflow = CHAN_DROP_NEWEST));
}

static void setup_growing(void)
{
	open_all(OPTIONS(.flags = CHAN_META, .capacity = 4096, .max_capacity = 1 << 20,
		.dedup = 1000));
}

static void setup_broadcast(void)
{
	open_all(OPTIONS(.flags = CHAN_META, .kind = CHAN_KIND_BROADCAST, .capacity = 4096,
		.on_lag = CHAN_LAG_LOSE, .dedup = 1000));
}

static void setup_lanes(void)
{
	open_all(OPTIONS(.lanes = 8, .lane_by = CHAN_BY_KEY, .dedup = WINDOW));
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(ty);
	chan_detach(rx);
	channel_teardown();
}

static struct chan_meta with_id(int id)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_ID;
	memcpy(meta.id, &id, sizeof(id));
	return meta;
}

static int send_id_by(chan_t *ch, const char *text, int id, int64_t timeout)
{
	struct chan_meta meta = with_id(id);

	return chan_send_meta(ch, text, strlen(text), &meta, timeout);
}

static int send_id(const char *text, int id)
{
	return send_id_by(tx, text, id, SOON);
}

START_TEST(should_not_send_the_same_twice)
{
	ck_assert_int_eq(send_id("first", 1), 0);
	ck_assert_int_eq(send_id("again", 1), CHAN_DUPLICATE);
	ck_assert_int_eq(send_id_by(ty, "by another", 1, 0), CHAN_DUPLICATE);
	ck_assert_int_eq(send_id("second", 2), 0);
	expect_text(rx, "first");
	ck_assert_int_eq(send_id("received", 1), CHAN_DUPLICATE);
	expect_text(rx, "second");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(rx).duplicates, 3);
	ck_assert_uint_eq(stat_of(rx).sent, 2);
	ck_assert_uint_eq(stat_of(rx).dedup, stat_of(tx).dedup);
}
END_TEST

START_TEST(should_send_what_has_no_id)
{
	struct chan_meta meta = with_id(0);

	ck_assert_int_eq(send_id("zero is one, too", 0), 0);
	meta.flags = 0;
	for (int i = 0; i < 2; i++) {
		send_text(tx, "plain");
		ck_assert_int_eq(chan_send_meta(tx, "none", 4, &meta, 0), 0);
		ck_assert_int_eq(chan_send_meta(tx, "NULL", 4, NULL, 0), 0);
	}
	ck_assert_uint_eq(stat_of(rx).depth, 7);
}
END_TEST

START_TEST(should_forget_ids_that_are_behind_the_window)
{
	ck_assert_int_eq(send_id("old", 1), 0);
	for (int i = 0; i < WINDOW - 1; i++)
		send_text(tx, "between");
	ck_assert_int_eq(send_id("again", 1), CHAN_DUPLICATE);
	send_text(tx, "one more");
	ck_assert_int_eq(send_id("again", 1), 0);
	ck_assert_int_eq(send_id("again", 1), CHAN_DUPLICATE);
}
END_TEST

START_TEST(should_forget_old_ids)
{
	int64_t before;

	ck_assert_int_eq(send_id("old", 1), 0);
	for (before = clock_coarse(); clock_coarse() < before + 2;)
		;
	ck_assert_int_eq(send_id("again", 1), 0);
}
END_TEST

START_TEST(should_remember_young_ids)
{
	ck_assert_uint_eq(stat_of(tx).dedup_age, UINT64_C(3600000000000));
	ck_assert_int_eq(send_id("young", 1), 0);
	ck_assert_int_eq(send_id("again", 1), CHAN_DUPLICATE);
}
END_TEST

/* Fill the channel, but for what a message takes that has 100 bytes less. */
static void fill(void)
{
	memset(buf, 'x', 900);
	while (chan_send_meta(ty, buf, 900, NULL, 0) == 0)
		;
	while (chan_send_meta(ty, buf, 0, NULL, 0) == 0)
		;
}

START_TEST(should_say_so_where_there_is_no_room)
{
	ck_assert_int_eq(send_id("first", 1), 0);
	while (chan_send_meta(ty, buf, 1000, NULL, 0) == 0)
		;
	ck_assert_int_eq(send_id_by(tx, buf, 1, 0), CHAN_DUPLICATE);
	ck_assert_int_eq(send_id("again", 1), CHAN_DUPLICATE);
}
END_TEST

START_TEST(should_not_remember_what_was_not_sent)
{
	static char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	fill();
	ck_assert_int_eq(send_id_by(tx, text, 1, 0), _i ? CHAN_DROPPED : -EAGAIN);
	while (chan_recv(rx, buf, sizeof(buf), 0) >= 0)
		;
	ck_assert_int_eq(send_id("now", 1), 0);
	expect_text(rx, "now");
}
END_TEST

static _Atomic pid_t thread;

static void *send_7(void *text)
{
	atomic_store(&thread, gettid());
	return (void *)(intptr_t)send_id_by(tx, text, 7, SOON);
}

/* Two wait for room with the same message: one is a duplicate when there is some. */
START_TEST(should_look_again_behind_a_wait)
{
	char text[800];
	int first, second;
	void *result;
	pthread_t t;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	fill();
	ck_assert_int_eq(pthread_create(&t, NULL, send_7, text), 0);
	while (!atomic_load(&thread))
		;
	await_asleep(thread);
	ck_assert_int_eq(send_id_by(ty, text, 7, 0), -EAGAIN);
	/* Another one comes first. */
	ck_assert_int_ge(chan_recv(rx, buf, sizeof(buf), 0), 0);
	first = send_id_by(ty, text, 7, SOON);
	while (chan_recv(rx, buf, sizeof(buf), 0) >= 0)
		;
	ck_assert_int_eq(pthread_join(t, &result), 0);
	second = (int)(intptr_t)result;
	ck_assert_int_eq(first + second, CHAN_DUPLICATE);
	ck_assert(first == 0 || second == 0);
}
END_TEST

START_TEST(should_remember_while_it_grows)
{
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 100; i++) {
		struct chan_meta meta = with_id(i);

		ck_assert_int_eq(chan_send_meta(tx, buf, 1000, &meta, 0), 0);
	}
	ck_assert_uint_gt(stat_of(tx).grown, 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(send_id("again", i), CHAN_DUPLICATE);
	ck_assert_uint_eq(stat_of(tx).depth, 100);
}
END_TEST

START_TEST(should_work_in_a_broadcast)
{
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(send_id("x", i), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(send_id_by(ty, "x", i, 0), CHAN_DUPLICATE);
	ck_assert_uint_eq(stat_of(rx).sent, 100);
}
END_TEST

/* Whoever sends it, with a key or without, it is found in the lane where it would go. */
START_TEST(should_work_in_lanes)
{
	chan_t *more[5];

	for (unsigned i = 0; i < 5; i++)
		more[i] = open_as(CHAN_SEND, NULL);
	for (int key = 0; key < 2; key++) {
		struct chan_meta meta = with_id(7 + key);

		meta.flags |= key ? CHAN_META_HAS_KEY : 0;
		meta.key_length = 3;
		strcpy(meta.key, "key");
		ck_assert_int_eq(chan_send_meta(tx, "first", 5, &meta, 0), 0);
		for (unsigned i = 0; i < 5; i++)
			ck_assert_int_eq(
				chan_send_meta(more[i], "again", 5, &meta, 0), CHAN_DUPLICATE);
	}
	ck_assert_uint_eq(stat_of(rx).duplicates, 10);
	for (unsigned i = 0; i < 5; i++)
		chan_detach(more[i]);
}
END_TEST

START_TEST(should_ask_once_only)
{
	struct chan_meta meta = with_id(5);
	uint64_t number, second = 0;
	struct chan_lease lease;

	ck_assert_int_eq(chan_request(tx, "ask", 3, &meta, SOON, &number), 0);
	ck_assert_int_eq(chan_request(tx, "ask", 3, &meta, SOON, &second), CHAN_DUPLICATE);
	ck_assert_uint_eq(second, 0);
	ck_assert_int_eq(chan_call(tx, "ask", 3, buf, 1, &meta, SOON), -ECANCELED);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_reply(rx, &lease, "yes", 3, NULL, SOON), 0);
	ck_assert_int_eq(chan_response(tx, 0, buf, sizeof(buf), NULL, SOON), 3);
	ck_assert_int_eq(chan_response(tx, 0, buf, sizeof(buf), NULL, 0), -ENOENT);
}
END_TEST

START_TEST(should_end_first)
{
	ck_assert_int_eq(send_id("first", 1), 0);
	ck_assert_int_eq(chan_close(tx, 0), 0);
	ck_assert_int_eq(send_id("again", 1), -EPIPE);
}
END_TEST

/* In a child: send a message with an id, and be killed at once. */
static void sender_dies(int id)
{
	pid_t pid = fork();

	if (pid == 0) {
		chan_t *ch = open_as(CHAN_SEND, NULL);

		send_id_by(ch, "dying", id, SOON);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(should_remember_what_a_dead_one_sent)
{
	sender_dies(3);
	ck_assert_int_eq(send_id("again", 3), CHAN_DUPLICATE);
	expect_text(rx, "dying");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
}
END_TEST

START_TEST(should_refuse_bad_options)
{
	static const struct {
		struct chan_options opt;
		const char *why;
	} bad[] = {
		{{.dedup = 5}, "dedup: is for messages with a header"},
		{{.dedup = (1u << 24) + 1, .flags = CHAN_META},
			"dedup: 16777217 is above 16777216"},
		{{.dedup_age = 5, .flags = CHAN_META}, "dedup_age: is for a channel with dedup"},
		{{.dedup = 1, .dedup_age = UINT64_MAX, .flags = CHAN_META}, "dedup_age: is above"},
		{{.max_deliver = 65535}, "max_deliver: 65535 is above 65534"},
		{{.max_deliver = 5, .kind = CHAN_KIND_LATEST}, "max_deliver: is for a queue"},
		{{.dedup = 1, .flags = CHAN_META, .kind = CHAN_KIND_LATEST}, "flags: CHAN_META is"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct chan_options opt = bad[i].opt;

		opt.size = sizeof(opt);
		ck_assert_int_eq(chan_create(channel_other("bad"), &opt), -EINVAL);
		ck_assert_msg(strstr(chan_error_detail(-EINVAL), bad[i].why), "%zu: %s", i,
			chan_error_detail(-EINVAL));
	}
	ck_assert_int_eq(chan_create(name, OPTIONS(.flags = CHAN_META, .dedup = 5)), -EEXIST);
}
END_TEST

START_TEST(should_say_what_it_takes)
{
	struct chan_options *opt = OPTIONS(.flags = CHAN_META);
	int64_t without = chan_footprint(opt), with;

	opt->dedup = 1000000;
	with = chan_footprint(opt);
	ck_assert_int_ge(with - without, INT64_C(40) * 1000000);
	ck_assert_int_le(with - without, INT64_C(50) * 1000000);
}
END_TEST

START_TEST(should_see_another_window)
{
	chan_t *ch;

	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE,
				 OPTIONS(.flags = CHAN_META, .dedup = 5)),
		0);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EEXIST), "dedup: the channel has 4"));
	chan_detach(ch);
}
END_TEST

void add_tests(void)
{
	GROUP("dedup", setup, teardown, should_not_send_the_same_twice, should_send_what_has_no_id,
		should_forget_ids_that_are_behind_the_window, should_say_so_where_there_is_no_room,
		should_look_again_behind_a_wait, should_ask_once_only, should_end_first,
		should_remember_what_a_dead_one_sent, should_refuse_bad_options,
		should_say_what_it_takes, should_see_another_window);
	GROUP("dedup, aged", setup_aged, teardown, should_remember_young_ids,
		should_not_send_the_same_twice);
	GROUP("dedup, brief", setup_brief, teardown, should_forget_old_ids);
	GROUP_FOR(
		0, 1, "dedup, full", setup_fails, teardown, should_not_remember_what_was_not_sent);
	GROUP_FOR(1, 2, "dedup, dropping", setup_drops, teardown,
		should_not_remember_what_was_not_sent);
	GROUP("dedup, growing", setup_growing, teardown, should_remember_while_it_grows);
	GROUP("dedup, broadcast", setup_broadcast, teardown, should_work_in_a_broadcast);
	GROUP("dedup, lanes", setup_lanes, teardown, should_work_in_lanes);
}
