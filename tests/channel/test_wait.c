/* SPDX-License-Identifier: MIT */
/*
 * Waiting: deadlines, when one spins and when one sleeps, what a wait learns from what
 * it got, and that a sleeper looks again by itself.  What is awaited is a word of this
 * test, on a channel's condition variable.
 */
#include "channel/channel.h"
#include "core/cpu.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in wait.c and spin.c. */
#define SLICE (1000 * MS)
#define SPIN_MAX 50000u
#define SPIN_MIN 1000u

static chan_t *ch;
static _Atomic uint64_t word;		   /* changed() when it is not `seen` */
static _Atomic unsigned looks, happens_at; /* at this look it changes by itself, 0 never */
static _Atomic bool over, wakes_at_once;
static struct spin spin;
static struct condition what;
static struct limit limit;

/* No assertion here: each is a system call. */
static bool changed(struct chan *c, uint64_t seen)
{
	if (c != ch)
		abort();
	if (++looks == happens_at)
		word++;
	return word != seen;
}

static bool abandoned(struct chan *c)
{
	ck_assert_ptr_eq(c, ch);
	if (wakes_at_once)
		cond_broadcast(what.cond);
	return over;
}

static void setup(void)
{
	channel_setup();
	ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	what = (struct condition){
		.cond = &ch->control->not_empty, .changed = changed, .abandoned = abandoned};
}

static void teardown(void)
{
	chan_detach(ch);
	channel_teardown();
}

static int wait_a(int64_t timeout)
{
	limit = limit_of(timeout);
	looks = 0;
	what.seen = word;
	return channel_wait(ch, &what, &limit);
}

static int64_t waiting_since(void)
{
	return ch->segment.layout->endpoint[ch->slot].waiting;
}

START_TEST(should_ask_the_clock_once_for_a_deadline)
{
	struct limit l = limit_of(CHAN_WAIT);
	int64_t first;

	ck_assert(limit_deadline(&l) == DEADLINE_NEVER);
	l = limit_of(0);
	ck_assert(limit_deadline(&l) == DEADLINE_NOW);
	l = limit_of(SECOND);
	first = limit_deadline(&l);
	ck_assert_int_gt(first, now() - SECOND);
	ck_assert_int_le(first, now() + SECOND);
	nap(2 * MS);
	ck_assert_int_eq(limit_deadline(&l), first);
	l = limit_of(INT64_MAX); /* no overflow into the past */
	ck_assert(limit_deadline(&l) == DEADLINE_NEVER);
}
END_TEST

START_TEST(should_not_even_look_when_no_waiting_is_wanted)
{
	what.spin = &spin;
	ck_assert_int_eq(wait_a(0), -EAGAIN);
	ck_assert_uint_eq(looks, 0);
	ck_assert(!limit.slept);
	ck_assert(!cond_waited(what.cond));
}
END_TEST

START_TEST(should_not_sleep_when_it_changed_before_the_sleep)
{
	happens_at = 1; /* the look after arming */
	ck_assert_int_eq(wait_a(CHAN_WAIT), 0);
	ck_assert(!limit.slept);
	ck_assert(cond_waited(what.cond)); /* it had armed before */
}
END_TEST

START_TEST(should_not_sleep_when_nobody_is_left_to_wait_for)
{
	over = true;
	ck_assert_int_eq(wait_a(CHAN_WAIT), 0);
	ck_assert(!limit.slept);
}
END_TEST

START_TEST(should_time_out_at_the_deadline_and_not_before)
{
	static const int64_t limits[] = {1, MS, 30 * MS, 999 * MS, 1001 * MS};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int64_t begin = now(), starving = starved(), took;
		int err;

		limit = limit_of(limits[i]);
		what.seen = word;
		do /* one that slept a slice looks again, as its callers do */
			err = channel_wait(ch, &what, &limit);
		while (err == 0 && now() - begin < SOON);
		took = now() - begin;
		ck_assert_int_eq(err, -ETIMEDOUT);
		ck_assert_int_ge(took, limits[i]);
		ck_assert_int_lt(took - limits[i] - (starved() - starving), 100 * MS);
	}
}
END_TEST

/* ---- asleep ---- */

static _Atomic pid_t tid;
static _Atomic int64_t slept_since;

static void *wait_in_thread(void *arg)
{
	int64_t timeout = *(int64_t *)arg;

	tid = (pid_t)syscall(SYS_gettid);
	return (void *)(intptr_t)wait_a(timeout);
}

static pthread_t start_waiting(int64_t *timeout)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, wait_in_thread, timeout), 0);
	while (!tid)
		nap(MS / 10);
	await_asleep(tid);
	slept_since = waiting_since();
	return thread;
}

static int result_of(pthread_t thread)
{
	void *result;

	ck_assert_int_eq(pthread_join(thread, &result), 0);
	return (int)(intptr_t)result;
}

START_TEST(should_be_woken_and_show_meanwhile_that_it_waits)
{
	int64_t begin = now(), timeout = CHAN_WAIT;
	pthread_t thread = start_waiting(&timeout);

	ck_assert_int_ge(slept_since, begin);
	ck_assert_int_le(slept_since, now());
	word++;
	cond_signal(what.cond);
	ck_assert_int_eq(result_of(thread), 0);
	ck_assert(limit.slept); /* so it owes the others a look */
	ck_assert_int_eq(limit.waiting_since, slept_since);
	ck_assert_int_eq(waiting_since(), 0);
}
END_TEST

/* As after a peer that was killed between its commit and its wake-up. */
START_TEST(should_look_again_by_itself_after_a_slice)
{
	int64_t begin = now(), timeout = CHAN_WAIT;
	pthread_t thread = start_waiting(&timeout);

	word++; /* and no signal */
	ck_assert_int_eq(result_of(thread), 0);
	ck_assert_int_ge(now() - begin, SLICE - 100 * MS);
	ck_assert_int_lt(now() - begin, SOON);
}
END_TEST

START_TEST(should_see_what_came_with_the_deadline)
{
	int64_t timeout = 500 * MS;
	pthread_t thread = start_waiting(&timeout);

	word++; /* and no signal */
	ck_assert_int_eq(result_of(thread), 0);
}
END_TEST

START_TEST(should_end_when_interrupted_before_and_in_its_sleep)
{
	int64_t timeout = CHAN_WAIT;
	pthread_t thread;
	int64_t begin = now(), starving = starved();

	chan_interrupt(ch, 1);
	ck_assert_int_eq(wait_a(CHAN_WAIT), -EINTR);
	ck_assert_int_lt(now() - begin - (starved() - starving), SLICE / 2); /* no sleep */
	chan_interrupt(ch, 0);
	thread = start_waiting(&timeout);
	chan_interrupt(ch, 1);
	ck_assert_int_eq(result_of(thread), -EINTR);
}
END_TEST

/* ---- spinning ---- */

START_TEST(should_spin_first_and_double_the_budget_when_that_paid)
{
	what.spin = &spin;
	for (uint32_t budget = SPIN_MIN; budget < 2 * SPIN_MAX; budget *= 2) {
		spin.budget = budget < SPIN_MAX ? budget : SPIN_MAX;
		happens_at = 3;
		ck_assert_int_eq(wait_a(CHAN_WAIT), 0);
		ck_assert_uint_eq(looks, 3);
		ck_assert(!limit.slept);
		ck_assert(!cond_waited(what.cond)); /* it did not announce that it waits */
		ck_assert_uint_eq(spin.budget, 2 * budget < SPIN_MAX ? 2 * budget : SPIN_MAX);
	}
}
END_TEST

START_TEST(should_sleep_after_its_budget_and_halve_it_when_the_sleep_was_long)
{
	what.spin = &spin;
	spin.budget = SPIN_MAX;
	for (uint32_t budget = SPIN_MAX / 2; budget >= SPIN_MIN / 4; budget /= 2) {
		ck_assert_int_eq(wait_a(50 * MS), -ETIMEDOUT);
		ck_assert(limit.slept);
		ck_assert_uint_eq(spin.budget, budget > SPIN_MIN ? budget : SPIN_MIN);
	}
}
END_TEST

/* What would have come within the longest spin is worth waiting for. */
START_TEST(should_double_the_budget_when_the_sleep_was_short)
{
	what.spin = &spin;
	spin.budget = SPIN_MIN;
	wakes_at_once = true;
	for (int i = 0; spin.budget <= SPIN_MIN; i++) {
		ck_assert_int_lt(i, 1000); /* a starved one may sleep longer */
		ck_assert_int_eq(wait_a(SOON), 0);
		ck_assert(limit.slept);
	}
	ck_assert_uint_eq(spin.budget, 2 * SPIN_MIN);
}
END_TEST

START_TEST(should_look_twice_when_it_may_not_spin)
{
	what.spin = NULL;
	ck_assert_int_eq(wait_a(MS), -ETIMEDOUT);
	ck_assert_uint_eq(looks, 2); /* after arming, and the last one */
}
END_TEST

/* When to lag is test_lag.c's; here: that a wait asks, and does so. */
START_TEST(should_stay_away_for_as_long_as_it_learned_to)
{
	int64_t begin;

	what.spin = &spin;
	spin.budget = SPIN_MAX;
	spin.lag.chosen = 20 * MS;
	happens_at = 1;
	begin = now();
	ck_assert_int_eq(wait_a(CHAN_WAIT), 0); /* what it awaits is no position */
	what.lags = true;
	ck_assert_int_eq(spin.lag.since, 0);
	begin = now();
	ck_assert_int_eq(wait_a(CHAN_WAIT), 0);
	ck_assert_int_ge(now() - begin, 20 * MS);
	ck_assert_int_ge(spin.lag.since, begin);
	ck_assert_uint_eq(spin.lag.position, what.seen);
}
END_TEST

START_TEST(should_not_learn_from_a_wait_that_slept)
{
	what.spin = &spin;
	what.lags = true;
	spin.budget = SPIN_MIN;
	ck_assert_int_eq(wait_a(200 * MS), -ETIMEDOUT);
	ck_assert(limit.slept);
	ck_assert_int_eq(spin.lag.since, 0);
}
END_TEST

void add_tests(void)
{
	GROUP("deadlines", setup, teardown, should_ask_the_clock_once_for_a_deadline,
		should_not_even_look_when_no_waiting_is_wanted,
		should_not_sleep_when_it_changed_before_the_sleep,
		should_not_sleep_when_nobody_is_left_to_wait_for,
		should_time_out_at_the_deadline_and_not_before,
		should_look_twice_when_it_may_not_spin);
	if (place_has(NEED_SYSCALLS))
		GROUP("asleep", setup, teardown, should_be_woken_and_show_meanwhile_that_it_waits,
			should_look_again_by_itself_after_a_slice,
			should_see_what_came_with_the_deadline);
	if (CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX && place_has(NEED_SYSCALLS))
		GROUP("interrupted", setup, teardown,
			should_end_when_interrupted_before_and_in_its_sleep);
	if (!cpu_several())
		not_tried("spinning needs several CPUs");
	else
		GROUP("spinning", setup, teardown,
			should_spin_first_and_double_the_budget_when_that_paid,
			should_sleep_after_its_budget_and_halve_it_when_the_sleep_was_long,
			should_double_the_budget_when_the_sleep_was_short,
			should_stay_away_for_as_long_as_it_learned_to,
			should_not_learn_from_a_wait_that_slept);
}
