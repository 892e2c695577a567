/* SPDX-License-Identifier: MIT */
/* Watching a channel from outside: what rings for an observer, and what does not. */
#include "channel/channel.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static chan_t *rx, *tx, *watcher;
static struct descriptor bell = {.fd = -1};
static int watch;

static void open_three(unsigned flags)
{
	channel_setup();
	rx = open_as(CHAN_RECV | CHAN_CREATE | flags, OPTIONS(.capacity = 4096));
	tx = open_as(CHAN_SEND | flags, NULL);
	watcher = open_as(0, NULL);
	ck_assert_int_eq(bell_open(&bell), 0);
	watch = bell_watch(&bell, &watcher->segment);
	ck_assert_int_gt(watch, 0);
}

static void setup(void)
{
	open_three(0);
}

static void setup_exclusive(void)
{
	open_three(CHAN_EXCLUSIVE);
}

static void teardown(void)
{
	descriptor_close(&bell);
	chan_detach(watcher);
	chan_detach(tx);
	chan_detach(rx);
	channel_teardown();
}

static void hear(int which, struct bell_heard what, void *times)
{
	(void)what;
	ck_assert_int_eq(which, watch);
	++*(int *)times;
}

/* Take out what was heard: whether anything was. */
static bool rang(void)
{
	struct pollfd p = {.fd = bell.fd, .events = POLLIN};
	bool readable = poll(&p, 1, 0) == 1;
	int times = 0;

	bell_hear(&bell, hear, &times);
	ck_assert_int_eq(readable, times > 0);
	return times > 0;
}

static void arm(unsigned what)
{
	ck_assert_int_eq(channel_watch(watcher, what), 0);
	ck_assert(!rang());
}

START_TEST(should_ring_once_for_a_message)
{
	send_text(tx, "not armed");
	ck_assert(!rang());
	arm(WATCH_MORE);
	send_text(tx, "m");
	ck_assert(rang());
	send_text(tx, "not armed again");
	ck_assert(!rang());
}
END_TEST

START_TEST(should_ring_once_for_room)
{
	send_text(tx, "1");
	send_text(tx, "2");
	arm(WATCH_LESS);
	expect_text(rx, "1");
	ck_assert(rang());
	expect_text(rx, "2");
	ck_assert(!rang());
}
END_TEST

START_TEST(should_ring_for_nothing_else)
{
	arm(WATCH_LESS);
	send_text(tx, "m");
	ck_assert(!rang());
	expect_text(rx, "m");
	ck_assert(rang());
	send_text(tx, "m");
	arm(WATCH_MORE);
	expect_text(rx, "m");
	ck_assert(!rang());
}
END_TEST

START_TEST(should_ring_for_a_message_that_comes_back)
{
	struct chan_lease lease;

	send_text(tx, "m");
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	arm(WATCH_MORE);
	ck_assert_int_eq(chan_release(rx, &lease, 1), 1);
	ck_assert(rang());
}
END_TEST

START_TEST(should_ring_for_an_acknowledgement_and_a_purge)
{
	struct chan_lease lease;

	send_text(tx, "m");
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	arm(WATCH_LESS);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	ck_assert(rang());
	send_text(tx, "m");
	arm(WATCH_LESS);
	ck_assert_int_eq(chan_purge(watcher), 1);
	ck_assert(rang());
}
END_TEST

START_TEST(should_ring_for_the_end_whatever_was_asked_for)
{
	arm(_i ? WATCH_LESS : WATCH_MORE);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	ck_assert(rang());
}
END_TEST

START_TEST(should_hear_that_an_endpoint_leaves_and_that_the_name_is_gone)
{
	chan_t *other = open_as(CHAN_SEND, NULL);

	rang(); /* to open a channel is to read its header */
	chan_detach(other);
	ck_assert(rang());
	ck_assert_int_eq(unlink(segment_path), 0);
	ck_assert(rang());
}
END_TEST

START_TEST(should_hear_nothing_after_it_stops_listening)
{
	bell_ignore(&bell, watch);
	ck_assert(rang()); /* IN_IGNORED */
	ck_assert_int_eq(channel_watch(watcher, WATCH_MORE), 0);
	send_text(tx, "m");
	ck_assert(!rang());
}
END_TEST

START_TEST(should_refuse_an_observer_that_may_not_write)
{
	watcher->segment.writable = false;
	watcher->segment.unwritable = -EACCES;
	ck_assert_int_eq(channel_watch(watcher, WATCH_MORE), -EACCES);
	watcher->segment.writable = true;
	send_text(tx, "m");
	ck_assert(!rang());
}
END_TEST

void add_tests(void)
{
	GROUP("watching", setup, teardown, should_ring_once_for_a_message,
		should_ring_once_for_room, should_ring_for_nothing_else,
		should_ring_for_a_message_that_comes_back,
		should_ring_for_an_acknowledgement_and_a_purge,
		should_hear_that_an_endpoint_leaves_and_that_the_name_is_gone,
		should_hear_nothing_after_it_stops_listening,
		should_refuse_an_observer_that_may_not_write);
	GROUP_FOR(0, 2, "watching the end", setup, teardown,
		should_ring_for_the_end_whatever_was_asked_for);
	GROUP("watching exclusive ends", setup_exclusive, teardown, should_ring_once_for_a_message,
		should_ring_once_for_room);
}
