/* SPDX-License-Identifier: MIT */
/*
 * Which endpoints are attached: slots and sides in the kernel's lock table, by several open
 * file descriptions of one segment, in this process and in others that are killed.
 */
#include "segment/endpoint.h"

#include "segment/segment.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SLOTS = 4 };
#define BOTH (CHAN_SEND | CHAN_RECV)

/* An open file description each; [SLOTS] looks on. */
static struct segment e[SLOTS + 2];

static int open_segment(struct segment *s)
{
	*s = (struct segment){.own.fd = -1};
	ck_assert_int_eq(segment_resolve(name, &s->path), 0);
	return segment_open(s, true);
}

static void setup(void)
{
	channel_setup();
	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 4096, .endpoints = SLOTS)), 0);
	for (int i = 0; i < SLOTS + 2; i++)
		ck_assert_int_eq(open_segment(&e[i]), 0);
}

static void teardown(void)
{
	for (int i = 0; i < SLOTS + 2; i++)
		segment_close(&e[i]);
	channel_teardown();
}

static int attach(int i, unsigned roles)
{
	return endpoint_attach(&e[i].own, e[i].layout, SLOTS, roles);
}

static void detach(int i, int slot)
{
	endpoint_detach(&e[i].own, e[i].layout, (uint32_t)slot);
}

static bool any_other(int i, unsigned role)
{
	bool any;

	ck_assert_int_eq(endpoint_any(&e[i].own, role, &any), 0);
	return any;
}

static bool other_receives(int i, uint32_t slot)
{
	bool receives;

	ck_assert_int_eq(endpoint_receives(&e[i].own, slot, &receives), 0);
	return receives;
}

static int list(struct chan_endpoint *ret, unsigned n)
{
	return endpoint_list(&e[SLOTS].own, e[SLOTS].layout, SLOTS, -1, ret, n);
}

START_TEST(should_give_each_a_slot_until_there_is_none)
{
	for (int i = 0; i < SLOTS; i++)
		ck_assert_int_eq(attach(i, BOTH), i);
	ck_assert_int_eq(attach(SLOTS + 1, CHAN_SEND), -EUSERS);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), SLOTS);
	detach(2, 2);
	ck_assert_int_eq(attach(SLOTS + 1, CHAN_SEND), 2);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), SLOTS);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_RECV), SLOTS - 1);
}
END_TEST

START_TEST(should_tell_the_sides_apart)
{
	ck_assert(!any_other(SLOTS, CHAN_SEND));
	ck_assert(!any_other(SLOTS, CHAN_RECV));
	ck_assert_int_eq(attach(0, CHAN_SEND), 0);
	ck_assert(any_other(SLOTS, CHAN_SEND));
	ck_assert(!any_other(SLOTS, CHAN_RECV));
	ck_assert(!other_receives(SLOTS, 0));
	ck_assert_int_eq(attach(1, CHAN_RECV), 1);
	ck_assert(other_receives(SLOTS, 1));
	ck_assert(!other_receives(SLOTS, 0));
	/* Of others: not of one's own. */
	ck_assert(!any_other(0, CHAN_SEND));
	ck_assert(!other_receives(1, 1));
	ck_assert_uint_eq(endpoint_count(&e[1].own, CHAN_RECV), 0);
	detach(0, 0);
	ck_assert(!any_other(SLOTS, CHAN_SEND));
	ck_assert(any_other(SLOTS, CHAN_RECV));
}
END_TEST

START_TEST(should_count_over_gaps)
{
	for (int i = 0; i < SLOTS; i++)
		ck_assert_int_eq(attach(i, i % 2 ? CHAN_RECV : CHAN_SEND), i);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), 2);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_RECV), 2);
	detach(0, 0);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), 1);
	detach(2, 2);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), 0);
}
END_TEST

/* Both ways, each side by itself, and with nothing left of the one that was refused. */
START_TEST(should_be_alone_on_a_side_when_exclusive)
{
	ck_assert_int_eq(attach(0, CHAN_SEND | CHAN_EXCLUSIVE), 0);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), 1);
	ck_assert_int_eq(attach(1, CHAN_SEND), -EBUSY);
	ck_assert_int_eq(attach(1, BOTH), -EBUSY);
	ck_assert_int_eq(attach(1, CHAN_SEND | CHAN_EXCLUSIVE), -EBUSY);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_RECV), 0);
	/* The other side is free, and the one that was refused keeps no slot. */
	ck_assert_int_eq(attach(2, CHAN_RECV), 1);
	detach(2, 1);
	ck_assert_int_eq(attach(1, CHAN_RECV), 1);
	ck_assert_int_eq(attach(2, CHAN_RECV | CHAN_EXCLUSIVE), -EBUSY);
	ck_assert_int_eq(attach(2, CHAN_RECV), 2);
	detach(0, 0);
	ck_assert_int_eq(attach(0, CHAN_SEND), 0);
	ck_assert_int_eq(attach(3, CHAN_SEND | CHAN_EXCLUSIVE), -EBUSY);
	detach(0, 0);
	ck_assert_int_eq(attach(3, CHAN_SEND | CHAN_EXCLUSIVE), 0);
	detach(3, 0);
	/* Nor a side that it had before it was refused the other. */
	detach(1, 1);
	detach(2, 2);
	ck_assert_int_eq(attach(0, CHAN_RECV | CHAN_EXCLUSIVE), 0);
	ck_assert_int_eq(attach(1, BOTH), -EBUSY);
	ck_assert(!any_other(SLOTS, CHAN_SEND));
}
END_TEST

START_TEST(should_say_who_it_is)
{
	struct chan_endpoint found[SLOTS];

	ck_assert_int_eq(list(found, SLOTS), 0);
	prctl(PR_SET_NAME, "some\tname");
	ck_assert_int_eq(attach(0, CHAN_SEND), 0);
	ck_assert_int_eq(attach(1, CHAN_RECV | CHAN_EXCLUSIVE), 1);
	ck_assert_int_eq(list(found, SLOTS), 2);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(found[i].id, i);
		ck_assert_int_eq(found[i].pid, getpid());
		ck_assert_uint_eq(found[i].uid, geteuid());
		ck_assert_int_gt(found[i].attached, 0);
		ck_assert_int_eq(found[i].waiting, 0);
		ck_assert_str_eq(found[i].command, "some?name"); /* it may be printed */
	}
	ck_assert_uint_eq(found[0].roles, CHAN_SEND);
	ck_assert_uint_eq(found[1].roles, CHAN_RECV | CHAN_EXCLUSIVE);
	/* More than there is room for are counted all the same. */
	memset(found, 0x55, sizeof(found));
	ck_assert_int_eq(list(found, 1), 2);
	ck_assert_int_eq(found[1].pid, 0x55555555);
	/* Itself, if it says which it is. */
	ck_assert_int_eq(endpoint_list(&e[0].own, e[0].layout, SLOTS, -1, found, SLOTS), 1);
	ck_assert_int_eq(endpoint_list(&e[0].own, e[0].layout, SLOTS, 0, found, SLOTS), 2);
}
END_TEST

/* What the table says decides nothing: the locks do. */
START_TEST(should_not_believe_the_table)
{
	struct chan_endpoint found[SLOTS];

	e[SLOTS].layout->endpoint[1].pid = getpid();
	e[SLOTS].layout->endpoint[1].roles = CHAN_SEND;
	ck_assert_int_eq(list(found, SLOTS), 0);
	ck_assert(!any_other(SLOTS, CHAN_SEND));
	ck_assert_int_eq(attach(0, BOTH), 0);
	ck_assert_int_eq(attach(1, BOTH), 2); /* where nobody left traces is first */
	ck_assert_int_eq(attach(2, BOTH), 3);
	ck_assert_int_eq(attach(3, BOTH), 1); /* and then the slot of a dead one */
}
END_TEST

static int attach_and_hang(void *arg)
{
	struct segment own;

	if (open_segment(&own) < 0 ||
		endpoint_attach(&own.own, own.layout, SLOTS, *(unsigned *)arg) < 0)
		return 1;
	raise(SIGSTOP);
	return 0;
}

static bool nobody(void *arg)
{
	(void)arg;
	return !any_other(SLOTS, CHAN_SEND) && !any_other(SLOTS, CHAN_RECV);
}

START_TEST(should_be_alive_when_stopped_and_gone_when_killed)
{
	unsigned roles = _i ? BOTH | CHAN_EXCLUSIVE : BOTH;
	struct chan_endpoint found[SLOTS];
	pid_t pid = in_child(attach_and_hang, &roles);

	ck_assert(wait_stopped(pid));
	ck_assert_int_eq(list(found, SLOTS), 1);
	ck_assert_int_eq(found[0].pid, pid);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_SEND), 1);
	ck_assert_uint_eq(endpoint_count(&e[SLOTS].own, CHAN_RECV), 1);
	ck_assert(other_receives(SLOTS, 0));
	ck_assert_int_eq(attach(1, BOTH | CHAN_EXCLUSIVE), -EBUSY);
	kill_child(pid);
	await(nobody, NULL);
	ck_assert_int_eq(list(found, SLOTS), 0);
	ck_assert_int_eq(e[SLOTS].layout->endpoint[0].pid, pid); /* a trace stays */
	ck_assert_int_ge(attach(1, BOTH | CHAN_EXCLUSIVE), 0);
}
END_TEST

START_TEST(should_keep_everybody_out_while_the_gate_is_closed)
{
	ck_assert_int_eq(attach(0, CHAN_RECV), 0);
	ck_assert_int_eq(endpoint_close_gate(&e[SLOTS].own), -EBUSY);
	detach(0, 0);
	ck_assert_int_eq(endpoint_close_gate(&e[SLOTS].own), 0);
	ck_assert_int_eq(attach(0, CHAN_RECV), -EUSERS);
	ck_assert_int_eq(endpoint_close_gate(&e[0].own), -EBUSY);
	ck_assert(!any_other(0, CHAN_RECV)); /* the gate is no endpoint */
	endpoint_open_gate(&e[SLOTS].own);
	ck_assert_int_eq(attach(0, CHAN_RECV), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("endpoints", setup, teardown, should_give_each_a_slot_until_there_is_none,
		should_tell_the_sides_apart, should_count_over_gaps,
		should_be_alone_on_a_side_when_exclusive, should_say_who_it_is,
		should_not_believe_the_table, should_keep_everybody_out_while_the_gate_is_closed);
	GROUP_FOR(
		0, 2, "deaths", setup, teardown, should_be_alive_when_stopped_and_gone_when_killed);
}
