/* SPDX-License-Identifier: MIT */
/*
 * The condition variable by itself, in memory shared with children: which sleepers are
 * woken, by what, and that none is forgotten.  This one is the build's;
 * test_condvar_pthread.c is the same on the reference.  Only the one on futex(2)
 * promises that a death costs no more than time.
 */
#include "core/condvar.h"
#include "support/await.h"
#include "support/suite.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAST INT64_C(1)
enum { ROUNDS = 5000, SLEEPERS = 3 };

static struct {
	struct layout_cond cond, back;
	_Atomic uint32_t turn; /* a predicate */
	_Atomic int woken;
} * m;
static pid_t sleeper[SLEEPERS];

static void setup(void)
{
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(m, MAP_FAILED);
	ck_assert_int_eq(cond_init(&m->cond), 0);
	ck_assert_int_eq(cond_init(&m->back), 0);
}

static void teardown(void)
{
	munmap(m, sizeof(*m));
}

/* Sleep, until it is woken (0) or much too long. */
static int sleep_once(void *arg)
{
	uint32_t key = cond_arm(&m->cond);
	int err = cond_wait(&m->cond, key, now() + 3 * SOON);

	(void)arg;
	m->woken++;
	return err ? 1 : 0;
}

/* Returns true if so many sleep on the condition.  A process that is seen asleep in the call
 * need not be in the futex's queue yet; what is in the queue is what a requeue from the word
 * to itself counts. */
static bool queued(void *arg)
{
	_Atomic uint32_t *word = &m->cond.sequence;

	return syscall(SYS_futex, word, FUTEX_CMP_REQUEUE, 0, INT_MAX, word, *word) == *(int *)arg;
}

static void start_sleepers(int n)
{
	for (int i = 0; i < n; i++)
		sleeper[i] = in_child(sleep_once, NULL);
#ifdef CHAN_CONDVAR_PTHREAD
	(void)queued; /* its words are the C library's, which counts before it sleeps */
	for (int i = 0; i < n; i++)
		ck_assert(wait_asleep(sleeper[i], SYS_futex));
#else
	await(queued, &n);
#endif
}

static bool woke(void *arg)
{
	return m->woken >= *(int *)arg;
}

static void await_woken(int n)
{
	await(woke, &n);
}

static void end_sleepers(int n)
{
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(wait_child(sleeper[i]), 0);
}

START_TEST(should_not_sleep_on_an_old_key)
{
	uint32_t key = cond_arm(&m->cond);

	cond_signal(&m->cond);
	ck_assert_int_eq(cond_wait(&m->cond, key, now() + 3 * SOON), 0);
	key = cond_arm(&m->cond);
	cond_broadcast(&m->cond);
	ck_assert_int_eq(cond_wait(&m->cond, key, now() + 3 * SOON), 0);
}
END_TEST

START_TEST(should_sleep_until_the_deadline_and_not_shorter)
{
	static const int64_t limits[] = {1, MS, 30 * MS, 130 * MS};

	ck_assert_int_eq(cond_wait(&m->cond, cond_arm(&m->cond), PAST), -ETIMEDOUT);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int64_t end = now() + limits[i];

		ck_assert_int_eq(cond_wait(&m->cond, cond_arm(&m->cond), end), -ETIMEDOUT);
		ck_assert_int_ge(now(), end);
	}
}
END_TEST

START_TEST(should_do_nothing_when_nobody_waits)
{
	uint32_t before = m->cond.sequence;

	ck_assert(!cond_waited(&m->cond));
	cond_signal(&m->cond);
	cond_signal_fenced(&m->cond);
	ck_assert_uint_eq(m->cond.sequence, before);
	cond_arm(&m->cond);
	ck_assert(cond_waited(&m->cond));
	cond_signal(&m->cond);
	ck_assert_uint_eq(m->cond.sequence, before + 1);
	cond_arm(&m->cond);
	cond_signal_fenced(&m->cond);
	ck_assert_uint_eq(m->cond.sequence, before + 2);
}
END_TEST

START_TEST(should_keep_errno)
{
	errno = 4711;
	cond_wait(&m->cond, cond_arm(&m->cond), PAST);
	cond_wake(&m->cond, 1);
	cond_broadcast(&m->cond);
	ck_assert_int_eq(errno, 4711);
}
END_TEST

/* Returns true if that process would ring, and does so. */
static bool rings(void)
{
	cond_bell bell = cond_signal(&m->cond);

	if (bell)
		cond_rung(&m->cond, bell);
	return bell;
}

START_TEST(should_ask_for_a_ring_for_each_time_that_the_bell_was_armed)
{
	ck_assert(!rings());
	for (int i = 0; i < 100; i++) {
		cond_arm_bell(&m->cond);
		cond_arm_bell(&m->cond);
		ck_assert(cond_waited(&m->cond));
		ck_assert(rings());
		ck_assert(!rings());
	}
	cond_arm_bell(&m->cond);
	ck_assert_uint_ne(cond_broadcast(&m->cond), 0);
	ck_assert_uint_ne(cond_pass_on(&m->cond), 0);
	ck_assert(rings());
	ck_assert_uint_eq(cond_broadcast(&m->cond), 0);
}
END_TEST

/* One that was stopped or killed before it rang leaves it to the next one. */
START_TEST(should_ask_all_for_a_ring_until_one_has_rung)
{
	cond_bell first, second;

	cond_arm_bell(&m->cond);
	first = cond_signal(&m->cond);
	second = cond_signal(&m->cond);
	ck_assert_uint_ne(first, 0);
	ck_assert_uint_ne(second, 0);
	cond_rung(&m->cond, second);
	ck_assert(!cond_waited(&m->cond));
	cond_rung(&m->cond, first);
	ck_assert(!rings());
}
END_TEST

START_TEST(should_keep_a_bell_that_was_armed_after_the_ring)
{
	cond_bell bell;

	cond_arm_bell(&m->cond);
	bell = cond_signal(&m->cond);
	cond_arm_bell(&m->cond); /* it heard the ring, and rests again */
	cond_rung(&m->cond, bell);
	ck_assert(rings());
	/* A count that runs over changes nothing. */
	m->cond.waiting = UINT32_MAX & ~(uint32_t)COND_SLEEPER;
	bell = cond_signal(&m->cond);
	cond_arm_bell(&m->cond);
	cond_rung(&m->cond, bell);
	ck_assert(rings());
}
END_TEST

START_TEST(should_keep_the_hint_of_sleepers_and_bells_apart)
{
	cond_bell bell;

	cond_arm_bell(&m->cond);
	bell = cond_signal(&m->cond);
	cond_arm(&m->cond);
	cond_rung(&m->cond, bell);
	ck_assert(cond_waited(&m->cond)); /* a sleeper */
	ck_assert(!rings());
	cond_arm_bell(&m->cond);
	cond_arm(&m->cond);
	ck_assert(rings());
}
END_TEST

/* Each signal wakes the next one: to wake one sleeper does not make it forget another. */
START_TEST(should_wake_one_sleeper_a_signal)
{
	start_sleepers(SLEEPERS);
	for (int i = 1; i <= SLEEPERS; i++) {
		ck_assert(cond_waited(&m->cond));
		cond_signal(&m->cond);
		await_woken(i);
		nap(20 * MS); /* in which a second one would have come */
		ck_assert_int_eq(m->woken, i);
	}
	end_sleepers(SLEEPERS);
}
END_TEST

START_TEST(should_wake_all_by_a_broadcast_also_without_the_hint)
{
	start_sleepers(SLEEPERS);
	m->cond.waiting = 0;
	cond_signal(&m->cond); /* nobody: there is no hint */
	nap(20 * MS);
	ck_assert_int_eq(m->woken, 0);
	cond_broadcast(&m->cond);
	end_sleepers(SLEEPERS);
}
END_TEST

START_TEST(should_pass_a_wake_up_on_also_without_the_hint)
{
	start_sleepers(2);
	m->cond.waiting = 0;
	cond_rearm(&m->cond);
	ck_assert(cond_waited(&m->cond));
	m->cond.waiting = 0;
	cond_pass_on(&m->cond);
	await_woken(1);
	m->cond.waiting = 0;
	cond_pass_on(&m->cond);
	end_sleepers(2);
}
END_TEST

#ifndef CHAN_CONDVAR_PTHREAD
START_TEST(should_leave_sleepers_alone_when_only_the_bell_was_armed)
{
	start_sleepers(1);
	m->cond.waiting = 0;
	cond_arm_bell(&m->cond);
	ck_assert(rings());
	nap(20 * MS);
	ck_assert_int_eq(m->woken, 0); /* it is asleep without a hint: that costs a slice */
	cond_arm_bell(&m->cond);
	cond_broadcast(&m->cond);
	end_sleepers(1);
}
END_TEST
#endif

/* The other process's turn is what this one waits for; no sleep may run out. */
static int play(struct layout_cond *mine, struct layout_cond *theirs, uint32_t parity)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (;;) {
			uint32_t key = cond_arm(mine);

			if (m->turn % 2 == parity)
				break;
			if (cond_wait(mine, key, now() + SOON) == -ETIMEDOUT)
				return 1;
		}
		m->turn++;
		cond_signal(theirs);
	}
	return 0;
}

static int play_second(void *arg)
{
	(void)arg;
	return play(&m->back, &m->cond, 1);
}

START_TEST(should_lose_no_wake_up_between_two)
{
	pid_t second = in_child(play_second, NULL);

	ck_assert_int_eq(play(&m->cond, &m->back, 0), 0);
	ck_assert_int_eq(wait_child(second), 0);
	ck_assert_uint_eq(m->turn, 2 * ROUNDS);
}
END_TEST

#ifndef CHAN_CONDVAR_PTHREAD
static void nothing(int sig)
{
	(void)sig;
}

static int sleep_interrupted(void *arg)
{
	struct sigaction act = {.sa_handler = nothing};

	(void)arg;
	sigaction(SIGUSR1, &act, NULL);
	m->woken = 1;
	return cond_wait(&m->cond, cond_arm(&m->cond), now() + 3 * SOON) == -EINTR ? 0 : 1;
}

START_TEST(should_say_that_a_signal_handler_ran)
{
	int one = 1;
	pid_t pid = in_child(sleep_interrupted, NULL);

	await(woke, &one);
	await(queued, &one);
	kill(pid, SIGUSR1);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

START_TEST(should_wake_the_living_when_a_sleeper_was_killed)
{
	for (int i = 0; i < 20; i++) {
		m->woken = 0;
		start_sleepers(2);
		kill_child(sleeper[i & 1]);
		cond_signal(&m->cond);
		ck_assert_int_eq(wait_child(sleeper[!(i & 1)]), 0);
	}
}
END_TEST

/* A signaller that was killed between clearing the hint and the wake left both words
 * so; the next broadcast, or a wake-up that is passed on, finds the sleepers. */
START_TEST(should_find_sleepers_that_a_killed_signaller_left)
{
	start_sleepers(2);
	m->cond.waiting = 0;
	m->cond.sequence++;
	cond_pass_on(&m->cond);
	await_woken(1);
	cond_broadcast(&m->cond);
	end_sleepers(2);
}
END_TEST
#endif

void add_tests(void)
{
#ifdef CHAN_CONDVAR_PTHREAD
	if (THREAD_SANITIZER) {
		not_tried("the thread sanitizer does not know pthread_mutex_clocklock()");
		return;
	}
#endif
	GROUP("words", setup, teardown, should_not_sleep_on_an_old_key,
		should_sleep_until_the_deadline_and_not_shorter,
		should_do_nothing_when_nobody_waits, should_keep_errno,
		should_lose_no_wake_up_between_two);
	GROUP("bell", setup, teardown, should_ask_for_a_ring_for_each_time_that_the_bell_was_armed,
		should_ask_all_for_a_ring_until_one_has_rung,
		should_keep_a_bell_that_was_armed_after_the_ring,
		should_keep_the_hint_of_sleepers_and_bells_apart);
	if (!place_has(NEED_SYSCALLS))
		return;
	GROUP("sleepers", setup, teardown, should_wake_one_sleeper_a_signal,
		should_wake_all_by_a_broadcast_also_without_the_hint,
		should_pass_a_wake_up_on_also_without_the_hint);
#ifndef CHAN_CONDVAR_PTHREAD
	GROUP("deaths and signals", setup, teardown,
		should_leave_sleepers_alone_when_only_the_bell_was_armed,
		should_say_that_a_signal_handler_ran,
		should_wake_the_living_when_a_sleeper_was_killed,
		should_find_sleepers_that_a_killed_signaller_left);
#endif
}
