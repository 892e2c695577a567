/* SPDX-License-Identifier: MIT */
/* Requests and replies: between threads, between processes, and across deaths of either. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static chan_t *client, *server;
static char buf[256];

static void setup(void)
{
	channel_setup();
	client = open_as(CHAN_SEND, OPTIONS(.flags = CHAN_META));
	server = open_as(CHAN_RECV, NULL);
}

static void teardown(void)
{
	chan_detach(client);
	chan_detach(server);
	channel_teardown();
}

static struct chan_meta meta_with(uint32_t flags)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = flags;
	return meta;
}

static uint64_t ask(const char *text, uint32_t flags)
{
	struct chan_meta meta = meta_with(flags);
	uint64_t number = 0;

	ck_assert_int_eq(chan_request(client, text, strlen(text), &meta, SOON, &number), 0);
	ck_assert_uint_ne(number, 0);
	return number;
}

static struct chan_lease take(chan_t *ch)
{
	struct chan_lease lease;

	ck_assert_int_eq(chan_take(ch, &lease, 1, SOON), 1);
	return lease;
}

static void answer(const struct chan_lease *lease, const char *text, uint32_t flags, int status)
{
	struct chan_meta meta = meta_with(flags);

	meta.status = status;
	ck_assert_int_eq(chan_reply(server, lease, text, strlen(text), &meta, SOON), 0);
}

static void expect_reply(uint64_t number, const char *text)
{
	ssize_t n = chan_response(client, number, buf, sizeof(buf), NULL, SOON);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_mem_eq(buf, text, (size_t)n);
}

START_TEST(should_bring_the_reply_to_its_request)
{
	uint64_t a = ask("a", 0), b = ask("b", 0);
	struct chan_lease first = take(server), second = take(server);

	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), -EAGAIN);
	answer(&second, "to b", 0, 0);
	answer(&first, "to a", 0, 0);
	expect_reply(a, "to a");
	expect_reply(b, "to b");
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), -ENOENT);
	ck_assert_int_eq(chan_response(client, 0, buf, sizeof(buf), NULL, 0), -ENOENT);
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

START_TEST(should_say_status_and_which_request)
{
	struct chan_meta meta = {.size = sizeof(meta)};
	uint64_t a = ask("a", 0);
	struct chan_lease lease = take(server);

	answer(&lease, "x", 0, 7);
	ck_assert_int_eq(chan_response(client, 0, buf, sizeof(buf), &meta, SOON), 1);
	ck_assert_uint_eq(meta.correlation, a);
	ck_assert_int_eq(meta.status, 7);
	ck_assert_int_eq(meta.pid, getpid());
}
END_TEST

START_TEST(should_bring_parts_in_order_until_the_last)
{
	struct chan_meta meta = {.size = sizeof(meta)};
	uint64_t a = ask("a", 0), b = ask("b", 0);
	struct chan_lease first = take(server), second = take(server);

	answer(&first, "1", CHAN_META_MORE, 0);
	answer(&second, "of b", 0, 0);
	answer(&first, "2", CHAN_META_MORE, 0);
	answer(&first, "3", 0, 0);
	ck_assert_int_eq(chan_reply(server, &first, "4", 1, NULL, SOON), -ESTALE);
	expect_reply(b, "of b");
	for (char c = '1'; c <= '3'; c++) {
		ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), &meta, SOON), 1);
		ck_assert_int_eq(buf[0], c);
		ck_assert_int_eq(!(meta.flags & CHAN_META_MORE), c == '3');
	}
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), &meta, 0), -ENOENT);
}
END_TEST

/* An inbox has no lanes. */
START_TEST(should_reply_with_a_key_in_a_copy_only)
{
	struct chan_meta meta = meta_with(CHAN_META_HAS_KEY | CHAN_META_HAS_PRIORITY), got;
	uint64_t a = ask("a", 0);
	struct chan_lease lease = take(server);

	got = meta;
	meta.key[0] = 'k';
	meta.key_length = 1;
	meta.priority = 7;
	ck_assert_int_eq(chan_reply(server, &lease, "A", 1, &meta, SOON), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "a key decides nothing here"));
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), -EAGAIN);
	meta.flags |= CHAN_META_KEEP;
	ck_assert_int_eq(chan_reply(server, &lease, "A", 1, &meta, SOON), 0);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), &got, SOON), 1);
	ck_assert_uint_eq(got.flags, CHAN_META_REPLY | CHAN_META_HAS_KEY | CHAN_META_HAS_PRIORITY);
	ck_assert_str_eq(got.key, "k");
	ck_assert_uint_eq(got.priority, 7);
}
END_TEST

START_TEST(should_find_a_reply_behind_others_at_once)
{
	uint64_t a = ask("a", 0), b = ask("b", 0), c = ask("c", 0);
	struct chan_lease lease[3] = {take(server), take(server), take(server)};

	answer(&lease[0], "of a", 0, 0);
	answer(&lease[1], "of b", 0, 0);
	answer(&lease[2], "of c", 0, 0);
	ck_assert_int_eq(chan_cancel(client, b), 0);
	ck_assert_int_eq(chan_response(client, c, buf, sizeof(buf), NULL, 0), 4);
	ck_assert_mem_eq(buf, "of c", 4);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), 4);
	ck_assert_int_eq(chan_response(client, 0, buf, sizeof(buf), NULL, 0), -ENOENT);
}
END_TEST

/* As if something more urgent ran. */
static void stay_away(int sig)
{
	const struct timespec ts = {.tv_nsec = 12000000};

	(void)sig;
	nanosleep(&ts, NULL);
}

START_TEST(should_find_it_behind_others_however_long_it_may_not_run)
{
	const struct itimerval soon = {.it_value.tv_usec = 20}, never = {.it_value.tv_usec = 0};
	const struct sigaction away = {.sa_handler = stay_away}, none = {.sa_handler = SIG_DFL};

	sigaction(SIGALRM, &away, NULL);
	for (int round = 0; round < 20; round++) {
		uint64_t a = ask("a", 0), b = ask("b", 0);
		struct chan_lease lease[2] = {take(server), take(server)};

		for (int i = 0; i < 500; i++)
			answer(&lease[0], "of a", CHAN_META_MORE, 0);
		answer(&lease[1], "of b", 0, 0);
		setitimer(ITIMER_REAL, &soon, NULL);
		ck_assert_int_eq(chan_response(client, b, buf, sizeof(buf), NULL, 0), 4);
		setitimer(ITIMER_REAL, &never, NULL);
		ck_assert_int_eq(chan_cancel(client, a), 0);
		ck_assert_int_eq(chan_ack(server, lease, 1), 1);
	}
	sigaction(SIGALRM, &none, NULL);
}
END_TEST

START_TEST(should_keep_a_reply_that_the_buffer_has_no_room_for)
{
	uint64_t a = ask("a", 0);
	struct chan_lease lease = take(server);

	answer(&lease, "longer", 0, 0);
	ck_assert_int_eq(chan_response(client, a, buf, 2, NULL, SOON), -EMSGSIZE);
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 6);
	expect_reply(a, "longer");
}
END_TEST

START_TEST(should_refuse_what_is_no_request)
{
	struct chan_meta meta = meta_with(0);
	struct chan_lease lease;
	uint64_t number;
	chan_t *plain;

	ck_assert_int_eq(chan_send(client, "x", 1, 0), 0);
	lease = take(server);
	ck_assert_int_eq(chan_reply(server, &lease, "y", 1, NULL, 0), -EINVAL);
	ck_assert_str_eq(chan_error_detail(-EINVAL), "the message asks for no reply");
	ck_assert_int_eq(chan_ack(server, &lease, 1), 1);
	strcpy(meta.reply_to, "0/inbox.1.0");
	ck_assert_int_eq(chan_request(client, "x", 1, &meta, 0, &number), -EINVAL);
	ck_assert_int_eq(chan_request(server, "x", 1, NULL, 0, &number), -EBADF);
	ck_assert_int_eq(chan_call(client, "x", 1, buf, sizeof(buf), NULL, -7), -EINVAL);
	ck_assert_int_eq(chan_cancel(client, 77), -ENOENT);
	ck_assert_int_eq(
		chan_open(&plain, channel_other("plain"), CHAN_SEND | CHAN_CREATE, NULL), 0);
	ck_assert_int_eq(chan_request(plain, "x", 1, NULL, 0, &number), -EINVAL);
	chan_detach(plain);
	ck_assert_int_eq(chan_remove(channel_other("plain")), 0);
}
END_TEST

static const char *const lies[] = {"%u/victim", "%u/inbox.1.zz", "inbox.1.0", "%u/inbox.01.0",
	"%u/inbox.1.0/..", "0/../x", "%u/", "/", "x", "77%u/inbox.1.0"};
#define LIES (sizeof(lies) / sizeof(*lies))

START_TEST(should_not_send_an_address_that_is_no_inbox_of_this_user)
{
	struct chan_meta meta = meta_with(0);

	for (size_t i = 0; i < LIES; i++) {
		snprintf(meta.reply_to, sizeof(meta.reply_to), lies[i], getuid());
		ck_assert_int_eq(chan_send_meta(client, "x", 1, &meta, SOON), -EINVAL);
		ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "reply address"));
	}
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

/* A client that lies, because it writes the segment itself, makes a server write nowhere. */
START_TEST(should_reply_to_inboxes_of_the_client_only)
{
	for (size_t i = 0; i < LIES; i++) {
		struct chan_meta meta = {.size = sizeof(meta)};
		struct chan_lease lease;
		char *address;

		ask("x", 0);
		lease = take(server);
		ck_assert_int_eq(chan_lease_meta(server, &lease, &meta), 0);
		/* It lies right before the message, since there are no pairs. */
		address = (char *)(uintptr_t)lease.data;
		while (memcmp(address, meta.reply_to, strlen(meta.reply_to)) != 0)
			address--;
		memset(address, '0', strlen(meta.reply_to));
		snprintf(meta.reply_to, sizeof(meta.reply_to), lies[i], getuid());
		memcpy(address, meta.reply_to, strlen(meta.reply_to));
		ck_assert_int_lt(chan_reply(server, &lease, "y", 1, NULL, 0), 0);
		ck_assert_int_eq(chan_ack(server, &lease, 1), 1);
	}
}
END_TEST

START_TEST(should_drop_and_count_what_nobody_waits_for)
{
	struct chan_lease lease;

	ask("x", 0);
	lease = take(server);
	ck_assert_int_eq(chan_wanted(server, &lease), 1);
	chan_detach(client);
	client = NULL;
	ck_assert_int_eq(chan_wanted(server, &lease), 0);
	ck_assert_int_eq(chan_reply(server, &lease, "y", 1, NULL, SOON), CHAN_DROPPED);
	ck_assert_uint_eq(stat_of(server).unwanted, 1);
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

START_TEST(should_cancel_what_no_server_has)
{
	uint64_t a = ask("a", 0), b = ask("b", 0), c = ask("c", 0);
	struct chan_lease lease;

	ck_assert_int_eq(chan_cancel(client, b), 1);
	lease = take(server);
	ck_assert_int_eq(((const char *)lease.data)[0], 'a');
	ck_assert_int_eq(chan_wanted(server, &lease), 1);
	ck_assert_int_eq(chan_cancel(client, a), 0);
	ck_assert_int_eq(chan_wanted(server, &lease), 0);
	answer(&lease, "late", 0, 0);
	lease = take(server);
	ck_assert_int_eq(((const char *)lease.data)[0], 'c');
	answer(&lease, "c", 0, 0);
	expect_reply(c, "c");
	ck_assert_int_eq(chan_response(client, 0, buf, sizeof(buf), NULL, 0), -ENOENT);
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

static void *serve(void *arg)
{
	int n = *(int *)arg;

	for (int i = 0; i < n; i++) {
		struct chan_lease lease = take(server);

		ck_assert_int_eq(chan_reply(server, &lease, lease.data, lease.len, NULL, SOON), 0);
	}
	return NULL;
}

START_TEST(should_call)
{
	struct chan_meta meta = meta_with(0);
	int n = 1000;
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, serve, &n), 0);
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(
			chan_call(client, &i, sizeof(i), buf, sizeof(buf), &meta, SOON), sizeof(i));
		ck_assert_mem_eq(buf, &i, sizeof(i));
		meta = meta_with(0);
	}
	ck_assert_int_eq(pthread_join(t, NULL), 0);
}
END_TEST

START_TEST(should_give_up_in_time_and_take_the_request_back)
{
	int64_t began = now();

	ck_assert_int_eq(chan_call(client, "x", 1, buf, sizeof(buf), NULL, 20 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now() - began, 20 * MS);
	ck_assert_int_eq(chan_recv(server, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

#define CALLERS 4
#define CALLS 200

static void *call_often(void *arg)
{
	int first = (int)(intptr_t)arg;

	for (int i = first; i < first + CALLS; i++) {
		int got;

		ck_assert_int_eq(
			chan_call(client, &i, sizeof(i), &got, sizeof(got), NULL, SOON), sizeof(i));
		ck_assert_int_eq(got, i);
	}
	return NULL;
}

START_TEST(should_let_threads_share_an_inbox)
{
	pthread_t t[CALLERS], s;
	int n = CALLERS * CALLS;

	ck_assert_int_eq(pthread_create(&s, NULL, serve, &n), 0);
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_eq(
			pthread_create(&t[i], NULL, call_often, (void *)(intptr_t)(i * 10000)), 0);
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_int_eq(pthread_join(s, NULL), 0);
}
END_TEST

#define OUTSTANDING 5000

START_TEST(should_have_thousands_outstanding)
{
	static uint64_t number[OUTSTANDING];
	int n = OUTSTANDING;
	pthread_t s;

	for (int i = 0; i < OUTSTANDING; i++)
		ck_assert_int_eq(chan_request(client, &i, sizeof(i), NULL, SOON, &number[i]), 0);
	ck_assert_int_eq(pthread_create(&s, NULL, serve, &n), 0);
	for (int i = OUTSTANDING; i-- > 0;) {
		int got;

		ck_assert_int_eq(chan_response(client, number[i], &got, sizeof(got), NULL, SOON),
			sizeof(got));
		ck_assert_int_eq(got, i);
	}
	ck_assert_int_eq(pthread_join(s, NULL), 0);
}
END_TEST

/* ---- deaths ---- */

/* A server in a child, that takes a request and then does as `arg` says. */
static int take_and(void *arg)
{
	chan_t *ch = open_as(CHAN_RECV, NULL);
	struct chan_lease lease = take(ch);

	if (arg)
		chan_reply(ch, &lease, "part", 4,
			&(struct chan_meta){
				.size = sizeof(struct chan_meta), .flags = CHAN_META_MORE},
			SOON);
	raise(SIGSTOP);
	return 0;
}

static void start_and_kill_a_server(bool with_part)
{
	pid_t pid = in_child(take_and, with_part ? buf : NULL);

	ck_assert(wait_stopped(pid));
	kill_child(pid);
}

static void *await_reset(void *arg)
{
	ck_assert_int_eq(
		chan_response(client, *(uint64_t *)arg, buf, sizeof(buf), NULL, SOON), -ECONNRESET);
	return NULL;
}

START_TEST(should_redeliver_what_a_dead_server_had)
{
	uint64_t a = ask("a", 0);
	struct chan_lease lease;

	start_and_kill_a_server(false);
	lease = take(server);
	ck_assert_uint_eq(lease.attempt, 2);
	answer(&lease, "again", 0, 0);
	expect_reply(a, "again");
}
END_TEST

START_TEST(should_not_try_twice_what_is_to_be_tried_once)
{
	uint64_t a = ask("a", CHAN_META_ONCE);
	pid_t pid = in_child(take_and, NULL);
	int64_t began;
	pthread_t t;

	ck_assert(wait_stopped(pid));
	ck_assert_int_eq(pthread_create(&t, NULL, await_reset, &a), 0);
	nap(20 * MS); /* asleep or not, the outcome is the same */
	began = now();
	kill_child(pid);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_int_lt(now() - began, 10 * SECOND);
	ck_assert_int_eq(chan_recv(server, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

/* Another server finds it, and the client is told by its inbox. */
START_TEST(should_be_told_by_the_next_server)
{
	uint64_t a = ask("a", CHAN_META_ONCE), b = ask("b", CHAN_META_ONCE);
	struct chan_lease lease, none;

	start_and_kill_a_server(false);
	lease = take(server);
	ck_assert_int_eq(((const char *)lease.data)[0], 'b');
	ck_assert_int_eq(chan_take(server, &none, 1, 0), -EAGAIN);
	ck_assert_uint_eq(stat_of(server).depth, 1);
	answer(&lease, "b", 0, 0);
	ck_assert_uint_eq(stat_of(server).depth, 0);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), -ECONNRESET);
	expect_reply(b, "b");
}
END_TEST

/* It has no room for that, at first. */
START_TEST(should_be_told_when_its_inbox_has_room)
{
	static char large[1 << 20];
	struct chan_meta more = meta_with(CHAN_META_MORE);
	uint64_t a = ask("a", 0), b = ask("b", CHAN_META_ONCE);
	struct chan_lease lease = take(server), none;
	int parts = 0, err;

	start_and_kill_a_server(false);
	while ((err = chan_reply(server, &lease, large, sizeof(large), &more, 0)) == 0)
		parts++;
	ck_assert_int_eq(err, -EAGAIN);
	while ((err = chan_reply(server, &lease, "", 0, &more, 0)) == 0)
		parts++;
	ck_assert_int_eq(err, -EAGAIN);
	ck_assert_int_eq(chan_take(server, &none, 1, 0), -EAGAIN);
	for (; parts > 0; parts--)
		ck_assert_int_ge(chan_response(client, a, large, sizeof(large), NULL, SOON), 0);
	ck_assert_int_eq(chan_take(server, &none, 1, 100 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_response(client, b, buf, sizeof(buf), NULL, 0), -ECONNRESET);
	answer(&lease, "end", 0, 0);
	expect_reply(a, "end");
	ck_assert_uint_eq(stat_of(server).depth, 0);
}
END_TEST

START_TEST(should_not_deliver_again_what_a_server_gave_back)
{
	uint64_t a = ask("a", CHAN_META_ONCE);
	struct chan_lease lease = take(server);

	ck_assert_int_eq(chan_untake(server, &lease, 1), 1); /* it has not begun */
	lease = take(server);
	ck_assert_int_eq(chan_release(server, &lease, 1), 1);
	ck_assert_int_eq(chan_recv(server, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), -ECONNRESET);
}
END_TEST

START_TEST(should_bring_the_parts_of_a_dead_server_and_then_its_end)
{
	uint64_t a = ask("a", CHAN_META_ONCE);

	start_and_kill_a_server(true);
	expect_reply(a, "part");
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, SOON), -ECONNRESET);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, 0), -ENOENT);
}
END_TEST

static int ask_and_wait(void *arg)
{
	uint64_t number;

	(void)arg;
	client = open_as(CHAN_SEND, NULL);
	if (chan_request(client, "x", 1, NULL, SOON, &number) == 0)
		chan_response(client, number, buf, sizeof(buf), NULL, CHAN_WAIT);
	return 1;
}

static bool asked(void *arg)
{
	(void)arg;
	return stat_of(server).depth == 1;
}

START_TEST(should_notice_a_dead_client)
{
	pid_t pid = in_child(ask_and_wait, NULL);
	struct chan_meta meta = {.size = sizeof(meta)};
	struct chan_lease lease;
	chan_t *inbox;

	await(asked, NULL);
	lease = take(server);
	ck_assert_int_eq(chan_lease_meta(server, &lease, &meta), 0);
	ck_assert_int_eq(chan_wanted(server, &lease), 1);
	kill_child(pid);
	ck_assert_int_eq(chan_wanted(server, &lease), 0);
	ck_assert_int_eq(chan_reply(server, &lease, "y", 1, NULL, SOON), CHAN_DROPPED);
	/* Who replied was the last that had the inbox open. */
	ck_assert_int_eq(chan_open(&inbox, meta.reply_to, 0, NULL), -ENOENT);
}
END_TEST

START_TEST(should_tell_that_nobody_will_reply)
{
	uint64_t a = ask("a", 0);

	ck_assert_int_eq(chan_close(client, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, SOON), -EPIPE);
}
END_TEST

void add_tests(void)
{
	GROUP("call", setup, teardown, should_bring_the_reply_to_its_request,
		should_say_status_and_which_request, should_bring_parts_in_order_until_the_last,
		should_reply_with_a_key_in_a_copy_only, should_find_a_reply_behind_others_at_once,
		should_find_it_behind_others_however_long_it_may_not_run,
		should_keep_a_reply_that_the_buffer_has_no_room_for,
		should_refuse_what_is_no_request,
		should_not_send_an_address_that_is_no_inbox_of_this_user,
		should_reply_to_inboxes_of_the_client_only,
		should_drop_and_count_what_nobody_waits_for, should_cancel_what_no_server_has,
		should_call, should_give_up_in_time_and_take_the_request_back,
		should_let_threads_share_an_inbox, should_have_thousands_outstanding);
	GROUP("call, deaths", setup, teardown, should_redeliver_what_a_dead_server_had,
		should_not_try_twice_what_is_to_be_tried_once, should_be_told_by_the_next_server,
		should_be_told_when_its_inbox_has_room,
		should_not_deliver_again_what_a_server_gave_back,
		should_bring_the_parts_of_a_dead_server_and_then_its_end,
		should_notice_a_dead_client, should_tell_that_nobody_will_reply);
}
