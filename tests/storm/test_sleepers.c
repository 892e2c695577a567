/* SPDX-License-Identifier: MIT */
/*
 * A thousand times in a row: of two processes that sleep on a channel, one is
 * killed in its sleep; then something happens that should wake one, and the other
 * is at work at once, not only when its sleep is over (it looks by itself each
 * second, which would hide a wake-up that went to the dead).
 *
 * That they sleep is seen in /proc/PID/syscall, not supposed.
 */
#include "channel/channel.h"
#include "storm.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1000 };
#define AT_ONCE INT64_C(500000000) /* half of what it would take without a wake-up */
#define PATIENCE (3 * SOON)

static _Atomic uint32_t *done; /* calls that returned, of the one that lives */
static pid_t sleeper[2];

struct sleeper {
	void (*work)(chan_t *ch, _Atomic uint32_t *count);
	unsigned role;
	_Atomic uint32_t *count;
};

static int work_on(void *arg)
{
	struct sleeper *s = arg;
	chan_t *ch;

	if (chan_open(&ch, name, s->role, NULL) < 0)
		return 1;
	for (;;)
		s->work(ch, s->count);
}

static pid_t start(void (*work)(chan_t *, _Atomic uint32_t *), unsigned role, int which)
{
	return in_child(work_on, &(struct sleeper){work, role, &done[which]});
}

static void receive(chan_t *ch, _Atomic uint32_t *count)
{
	char buf[8];

	if (chan_recv(ch, buf, sizeof(buf), CHAN_WAIT) < 0)
		_exit(1);
	atomic_fetch_add(count, 1);
}

static void take(chan_t *ch, _Atomic uint32_t *count)
{
	struct chan_lease lease;

	if (chan_take(ch, &lease, 1, CHAN_WAIT) != 1 || chan_ack(ch, &lease, 1) != 1)
		_exit(1);
	atomic_fetch_add(count, 1);
}

static void send_one(chan_t *ch, _Atomic uint32_t *count)
{
	if (chan_send(ch, "message", 8, CHAN_WAIT) < 0)
		_exit(1);
	atomic_fetch_add(count, 1);
}

static void reserve_one(chan_t *ch, _Atomic uint32_t *count)
{
	void *place;

	if (chan_reserve(ch, &place, 8, CHAN_WAIT) < 0 || chan_commit(ch, 8) < 0)
		_exit(1);
	atomic_fetch_add(count, 1);
}

/* Returns true if the endpoint of `pid` says that it waits. */
static bool waits(chan_t *ch, pid_t pid)
{
	struct chan_endpoint e[8];
	int n = chan_endpoints(ch, e, 8);

	for (int i = 0; i < n && i < 8; i++)
		if (e[i].pid == pid && e[i].waiting)
			return true;
	return false;
}

/* Both: it says so (so it is not the lock for which it sleeps), and sleeps. */
static void wait_both_asleep(chan_t *ch)
{
	for (int i = 0; i < 2; i++) {
		for (int64_t end = now() + PATIENCE; !waits(ch, sleeper[i]); nap(20000))
			ck_assert_msg(now() < end, "sleeper %d does not wait", i);
		ck_assert_msg(wait_asleep(sleeper[i], SYS_futex), "sleeper %d does not sleep", i);
	}
}

/* Make room for one, or send one: what the sleepers wait for. */
typedef void event(chan_t *ch);

static void message(chan_t *ch)
{
	ck_assert_int_eq(chan_send(ch, "message", 8, 0), 0);
}

static void room(chan_t *ch)
{
	char buf[8];

	ck_assert_int_ge(chan_recv(ch, buf, sizeof(buf), 0), 0);
}

static void check_rounds(
	unsigned role, void (*work)(chan_t *, _Atomic uint32_t *), event *happens, const char *what)
{
	unsigned late = 0;
	int64_t worst = 0, begin, took;
	struct chan_options opt = {.size = sizeof(opt), .capacity = 4096, .endpoints = 8};
	chan_t *ch;

	ck_assert_int_eq(
		chan_open(&ch, name, (role ^ (CHAN_SEND | CHAN_RECV)) | CHAN_CREATE, &opt), 0);
	if (role == CHAN_SEND) { /* on a full ring */
		chan_t *filler;

		ck_assert_int_eq(chan_open(&filler, name, CHAN_SEND, NULL), 0);
		while (chan_send(filler, "message", 8, 0) == 0)
			;
		chan_detach(filler);
	}
	for (int i = 0; i < 2; i++)
		sleeper[i] = start(work, role, i);
	for (int i = 0; i < ROUNDS; i++) {
		int victim = i & 1, other = !victim;
		uint32_t before = atomic_load(&done[other]);

		wait_both_asleep(ch);
		kill_child(sleeper[victim]);
		begin = now();
		happens(ch);
		while (atomic_load(&done[other]) == before) {
			ck_assert_msg(now() - begin < PATIENCE, "round %d: nobody woke up", i);
			nap(20000);
		}
		took = now() - begin;
		worst = took > worst ? took : worst;
		late += took > AT_ONCE;
		sleeper[victim] = start(work, role, victim);
	}
	for (int i = 0; i < 2; i++)
		kill_child(sleeper[i]);
	chan_detach(ch);
	printf("%s: killed in its sleep %d times; the other was at work within %.1f ms\n", what,
		ROUNDS, (double)worst / 1e6);
	/* A busy machine may delay a few; a lost wake-up would delay most. */
	ck_assert_uint_le(late, ROUNDS / 20);
}

START_TEST(should_wake_the_other_when_a_receiver_is_killed_in_its_sleep)
{
	check_rounds(CHAN_RECV, receive, message, "chan_recv");
}
END_TEST

START_TEST(should_wake_the_other_when_a_taker_is_killed_in_its_sleep)
{
	check_rounds(CHAN_RECV, take, message, "chan_take");
}
END_TEST

START_TEST(should_wake_the_other_when_a_sender_is_killed_in_its_sleep)
{
	check_rounds(CHAN_SEND, send_one, room, "chan_send");
}
END_TEST

START_TEST(should_wake_the_other_when_a_reserver_is_killed_in_its_sleep)
{
	check_rounds(CHAN_SEND, reserve_one, room, "chan_reserve");
}
END_TEST

static void setup(void)
{
	channel_setup();
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(done, MAP_FAILED);
}

static void teardown(void)
{
	channel_teardown();
}

void add_tests(void)
{
	if (CONDVAR_KIND == LAYOUT_CONDVAR_PTHREAD)
		not_tried("pthread_cond_t is not expected to survive this");
	else if (place_has(NEED_SYSCALLS))
		GROUP("sleepers", setup, teardown,
			should_wake_the_other_when_a_receiver_is_killed_in_its_sleep,
			should_wake_the_other_when_a_taker_is_killed_in_its_sleep,
			should_wake_the_other_when_a_sender_is_killed_in_its_sleep,
			should_wake_the_other_when_a_reserver_is_killed_in_its_sleep);
}
