/* SPDX-License-Identifier: MIT */
/* chan_peek(): with CHAN_LEASED_TOO it shows and marks what others hold under a lease; and
 * which endpoints may look, purge and recover. */
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static chan_t *ch, *observer;

static void setup(void)
{
	channel_setup();
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_RECV | CHAN_CREATE, NULL), 0);
	ck_assert_int_eq(chan_open(&observer, name, 0, NULL), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(chan_send(ch, &"abcd"[i], 1, 0), 0);
}

static void teardown(void)
{
	chan_detach(observer);
	chan_detach(ch);
	channel_teardown();
}

static void shows(struct chan_cursor *at, char wanted, uint32_t attempt, uint32_t flags)
{
	char byte;

	ck_assert_int_eq(chan_peek(observer, &byte, 1, at), 1);
	ck_assert_int_eq(byte, wanted);
	ck_assert_uint_eq(at->attempt, attempt);
	ck_assert_uint_eq(at->flags, flags);
}

static void ends(struct chan_cursor *at)
{
	char byte;

	ck_assert_int_eq(chan_peek(observer, &byte, 1, at), -EAGAIN);
}

START_TEST(should_show_leased_messages_only_if_asked)
{
	struct chan_cursor at = {0}, all = {.flags = CHAN_LEASED_TOO};
	struct chan_lease lease[2];

	ck_assert_int_eq(chan_take(ch, lease, 2, 0), 2);
	shows(&at, 'c', 0, 0);
	shows(&at, 'd', 0, 0);
	ends(&at);
	shows(&all, 'a', 1, CHAN_LEASED_TOO | CHAN_IS_LEASED);
	shows(&all, 'b', 1, CHAN_LEASED_TOO | CHAN_IS_LEASED);
	shows(&all, 'c', 0, CHAN_LEASED_TOO);
	shows(&all, 'd', 0, CHAN_LEASED_TOO);
	ends(&all);
}
END_TEST

START_TEST(should_never_show_acknowledged_messages)
{
	struct chan_cursor all = {.flags = CHAN_LEASED_TOO};
	struct chan_lease lease[3];

	ck_assert_int_eq(chan_take(ch, lease, 3, 0), 3);
	ck_assert_int_eq(chan_ack(ch, &lease[1], 1), 1); /* behind one that is held */
	ck_assert_int_eq(chan_release(ch, &lease[2], 1), 1);
	shows(&all, 'a', 1, CHAN_LEASED_TOO | CHAN_IS_LEASED);
	shows(&all, 'c', 1, CHAN_LEASED_TOO);
	shows(&all, 'd', 0, CHAN_LEASED_TOO);
	ends(&all);
	ck_assert_int_eq(chan_ack(ch, &lease[0], 1), 1);
	all = (struct chan_cursor){.flags = CHAN_LEASED_TOO};
	shows(&all, 'c', 1, CHAN_LEASED_TOO);
}
END_TEST

static void *mend_elsewhere(void *arg)
{
	struct chan_cursor at = {0};
	char byte;

	ck_assert_int_eq(chan_peek(arg, &byte, 1, &at), -EPERM);
	ck_assert_int_eq(chan_purge(arg), -EPERM);
	ck_assert_int_eq(chan_recover(arg), -EPERM);
	return NULL;
}

START_TEST(should_refuse_another_thread_than_an_exclusive_endpoint_has)
{
	struct chan_cursor at = {0};
	pthread_t thread;
	char byte;

	chan_detach(ch);
	ch = open_as(CHAN_RECV | CHAN_EXCLUSIVE, NULL);
	ck_assert_int_eq(chan_peek(observer, &byte, 1, &at), -EBUSY);
	ck_assert_int_eq(pthread_create(&thread, NULL, mend_elsewhere, ch), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(chan_peek(ch, &byte, 1, &at), 1);
	ck_assert_int_eq(chan_purge(ch), 4);
	ck_assert_int_eq(chan_recover(ch), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("peek", setup, teardown, should_show_leased_messages_only_if_asked,
		should_never_show_acknowledged_messages,
		should_refuse_another_thread_than_an_exclusive_endpoint_has);
}
