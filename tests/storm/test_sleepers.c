/* SPDX-License-Identifier: MIT */
/*
 * A thousand times in a row: of two processes that sleep on a channel, one is
 * killed in its sleep; then something happens that should wake one, and the other
 * is at work at once, not only when its sleep is over (it looks by itself each
 * second, which would hide a wake-up that went to the dead).
 *
 * That they sleep is seen in /proc/PID/syscall, not supposed.
 */
#define _GNU_SOURCE 1
#include "channel/channel.h"
#include "storm.h"

#include <check.h>
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
#define PATIENCE INT64_C(60000000000)

static char name[64];
static _Atomic uint32_t *done; /* calls that returned, of the one that lives */
static pid_t sleeper[2];

static pid_t start(void (*work)(chan_t *, _Atomic uint32_t *), unsigned role, int which)
{
	pid_t parent = getpid(), pid = fork();
	chan_t *ch;

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || chan_open(&ch, name, role, NULL) < 0)
		_exit(1);
	for (;;)
		work(ch, &done[which]);
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

/* Does the endpoint of `pid` say that it waits? */
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
		for (int64_t end = now_ns() + PATIENCE; !waits(ch, sleeper[i]); nap(20000))
			ck_assert_msg(now_ns() < end, "sleeper %d does not wait", i);
		ck_assert_msg(wait_asleep(sleeper[i], SYS_futex), "sleeper %d does not sleep", i);
	}
}

static void kill_one(int i)
{
	ck_assert_int_eq(kill(sleeper[i], SIGKILL), 0);
	ck_assert_int_eq(waitpid(sleeper[i], NULL, 0), sleeper[i]);
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
		kill_one(victim);
		begin = now_ns();
		happens(ch);
		while (atomic_load(&done[other]) == before) {
			ck_assert_msg(now_ns() - begin < PATIENCE, "round %d: nobody woke up", i);
			nap(20000);
		}
		took = now_ns() - begin;
		worst = took > worst ? took : worst;
		late += took > AT_ONCE;
		sleeper[victim] = start(work, role, victim);
	}
	for (int i = 0; i < 2; i++)
		kill_one(i);
	chan_detach(ch);
	printf("%s: killed in its sleep %d times; the other was at work within %.1f ms\n", what,
		ROUNDS, (double)worst / 1e6);
	/* A busy machine may delay a few; a lost wake-up would delay most. */
	ck_assert_uint_le(late, ROUNDS / 20);
}

START_TEST(a_receiver_killed_while_it_sleeps_takes_no_wake_up_along)
{
	check_rounds(CHAN_RECV, receive, message, "chan_recv");
}
END_TEST

START_TEST(a_taker_killed_while_it_sleeps_takes_no_wake_up_along)
{
	check_rounds(CHAN_RECV, take, message, "chan_take");
}
END_TEST

START_TEST(a_sender_killed_while_it_sleeps_takes_no_wake_up_along)
{
	check_rounds(CHAN_SEND, send_one, room, "chan_send");
}
END_TEST

START_TEST(a_reserver_killed_while_it_sleeps_takes_no_wake_up_along)
{
	check_rounds(CHAN_SEND, reserve_one, room, "chan_reserve");
}
END_TEST

static void setup(void)
{
	snprintf(name, sizeof(name), "sleepers-%d", (int)getpid());
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(done, MAP_FAILED);
}

static void teardown(void)
{
	chan_remove(name);
}

int main(void)
{
	Suite *s;
	TCase *tc;
	SRunner *runner;
	int failed;

	if (CONDVAR_KIND == LAYOUT_CONDVAR_PTHREAD) {
		printf("pthread_cond_t is not expected to survive this\n");
		return 77;
	}
	s = suite_create("sleepers");
	tc = tcase_create("sleepers");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_receiver_killed_while_it_sleeps_takes_no_wake_up_along);
	tcase_add_test(tc, a_taker_killed_while_it_sleeps_takes_no_wake_up_along);
	tcase_add_test(tc, a_sender_killed_while_it_sleeps_takes_no_wake_up_along);
	tcase_add_test(tc, a_reserver_killed_while_it_sleeps_takes_no_wake_up_along);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
