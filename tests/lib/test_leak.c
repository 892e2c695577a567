/* SPDX-License-Identifier: MIT */
/*
 * Nothing stays in a process: whatever it opened, and whatever it failed to
 * open, its descriptors, mappings and the names in /dev/shm are afterwards what
 * they were before.
 */
#define _GNU_SOURCE
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shmchan.h"

enum { ROUNDS = 50 };

static char name[64];
static char missing[64];

static int entries(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)))
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

/* Mappings of segments. */
static int mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "/shmchan.") != NULL;
	fclose(f);
	return n;
}

static chan_t *open_ok(unsigned flags)
{
	chan_t *ch;

	ck_assert_int_eq(chan_open(&ch, name, flags, NULL), 0);
	return ch;
}

static void use_and_detach(void)
{
	chan_t *ch = open_ok(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	struct chan_lease lease;
	char buf[8];
	void *place;

	ck_assert_int_eq(chan_send(ch, "a", 1, 0), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	ck_assert_int_eq(chan_send(ch, "b", 1, 0), 0);
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1); /* and not given back */
	ck_assert_int_eq(chan_reserve(ch, &place, 8, 0), 0); /* nor ended */
	chan_detach(ch);
	ck_assert_int_eq(chan_remove(name), 0);
}

static void fail_to_open(void)
{
	chan_t *first, *second;

	ck_assert_int_eq(chan_open(&first, missing, CHAN_SEND, NULL), -ENOENT);
	ck_assert_int_eq(chan_open(&first, "a/b/c", CHAN_SEND, NULL), -EINVAL);
	first = open_ok(CHAN_SEND | CHAN_CREATE | CHAN_EXCLUSIVE);
	ck_assert_int_eq(chan_open(&second, name, CHAN_SEND, NULL), -EBUSY);
	ck_assert_int_eq(chan_create(name, NULL), -EEXIST);
	chan_detach(first);
	ck_assert_int_eq(chan_remove(name), 0);
}

static void observe(void)
{
	struct chan_stat stat = { .size = sizeof(stat) };
	chan_t *ch = open_ok(CHAN_CREATE);

	ck_assert_int_eq(chan_stat(ch, &stat), 0);
	ck_assert_int_eq(chan_purge(ch), 0);
	chan_detach(ch);
	ck_assert_int_eq(chan_remove(name), 0);
}

/* With 0, 1, 2, ... descriptors left, until it works. */
static void too_few_descriptors(void)
{
	struct rlimit old, few;
	int r = -EMFILE, probe;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	for (unsigned left = 0; r < 0; left++) {
		chan_t *ch;

		ck_assert_uint_lt(left, 10);
		probe = dup(0);
		ck_assert_int_ge(probe, 0);
		close(probe);
		few.rlim_cur = (rlim_t)probe + left;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, NULL);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
		if (r == 0)
			chan_detach(ch);
		else
			ck_assert_int_eq(r, -EMFILE);
		chan_remove(name);
	}
}

static void check_rounds(void (*round)(void))
{
	char prefix[64];
	int fds, maps, names;

	round(); /* what is made once stays */
	snprintf(prefix, sizeof(prefix), "shmchan.%u.leak-%d", getuid(), getpid());
	fds = entries("/proc/self/fd", "");
	maps = mappings();
	names = entries("/dev/shm", prefix);
	for (int i = 0; i < ROUNDS; i++)
		round();
	ck_assert_int_eq(entries("/proc/self/fd", ""), fds);
	ck_assert_int_eq(mappings(), maps);
	ck_assert_int_eq(maps, 0);
	ck_assert_int_eq(entries("/dev/shm", prefix), names);
	ck_assert_int_eq(names, 0);
}

START_TEST(using_a_channel_leaves_nothing)
{
	check_rounds(use_and_detach);
}
END_TEST

START_TEST(failing_to_open_leaves_nothing)
{
	check_rounds(fail_to_open);
}
END_TEST

START_TEST(observing_leaves_nothing)
{
	check_rounds(observe);
}
END_TEST

START_TEST(running_out_of_descriptors_leaves_nothing)
{
	check_rounds(too_few_descriptors);
}
END_TEST

static void setup(void)
{
	snprintf(name, sizeof(name), "leak-%d", getpid());
	snprintf(missing, sizeof(missing), "leak-%d-missing", getpid());
}

int main(void)
{
	Suite *s = suite_create("leak");
	TCase *tc = tcase_create("leak");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, using_a_channel_leaves_nothing);
	tcase_add_test(tc, failing_to_open_leaves_nothing);
	tcase_add_test(tc, observing_leaves_nothing);
	tcase_add_test(tc, running_out_of_descriptors_leaves_nothing);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
