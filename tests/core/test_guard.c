/* SPDX-License-Identifier: MIT */
/*
 * A guard by itself, in memory shared with children: that it holds while its holder lives,
 * and that its end, whatever brings it, reaches all that sleep on it.
 */
#include "core/guard.h"
#include "support/await.h"
#include "support/suite.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLEEPERS = 5, ID = 7 };

static struct {
	struct guard guard;
	struct layout_cond cond;
	_Atomic int held; /* 1, or the error */
	_Atomic int ends; /* the holder releases it */
	_Atomic bool signalled;
	_Atomic int noticed; /* sleepers that found the guard gone */
} * m;
static pid_t holder, sleeper[SLEEPERS];

static int hold(void *arg)
{
	int err = guard_hold(&m->guard, ID);

	(void)arg;
	m->held = err < 0 ? err : 1;
	while (!m->ends)
		nap(MS);
	guard_release(&m->guard);
	m->ends = 2;
	while (pause() < 0)
		;
	return 0;
}

static bool is_held(void *arg)
{
	(void)arg;
	return m->held != 0;
}

static void setup(void)
{
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(m, MAP_FAILED);
	ck_assert_int_eq(cond_init(&m->cond), 0);
	holder = in_child(hold, NULL);
	await(is_held, NULL);
	ck_assert_int_eq(m->held, 1);
}

static void teardown(void)
{
	if (holder)
		kill_child(holder);
	munmap(m, sizeof(*m));
}

static struct guard_place place(unsigned which)
{
	struct guard_place p = {.which = which};

	ck_assert(guard_examine(&m->guard, &p.view));
	p.view.page = (const unsigned char *)&m->guard;
	return p;
}

static int sleep_on(struct guard_place *p, int64_t deadline)
{
	struct cond_word word = cond_word(&m->cond, cond_arm(&m->cond));

	return guard_sleep(p, 1, &word, 1, deadline);
}

static int sleep_once(void *arg)
{
	struct guard_place p = *(struct guard_place *)arg;
	int err;

	/* One that is woken before the kernel comes to its word sleeps again. */
	do
		err = sleep_on(&p, now() + 3 * SOON);
	while (err == 0 && !p.gone && !m->signalled);
	if (p.gone)
		m->noticed++;
	return err ? 1 : 0;
}

/* Sleepers, all on the same word, or each on its own. */
static void start_sleepers(bool one_word)
{
	for (unsigned i = 0; i < SLEEPERS; i++) {
		struct guard_place p = place(one_word ? 3 : i * GUARD_WORDS / SLEEPERS);

		sleeper[i] = in_child(sleep_once, &p);
	}
	for (int i = 0; i < SLEEPERS; i++)
		ck_assert(wait_asleep(sleeper[i], SYS_futex_waitv));
}

static void all_notice(void)
{
	for (int i = 0; i < SLEEPERS; i++)
		ck_assert_int_eq(wait_child(sleeper[i]), 0);
	ck_assert_int_eq(m->noticed, SLEEPERS);
}

START_TEST(should_hold_while_its_holder_lives)
{
	struct guard_place p = place(0);

	ck_assert_uint_eq(p.view.id, ID);
	ck_assert_int_eq(sleep_on(&p, now() + 50 * MS), -ETIMEDOUT);
	ck_assert(!p.gone);
}
END_TEST

START_TEST(should_wake_all_on_one_word_when_its_holder_is_killed)
{
	start_sleepers(true);
	kill_child(holder);
	holder = 0;
	all_notice();
}
END_TEST

START_TEST(should_wake_all_on_different_words_when_its_holder_is_killed)
{
	start_sleepers(false);
	kill_child(holder);
	holder = 0;
	all_notice();
}
END_TEST

/* The kernel wakes the first: if that can't go on, those on other words do its part. */
START_TEST(should_wake_all_though_the_first_of_a_word_is_stopped)
{
	struct guard_place p = place(3), other = place(4);

	sleeper[0] = in_child(sleep_once, &p);
	ck_assert(wait_asleep(sleeper[0], SYS_futex_waitv));
	kill(sleeper[0], SIGSTOP);
	ck_assert(wait_stopped(sleeper[0]));
	for (int i = 1; i < SLEEPERS; i++) {
		sleeper[i] = in_child(sleep_once, i == SLEEPERS - 1 ? &other : &p);
		ck_assert(wait_asleep(sleeper[i], SYS_futex_waitv));
	}
	kill_child(holder);
	holder = 0;
	for (int i = 1; i < SLEEPERS; i++)
		ck_assert_int_eq(wait_child(sleeper[i]), 0);
	ck_assert_int_eq(m->noticed, SLEEPERS - 1);
	kill_child(sleeper[0]);
}
END_TEST

START_TEST(should_wake_all_when_it_is_released)
{
	start_sleepers(true);
	m->ends = 1;
	all_notice();
}
END_TEST

static void *hold_in_thread(void *arg)
{
	ck_assert_int_eq(guard_hold(arg, ID), 0);
	return NULL;
}

START_TEST(should_end_with_the_thread_that_holds_it)
{
	static alignas(GUARD_SIZE) struct guard own;
	struct guard_view view;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, hold_in_thread, &own), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!guard_examine(&own, &view));
}
END_TEST

START_TEST(should_not_be_slept_on_when_it_is_gone)
{
	struct guard_place p = place(0);

	kill_child(holder);
	holder = 0;
	ck_assert_int_eq(sleep_on(&p, now() + 3 * SOON), 0);
	ck_assert(p.gone);
}
END_TEST

START_TEST(should_let_a_signal_through)
{
	struct guard_place p = place(0);

	sleeper[0] = in_child(sleep_once, &p);
	ck_assert(wait_asleep(sleeper[0], SYS_futex_waitv));
	m->signalled = true;
	cond_signal(&m->cond);
	ck_assert_int_eq(wait_child(sleeper[0]), 0);
	ck_assert_int_eq(m->noticed, 0);
}
END_TEST

START_TEST(should_not_sleep_after_a_signal)
{
	struct guard_place p = place(1);
	struct cond_word word = cond_word(&m->cond, cond_arm(&m->cond));

	cond_broadcast(&m->cond);
	ck_assert_int_eq(guard_sleep(&p, 1, &word, 1, now() + 3 * SOON), 0);
	ck_assert(!p.gone);
}
END_TEST

static _Atomic uint32_t *word_of(struct guard *g, unsigned which)
{
	return (void *)((unsigned char *)g + g->first + which * g->stride);
}

START_TEST(should_not_take_anything_else_for_a_guard)
{
	static struct guard copy;
	struct guard_view view;
	uint32_t held;

#define SPOILT(what)                                                                               \
	memcpy(&copy, &m->guard, sizeof(copy));                                                    \
	held = *word_of(&copy, 0);                                                                 \
	(void)held;                                                                                \
	what;                                                                                      \
	ck_assert(!guard_examine(&copy, &view))

	memcpy(&copy, &m->guard, sizeof(copy));
	ck_assert(guard_examine(&copy, &view));
	SPOILT(copy.magic ^= 1);
	SPOILT(copy.first = 1);
	SPOILT(copy.first = GUARD_SIZE);
	SPOILT(copy.first = UINT64_MAX - 3);
	SPOILT(copy.stride = 2);
	SPOILT(copy.stride = GUARD_SIZE);
	SPOILT(copy.stride = UINT64_MAX - 3);
	SPOILT(*word_of(&copy, GUARD_WORDS - 1) = 0);
	SPOILT(for (unsigned i = 0; i < GUARD_WORDS; i++) * word_of(&copy, i) = 0);
	SPOILT(for (unsigned i = 0; i < GUARD_WORDS; i++) * word_of(&copy, i) =
			held & ~(uint32_t)FUTEX_WAITERS);
	SPOILT(for (unsigned i = 0; i < GUARD_WORDS; i++) * word_of(&copy, i) =
			held | FUTEX_OWNER_DIED);
}
END_TEST

void add_tests(void)
{
	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX || THREAD_SANITIZER || place_is_wrapped()) {
		not_tried("the guard is for futexes, and what runs here does not know its call");
		return;
	}
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, CLOCK_MONOTONIC) < 0 && errno != EINVAL) {
		not_tried("no futex_waitv(2)");
		return;
	}
	if (!place_has(NEED_SYSCALLS))
		return;
	GROUP("guard", setup, teardown, should_hold_while_its_holder_lives,
		should_wake_all_on_one_word_when_its_holder_is_killed,
		should_wake_all_on_different_words_when_its_holder_is_killed,
		should_wake_all_though_the_first_of_a_word_is_stopped,
		should_wake_all_when_it_is_released, should_end_with_the_thread_that_holds_it,
		should_not_be_slept_on_when_it_is_gone, should_let_a_signal_through,
		should_not_sleep_after_a_signal, should_not_take_anything_else_for_a_guard);
}
