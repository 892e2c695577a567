/* SPDX-License-Identifier: MIT */
/*
 * What each right on a broadcast lets a subscriber do to the others, as shmchan(7) says it:
 * without any nothing; to read, nothing that holds or harms (see test_reader.c for what the
 * kernel refuses); to write, to hold the ring as long as its policy allows, and no longer.
 */
#include "channel/side.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/place.h"
#include "support/suite.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define OTHER 65534
#define PATIENCE (100 * MS)
#define LENGTH 400 /* ten of them fill the ring */
#define MANY 50

static struct board {
	_Atomic int ready;
} * board;

static chan_t *sender;

static void setup(void)
{
	channel_setup();
	board = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(board, MAP_FAILED);
}

static void teardown(void)
{
	chan_detach(sender);
	sender = NULL;
	munmap(board, 4096);
	channel_teardown();
}

#define MAKE(...)                                                                                  \
	(sender = open_as(CHAN_SEND | CHAN_CREATE,                                                 \
		 OPTIONS(.kind = CHAN_KIND_BROADCAST, .capacity = 4096, __VA_ARGS__)))

/* In a child: say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #cond,             \
				chan_error_detail(0) ? chan_error_detail(0) : "");                 \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static const char *full_name(void)
{
	static char full[80];

	snprintf(full, sizeof(full), "0/%s", name);
	return full;
}

static void be_other(void)
{
	EXPECT(setgroups(0, NULL) == 0 && setgid(OTHER) == 0 && setuid(OTHER) == 0);
}

static int subscribe(chan_t **ret, const char *channel, unsigned on_lag, const char *group)
{
	struct chan_subscription how = {.size = sizeof(how),
		.from = CHAN_FROM_OLDEST,
		.on_lag = on_lag,
		.patience = on_lag == CHAN_LAG_EVICT ? PATIENCE : 0,
		.group = group};

	return chan_subscribe(ret, channel, &how);
}

static pid_t start(int (*fn)(void *arg), void *arg)
{
	pid_t pid = in_child(fn, arg);
	int64_t end = now() + SOON;

	while (!atomic_load(&board->ready) && now() < end)
		nap(MS / 4);
	ck_assert(atomic_load(&board->ready));
	return pid;
}

static void ready(void)
{
	atomic_store(&board->ready, 1);
}

static int send_one(int64_t timeout)
{
	static const char message[LENGTH];

	return chan_send(sender, message, sizeof(message), timeout);
}

/* Send many times what the ring has room for, and return how long that took. */
static int64_t send_many(void)
{
	int64_t began = now();

	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(send_one(SOON), 0);
	return now() - began;
}

/* Fill the ring: how many messages fit. */
static int fill(void)
{
	int n = 0, err;

	while ((err = send_one(0)) == 0)
		ck_assert_int_lt(n++, MANY);
	ck_assert_int_eq(err, -EAGAIN);
	return n;
}

/* ---- no right ---- */

static int is_refused(void *arg)
{
	chan_t *ch;

	(void)arg;
	be_other();
	for (unsigned on_lag = CHAN_LAG_DEFAULT; on_lag <= CHAN_LAG_EVICT; on_lag++)
		EXPECT(subscribe(&ch, full_name(), on_lag, NULL) == -EACCES);
	EXPECT(chan_open(&ch, full_name(), CHAN_RECV, NULL) == -EACCES);
	EXPECT(chan_open(&ch, full_name(), CHAN_SEND, NULL) == -EACCES);
	EXPECT(chan_open(&ch, full_name(), 0, NULL) == -EACCES);
	return 0;
}

START_TEST(should_be_closed_to_those_without_a_right)
{
	MAKE(.on_lag = CHAN_LAG_LOSE);
	ck_assert_int_eq(wait_child(in_child(is_refused, NULL)), 0);
}
END_TEST

/* ---- the right to read ---- */

static int can_only_lose(void *arg)
{
	chan_t *ch;

	(void)arg;
	be_other();
	EXPECT(subscribe(&ch, full_name(), CHAN_LAG_BLOCK, NULL) == -EACCES);
	EXPECT(subscribe(&ch, full_name(), CHAN_LAG_EVICT, NULL) == -EACCES);
	EXPECT(subscribe(&ch, full_name(), CHAN_LAG_LOSE, "group") == -EACCES);
	EXPECT(subscribe(&ch, full_name(), CHAN_LAG_LOSE, NULL) == 0);
	EXPECT(chan_remove_group(ch, "group") == -EACCES);
	ready();
	pause();
	return 0;
}

START_TEST(should_not_let_a_reader_hold_anything)
{
	struct chan_subscriber one;
	pid_t pid;

	MAKE(.mode = 0644);
	pid = start(can_only_lose, NULL);
	send_many();
	ck_assert_int_eq(chan_subscribers(sender, &one, 1), 0);
	kill_child(pid);
}
END_TEST

/* ---- the right to write ---- */

static int holds(void *on_lag)
{
	chan_t *ch;

	EXPECT(subscribe(&ch, name, *(unsigned *)on_lag, NULL) == 0);
	ready();
	pause();
	return 0;
}

/* A stopped one is alive: it holds the ring if that is its policy, until it is killed. */
START_TEST(should_hold_for_a_stopped_one_until_it_is_killed)
{
	unsigned on_lag = CHAN_LAG_BLOCK;
	pid_t pid;
	int n;

	MAKE(.on_lag = CHAN_LAG_BLOCK);
	pid = start(holds, &on_lag);
	kill(pid, SIGSTOP);
	ck_assert(wait_stopped(pid));
	n = fill();
	ck_assert_int_eq(send_one(50 * MS), -ETIMEDOUT);
	kill_child(pid);
	ck_assert_int_gt(n, 0);
	send_many();
}
END_TEST

START_TEST(should_wait_for_a_stopped_one_no_longer_than_its_patience)
{
	unsigned on_lag = CHAN_LAG_EVICT;
	int64_t took, starving;
	pid_t pid;

	MAKE(.flags = CHAN_FORBID_BLOCK, .on_lag = CHAN_LAG_EVICT, .patience = PATIENCE);
	pid = start(holds, &on_lag);
	kill(pid, SIGSTOP);
	ck_assert(wait_stopped(pid));
	fill();
	starving = starved();
	took = send_many();
	ck_assert_int_ge(took, PATIENCE / 2);
	ck_assert_int_lt(took - (starved() - starving), 5 * PATIENCE);
	/* Once, and not for each message. */
	ck_assert_uint_eq(stat_of(sender).evicted, 1);
	kill_child(pid);
}
END_TEST

static int asks_to_block(void *arg)
{
	struct chan_subscription longer = {
		.size = sizeof(longer), .on_lag = CHAN_LAG_EVICT, .patience = 2 * PATIENCE};
	chan_t *ch;

	(void)arg;
	EXPECT(subscribe(&ch, name, CHAN_LAG_BLOCK, NULL) == -EPERM);
	EXPECT(subscribe(&ch, name, CHAN_LAG_BLOCK, "group") == -EPERM);
	EXPECT(chan_subscribe(&ch, name, &longer) == -EPERM);
	return 0;
}

START_TEST(should_refuse_to_block_where_that_is_forbidden)
{
	MAKE(.flags = CHAN_FORBID_BLOCK, .on_lag = CHAN_LAG_EVICT, .patience = PATIENCE);
	ck_assert_int_eq(wait_child(in_child(asks_to_block, NULL)), 0);
	send_many();
}
END_TEST

/* It has the receivers' lock, and is stopped there. */
static int stops_in_the_lock(void *arg)
{
	chan_t *ch;

	(void)arg;
	EXPECT(subscribe(&ch, name, CHAN_LAG_LOSE, NULL) == 0);
	EXPECT(receivers_visit(ch, NULL) == 0);
	ready();
	raise(SIGSTOP);
	pause();
	return 0;
}

START_TEST(should_receive_beside_one_that_is_stopped_in_the_receivers_lock)
{
	char buf[LENGTH];
	chan_t *receiver;
	pid_t pid;

	MAKE(.on_lag = CHAN_LAG_BLOCK);
	receiver = open_as(CHAN_RECV, NULL);
	pid = start(stops_in_the_lock, NULL);
	ck_assert(wait_stopped(pid));
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(send_one(0), 0);
		ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), LENGTH);
	}
	kill_child(pid);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(send_one(0), 0);
		ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), LENGTH);
	}
	chan_detach(receiver);
}
END_TEST

/* It writes what it likes into its entry. */
START_TEST(should_survive_what_a_subscriber_writes_into_its_entry)
{
	static const uint64_t positions[] = {
		16, 4096, UINT64_C(1) << 40, 7, UINT64_MAX, UINT64_MAX - 15};
	char buf[LENGTH];
	chan_t *receiver, *hostile;

	MAKE(.on_lag = CHAN_LAG_BLOCK);
	receiver = open_as(CHAN_RECV, NULL);
	hostile = open_as(CHAN_RECV, NULL);
	for (unsigned i = 0; i < sizeof(positions) / sizeof(*positions); i++) {
		struct layout_subscriber *entry = &hostile->ring.subscriber[hostile->slot];

		atomic_store(&entry->position, positions[i]);
		for (int n = 0; n < MANY; n++) {
			int err = send_one(0);
			ssize_t len = chan_recv(receiver, buf, sizeof(buf), 0);

			ck_assert(err == 0 || err == -EAGAIN || err == -EBADMSG);
			ck_assert(len == LENGTH || len == -EAGAIN || len == -EBADMSG);
		}
		atomic_store(&entry->state, i);
	}
	chan_detach(hostile);
	chan_detach(receiver);
}
END_TEST

void add_tests(void)
{
	if (place_has(NEED_USERS))
		GROUP("of another user", setup, teardown, should_be_closed_to_those_without_a_right,
			should_not_let_a_reader_hold_anything);
	GROUP("to write", setup, teardown, should_hold_for_a_stopped_one_until_it_is_killed,
		should_wait_for_a_stopped_one_no_longer_than_its_patience,
		should_refuse_to_block_where_that_is_forbidden,
		should_receive_beside_one_that_is_stopped_in_the_receivers_lock,
		should_survive_what_a_subscriber_writes_into_its_entry);
}
