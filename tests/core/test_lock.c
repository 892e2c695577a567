/* SPDX-License-Identifier: MIT */
/*
 * The robust lock by itself, in memory shared with children: which process gets it, how
 * long the others wait, and the one policy for an owner that died.
 */
#include "core/lock.h"
#include "support/await.h"
#include "support/suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Shared with the children. */
static struct {
	struct layout_lock lock;
	struct backoff backoff;
	_Atomic int held;	/* a child has it */
	_Atomic int repairs;	/* how often */
	bool recovered;		/* by the last acquire() */
	_Atomic int seen;	/* what lock_try() gave during a repair, to another */
	_Atomic int deaths;	/* repairs that kill the repairer */
	_Atomic int repair_err; /* what a repair gives */
	_Atomic int asked;	/* give_up() */
	_Atomic int enough;	/* at which question it gives up, 0 never */
	_Atomic int deadlines;	/* questions for the deadline */
	_Atomic int64_t end;
} * m;

static void setup(void)
{
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(m, MAP_FAILED);
	ck_assert_int_eq(lock_init(&m->lock), 0);
	m->end = DEADLINE_NEVER;
}

static void teardown(void)
{
	munmap(m, sizeof(*m));
}

static int try_only(void *arg)
{
	(void)arg;
	return -lock_try(&m->lock);
}

/* What another process gets that tries. */
static int anothers_try(void)
{
	return wait_child(in_child(try_only, NULL));
}

static int repair(void *arg)
{
	ck_assert_ptr_eq(arg, m);
	m->repairs++;
	if (m->deaths) {
		m->deaths--;
		raise(SIGKILL);
	}
	m->seen = anothers_try();
	return m->repair_err;
}

static void recovered(void *arg)
{
	ck_assert_ptr_eq(arg, m);
	m->recovered = true;
}

static int give_up(void *arg)
{
	ck_assert_ptr_eq(arg, m);
	return ++m->asked == m->enough ? -EPIPE : 0;
}

static int64_t deadline(void *arg)
{
	ck_assert_ptr_eq(arg, m);
	m->deadlines++;
	return m->end;
}

/* acquire() returns what lock_acquire() does, or this if it got the lock from a dead
 * owner. */
#define RECOVERED 1

static int acquire(void)
{
	struct lock_policy policy = {.repair = repair,
		.recovered = recovered,
		.give_up = give_up,
		.deadline = deadline,
		.backoff = &m->backoff,
		.arg = m};

	int err;

	m->recovered = false;
	err = lock_acquire(&m->lock, lock_try(&m->lock), &policy);
	return m->recovered ? RECOVERED : err;
}

static int hold(void *arg)
{
	(void)arg;
	if (lock_try(&m->lock))
		return 1;
	m->held = 1;
	for (;;)
		pause();
}

static bool is_held(void *arg)
{
	(void)arg;
	return m->held;
}

/* A child that has the lock. */
static pid_t holder(void)
{
	pid_t pid = in_child(hold, NULL);

	await(is_held, NULL);
	return pid;
}

START_TEST(should_be_taken_by_one_at_a_time)
{
	ck_assert_int_eq(acquire(), 0);
	ck_assert_int_eq(anothers_try(), EBUSY);
	lock_release(&m->lock);
	ck_assert_int_eq(acquire(), 0);
	lock_release(&m->lock);
	/* Nothing was asked, nothing repaired. */
	ck_assert_int_eq(m->deadlines + m->asked + m->repairs, 0);
	ck_assert_uint_eq(m->lock.recoveries, 0);
}
END_TEST

START_TEST(should_say_that_the_thread_has_it_already)
{
	ck_assert_int_eq(acquire(), 0);
	ck_assert_int_eq(acquire(), -EDEADLK);
	lock_release(&m->lock);
	ck_assert_int_eq(acquire(), 0);
	lock_release(&m->lock);
}
END_TEST

START_TEST(should_not_wait_when_the_deadline_is_now)
{
	pid_t pid = holder();

	m->end = DEADLINE_NOW;
	ck_assert_int_eq(acquire(), -EBUSY);
	ck_assert_int_eq(m->asked, 0);
	kill_child(pid);
}
END_TEST

/* Shorter and longer than a slice (50 ms). */
START_TEST(should_time_out_at_the_deadline_and_not_before)
{
	static const int64_t limits[] = {1, MS, 30 * MS, 49 * MS, 51 * MS, 130 * MS};
	pid_t pid = holder();

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int64_t best = INT64_MAX;

		/* A busy machine may delay some, but not all of them. */
		for (int tries = 0; tries < 20 && best >= 20 * MS; tries++) {
			int64_t starving = starved(), over;

			m->end = now() + limits[i];
			ck_assert_int_eq(acquire(), -ETIMEDOUT);
			over = now() - m->end;
			ck_assert_int_ge(over, 0);
			over -= starved() - starving;
			best = over < best ? over : best;
		}
		ck_assert_int_lt(best, 20 * MS); /* not the rest of a slice */
	}
	kill_child(pid);
}
END_TEST

START_TEST(should_ask_after_each_slice_whether_to_give_up)
{
	pid_t pid = holder();
	int64_t begin = now();

	m->enough = 3;
	ck_assert_int_eq(acquire(), -EPIPE);
	ck_assert_int_eq(m->asked, 3);
	ck_assert_int_ge(now() - begin, 3 * 40 * MS); /* they are slices, not spins */
	ck_assert_int_eq(m->deadlines, 1);
	kill_child(pid);
}
END_TEST

START_TEST(should_repair_what_a_dead_owner_left_and_count_it)
{
	kill_child(holder());
	ck_assert_int_eq(acquire(), RECOVERED);
	ck_assert_int_eq(m->repairs, 1);
	ck_assert_int_eq(m->seen, EBUSY); /* repaired before anybody else gets it */
	ck_assert_uint_eq(m->lock.recoveries, 1);
	ck_assert_int_eq(anothers_try(), EBUSY);
	lock_release(&m->lock);
	/* The next one has no repair to do. */
	ck_assert_int_eq(acquire(), 0);
	ck_assert_int_eq(m->repairs, 1);
	lock_release(&m->lock);
}
END_TEST

START_TEST(should_let_the_next_one_repair_after_a_death_in_the_repair)
{
	kill_child(holder());
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		m->deaths = 1;
		pid = fork();
		if (pid == 0)
			_exit(acquire());
		ck_assert_int_eq(wait_child(pid), 128 + SIGKILL);
	}
	ck_assert_int_eq(m->repairs, 3);
	ck_assert_uint_eq(m->lock.recoveries, 0); /* none was completed */
	ck_assert_int_eq(acquire(), RECOVERED);
	ck_assert_int_eq(m->repairs, 4);
	ck_assert_uint_eq(m->lock.recoveries, 1);
	lock_release(&m->lock);
}
END_TEST

START_TEST(should_release_a_usable_lock_when_the_repair_fails)
{
	m->repair_err = -EBADMSG;
	kill_child(holder());
	ck_assert_int_eq(acquire(), -EBADMSG);
	ck_assert_int_eq(m->repairs, 1);
	ck_assert_int_eq(acquire(), 0); /* not held, and not ENOTRECOVERABLE */
	lock_release(&m->lock);
}
END_TEST

static int wait_and_say(void *arg)
{
	(void)arg;
	return acquire();
}

START_TEST(should_wake_a_waiter_when_the_owner_is_killed)
{
	pid_t owner = holder(), waiter = in_child(wait_and_say, NULL);

	ck_assert(wait_asleep(waiter, SYS_futex));
	kill_child(owner);
	ck_assert_int_eq(wait_child(waiter), RECOVERED);
	ck_assert_int_eq(m->repairs, 1);
}
END_TEST

static int release_later(void *arg)
{
	(void)arg;
	if (lock_try(&m->lock))
		return 1;
	m->held = 1;
	while (m->held)
		nap(MS);
	lock_release(&m->lock);
	return 0;
}

START_TEST(should_give_the_lock_to_a_waiter_when_it_is_released)
{
	pid_t owner = in_child(release_later, NULL), waiter;

	await(is_held, NULL);
	waiter = in_child(wait_and_say, NULL);
	ck_assert(wait_asleep(waiter, SYS_futex));
	m->held = 0;
	ck_assert_int_eq(wait_child(owner), 0);
	ck_assert_int_eq(wait_child(waiter), 0);
	ck_assert_int_eq(m->repairs, 0);
}
END_TEST

/* An owner died, and another process unlocked without a repair; or its words are no
 * mutex. */
START_TEST(should_say_that_the_lock_is_damaged)
{
	kill_child(holder());
	ck_assert_int_eq(lock_try(&m->lock), -EOWNERDEAD);
	pthread_mutex_unlock(&m->lock.mutex);
	ck_assert_int_eq(acquire(), -EBADMSG);
	ck_assert_int_eq(m->repairs, 0);
	memset(&m->lock.mutex, 0xff, sizeof(m->lock.mutex));
	ck_assert_int_eq(acquire(), -EBADMSG);
}
END_TEST

void add_tests(void)
{
	GROUP("lock", setup, teardown, should_be_taken_by_one_at_a_time,
		should_say_that_the_thread_has_it_already, should_not_wait_when_the_deadline_is_now,
		should_time_out_at_the_deadline_and_not_before,
		should_ask_after_each_slice_whether_to_give_up,
		should_say_that_the_lock_is_damaged);
	if (THREAD_SANITIZER)
		not_tried("the thread sanitizer knows no robust mutex whose owner ends");
	else
		GROUP("dead owners", setup, teardown,
			should_repair_what_a_dead_owner_left_and_count_it,
			should_let_the_next_one_repair_after_a_death_in_the_repair,
			should_release_a_usable_lock_when_the_repair_fails);
	if (THREAD_SANITIZER)
		not_tried("under the thread sanitizer a waiter polls (lock.c)");
	else if (place_has(NEED_SYSCALLS))
		GROUP("waiting", setup, teardown, should_wake_a_waiter_when_the_owner_is_killed,
			should_give_the_lock_to_a_waiter_when_it_is_released);
}
