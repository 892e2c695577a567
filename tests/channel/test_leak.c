/* SPDX-License-Identifier: MIT */
/*
 * Nothing stays in a process: whatever it opened, and whatever it failed to
 * open, its descriptors, mappings and the names in /dev/shm are afterwards what
 * they were before.
 */
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ROUNDS = 50 };

static void use_and_detach(void)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV | CHAN_CREATE, NULL);
	struct chan_lease lease;
	char buf[8];
	void *place;

	ck_assert_int_eq(chan_send(ch, "a", 1, 0), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	ck_assert_int_eq(chan_send(ch, "b", 1, 0), 0);
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);    /* and not given back */
	ck_assert_int_eq(chan_reserve(ch, &place, 8, 0), 0); /* nor ended */
	chan_detach(ch);
	ck_assert_int_eq(chan_remove(name), 0);
}

static void fail_to_open(void)
{
	chan_t *first, *second;

	ck_assert_int_eq(chan_open(&first, channel_other("missing"), CHAN_SEND, NULL), -ENOENT);
	ck_assert_int_eq(chan_open(&first, "a/b/c", CHAN_SEND, NULL), -EINVAL);
	first = open_as(CHAN_SEND | CHAN_CREATE | CHAN_EXCLUSIVE, NULL);
	ck_assert_int_eq(chan_open(&second, name, CHAN_SEND, NULL), -EBUSY);
	ck_assert_int_eq(chan_create(name, NULL), -EEXIST);
	chan_detach(first);
	ck_assert_int_eq(chan_remove(name), 0);
}

static void observe(void)
{
	struct chan_stat stat = {.size = sizeof(stat)};
	chan_t *ch = open_as(CHAN_CREATE, NULL);

	ck_assert_int_eq(chan_stat(ch, &stat), 0);
	ck_assert_int_eq(chan_purge(ch), 0);
	chan_detach(ch);
	ck_assert_int_eq(chan_remove(name), 0);
}

/* What an endpoint opens on its way, in each lane: the channel for dead messages, and inboxes. */
static void send_elsewhere(void)
{
	struct chan_options opt = {
		.size = sizeof(opt), .lanes = 2, .lane_by = CHAN_BY_KEY, .flags = CHAN_META};
	const char *dead = channel_other("dead");
	struct chan_lease lease;
	struct chan_meta meta;
	uint64_t number;
	char buf[8];
	chan_t *ch;

	ck_assert_int_eq(chan_create(dead, &(struct chan_options){.size = sizeof(opt)}), 0);
	memcpy(opt.dead_letter, dead, strlen(dead) + 1);
	ch = open_as(CHAN_SEND | CHAN_RECV | CHAN_CREATE, &opt);
	for (char key = 'a'; key < 'i'; key++) {
		chan_meta_init(&meta);
		meta.flags = CHAN_META_HAS_KEY;
		meta.key_length = 1;
		meta.key[0] = key;
		meta.ttl = 1;
		ck_assert_int_eq(chan_send_meta(ch, "a", 1, &meta, 0), 0);
		meta.ttl = 0;
		meta.flags |= CHAN_META_ONCE;
		ck_assert_int_eq(chan_request(ch, "b", 1, &meta, 0, &number), 0);
		ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);
		ck_assert_int_eq(chan_release(ch, &lease, 1), 1); /* the client is told */
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	}
	ck_assert_uint_eq(stat_of(ch).expired, 8);
	chan_detach(ch);
	ck_assert_int_eq(chan_remove(name), 0);
	ck_assert_int_eq(chan_remove(dead), 0);
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
	const char *file = strrchr(segment_path, '/') + 1;
	int fds, maps, names;

	round(); /* what is made once stays */
	fds = count_descriptors();
	maps = count_mappings();
	names = count_names("/dev/shm", file);
	for (int i = 0; i < ROUNDS; i++)
		round();
	ck_assert_int_eq(count_descriptors(), fds);
	ck_assert_int_eq(count_mappings(), maps);
	ck_assert_int_eq(maps, 0);
	ck_assert_int_eq(count_names("/dev/shm", file), names);
	ck_assert_int_eq(names, 0);
}

START_TEST(should_leave_nothing_of_a_channel_that_was_used)
{
	check_rounds(use_and_detach);
}
END_TEST

START_TEST(should_leave_nothing_of_a_failure_to_open)
{
	check_rounds(fail_to_open);
}
END_TEST

START_TEST(should_leave_nothing_of_what_an_endpoint_opened)
{
	check_rounds(send_elsewhere);
}
END_TEST

START_TEST(should_leave_nothing_of_an_observer)
{
	check_rounds(observe);
}
END_TEST

START_TEST(should_leave_nothing_of_an_open_without_descriptors)
{
	check_rounds(too_few_descriptors);
}
END_TEST

void add_tests(void)
{
	GROUP("leaks", channel_setup, channel_teardown,
		should_leave_nothing_of_a_channel_that_was_used,
		should_leave_nothing_of_a_failure_to_open, should_leave_nothing_of_an_observer,
		should_leave_nothing_of_an_open_without_descriptors,
		should_leave_nothing_of_what_an_endpoint_opened);
}
