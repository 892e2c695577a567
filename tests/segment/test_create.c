/* SPDX-License-Identifier: MIT */
/*
 * Several processes make the same channel at once, where /dev/shm has room for one: one
 * channel is made, and all open it; no process takes memory that its creator needs.
 */
#include "base/clock.h"
#include "segment/claim.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1u << 20)
enum { SIZE = 40, ROOM = 64 }; /* MiB */

enum { AGAIN = 20 };
#define BUSY (20 * MS) /* a machine that has other work */

static const struct chan_options large = {.size = sizeof(large), .capacity = SIZE * MIB};

/* What the openers share. */
static struct {
	_Atomic int go, done, failed;
	_Atomic int64_t starved; /* the longest time in which one had no processor */
} * race;

/* A /dev/shm of our own. */
static void small_setup(void)
{
	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(race, MAP_FAILED);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m,mode=1777"), 0);
	channel_setup();
}

static void small_teardown(void)
{
	channel_teardown();
	umount2("/dev/shm", MNT_DETACH);
}

static uint64_t taken(void)
{
	struct statvfs vfs;

	ck_assert_int_eq(statvfs("/dev/shm", &vfs), 0);
	return (uint64_t)(vfs.f_blocks - vfs.f_bavail) * vfs.f_frsize;
}

static int opens_or_makes(void *arg)
{
	int all = *(int *)arg;
	int64_t without, longest;
	chan_t *ch;

	atomic_fetch_add(&race->go, 1);
	while (atomic_load(&race->go) < all)
		sched_yield();
	without = starved();
	if (chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, &large) < 0)
		atomic_fetch_add(&race->failed, 1);
	without = starved() - without;
	longest = atomic_load(&race->starved);
	while (without > longest &&
		!atomic_compare_exchange_weak(&race->starved, &longest, without))
		;
	atomic_fetch_add(&race->done, 1);
	while (atomic_load(&race->done) < all)
		nap(MS);
	return 0;
}

static void race_once(int all)
{
	pid_t pid[16];

	atomic_store(&race->starved, 0);
	atomic_store(&race->go, 0);
	atomic_store(&race->done, 0);
	atomic_store(&race->failed, 0);
	for (int i = 0; i < all; i++)
		pid[i] = in_child(opens_or_makes, &all);
	for (int i = 0; i < all; i++)
		ck_assert_int_eq(wait_child(pid[i]), 0);
}

/* An opener waits a bounded time for one that makes the channel, and if that one has no
 * processor, it waits in vain: race again. */
static void check_race(int all)
{
	race_once(all);
	for (int i = 0;
		i < AGAIN && atomic_load(&race->failed) && atomic_load(&race->starved) > BUSY;
		i++) {
		chan_remove(name);
		race_once(all);
	}
	ck_assert_msg(atomic_load(&race->failed) == 0, "%d of %d have no channel",
		atomic_load(&race->failed), all);
	ck_assert_int_eq(chan_remove(name), 0);
	for (int64_t end = now() + SOON; taken() > MIB; nap(MS))
		ck_assert_int_lt(now(), end);
}

START_TEST(should_make_one_and_let_all_have_it)
{
	for (int round = 0; round < 10; round++)
		check_race(2 + round % 2 * 14);
}
END_TEST

/* ---- claims ---- */

static const char *claimed(void)
{
	return segment_path;
}

static _Atomic int *claims;

static int holds_the_claim(void *arg)
{
	struct descriptor claim = {.fd = -1};
	uid_t uid = *(uid_t *)arg;

	if (uid && setuid(uid) < 0)
		return 1;
	if (!claim_or_await(&claim, claimed(), clock_monotonic() + SOON) || claim.fd < 0)
		return 2;
	atomic_store(claims, 1);
	for (;;)
		pause();
}

static pid_t hold_claim(uid_t uid)
{
	pid_t pid;

	claims = &race->go;
	atomic_store(claims, 0);
	pid = in_child(holds_the_claim, &uid);
	for (int64_t end = now() + SOON; !atomic_load(claims); nap(MS))
		ck_assert_int_lt(now(), end);
	return pid;
}

/* Another user has taken the claim's address, so no creator has it. */
START_TEST(should_make_one_without_claims_too)
{
	pid_t pid = hold_claim(65534);

	for (int round = 0; round < 6; round++)
		check_race(2);
	kill_child(pid);
}
END_TEST

START_TEST(should_not_wait_for_another_users_claim)
{
	pid_t pid = hold_claim(65534);
	int64_t start = now(), waited = starved();

	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 4096)), 0);
	ck_assert_int_lt(now() - start - (starved() - waited), 900 * MS);
	kill_child(pid);
}
END_TEST

static int takes_it_after(void *arg)
{
	struct descriptor claim = {.fd = -1};

	(void)arg;
	atomic_store(&race->done, 1);
	if (claim_or_await(&claim, claimed(), clock_monotonic() + SOON))
		return 1; /* it did not wait until the other's has ended */
	if (!claim_or_await(&claim, claimed(), clock_monotonic() + SOON) || claim.fd < 0)
		return 2;
	claim_end(&claim);
	return 0;
}

START_TEST(should_end_a_claim_with_its_process)
{
	pid_t holder = hold_claim(0), pid;

	atomic_store(&race->done, 0);
	pid = in_child(takes_it_after, NULL);
	while (!atomic_load(&race->done))
		nap(MS);
	kill_child(holder);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

START_TEST(should_go_on_when_the_holder_is_stopped)
{
	pid_t holder = hold_claim(0);
	int64_t start = now();

	kill(holder, SIGSTOP);
	ck_assert(wait_stopped(holder));
	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 4096)), 0);
	ck_assert_int_ge(now() - start, SECOND);
	ck_assert_int_lt(now() - start, SOON);
	kill_child(holder);
}
END_TEST

/* ---- no room at all ---- */

START_TEST(should_report_that_there_is_no_room)
{
	chan_t *ch;

	ck_assert_int_eq(chan_create(channel_other("first"), &large), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, &large), -ENOSPC);
	ck_assert_uint_lt(taken(), (SIZE + 1) * MIB);
}
END_TEST

static int killed_in_it(void *arg)
{
	(void)arg;
	atomic_store(&race->go, 1);
	return chan_create(name, &large) < 0;
}

/* If a creator is killed while it takes memory, the next one gets all of it. */
START_TEST(should_leave_the_room_of_a_killed_creator)
{
	for (int round = 0; round < 10; round++) {
		pid_t pid;
		chan_t *ch;

		atomic_store(&race->go, 0);
		pid = in_child(killed_in_it, NULL);
		for (int64_t end = now() + SOON; taken() < MIB; sched_yield())
			ck_assert_int_lt(now(), end);
		kill(pid, SIGKILL);
		ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, &large), 0);
		ck_assert_int_ge(wait_child(pid), 0);
		chan_detach(ch);
		ck_assert_int_eq(chan_remove(name), 0);
		for (int64_t end = now() + SOON; taken() > MIB; nap(MS))
			ck_assert_int_lt(now(), end);
	}
}
END_TEST

void add_tests(void)
{
	if (!place_has(NEED_MOUNTS) || !place_has(NEED_ROOT))
		return;
	GROUP("room for one", small_setup, small_teardown, should_make_one_and_let_all_have_it,
		should_make_one_without_claims_too, should_report_that_there_is_no_room,
		should_leave_the_room_of_a_killed_creator);
	GROUP("claims", small_setup, small_teardown, should_not_wait_for_another_users_claim,
		should_end_a_claim_with_its_process, should_go_on_when_the_holder_is_stopped);
}
