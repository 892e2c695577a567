/* SPDX-License-Identifier: MIT */
/*
 * A name that is removed, and given to another channel, under those who have the
 * first one open: they end, or go on with it if only the name was removed, and neither
 * see nor touch the second.
 */
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buf[64];

static void expect_empty(chan_t *ch)
{
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
}

static bool name_is_there(void)
{
	struct stat st;

	return stat(segment_path, &st) == 0;
}

START_TEST(should_keep_two_channels_of_one_name_apart)
{
	chan_t *old_sender = open_as(CHAN_SEND | CHAN_CREATE, NULL);
	chan_t *old_receiver = open_as(CHAN_RECV, NULL);
	chan_t *sender, *receiver;

	send_text(old_sender, "old");
	ck_assert_int_eq(chan_unlink(name), 0);
	ck_assert_uint_eq(stat_of(old_sender).removed, 2);
	ck_assert_int_eq(chan_open(&sender, name, CHAN_SEND, NULL), -ENOENT);
	sender = open_as(CHAN_SEND | CHAN_CREATE, NULL);
	receiver = open_as(CHAN_RECV, NULL);
	ck_assert_uint_eq(stat_of(sender).removed, 0);
	expect_empty(receiver);
	send_text(sender, "new");
	send_text(old_sender, "old again");
	expect_text(receiver, "new");
	expect_empty(receiver);
	expect_text(old_receiver, "old");
	expect_text(old_receiver, "old again");
	expect_empty(old_receiver);
	ck_assert_int_eq(chan_close(old_sender, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_send(old_sender, "x", 1, 0), -EPIPE);
	send_text(sender, "still open");
	expect_text(receiver, "still open");
	ck_assert_uint_eq(stat_of(sender).senders, 1);
	chan_detach(old_sender);
	chan_detach(old_receiver);
	ck_assert_uint_eq(stat_of(sender).senders, 1);
	send_text(sender, "and still");
	chan_detach(sender);
	expect_text(receiver, "and still");
	chan_detach(receiver);
	ck_assert(name_is_there());
}
END_TEST

static const struct chan_options until_unused = {
	.size = sizeof(until_unused), .lifetime = CHAN_REF};

START_TEST(should_remove_its_own_channel_only_when_the_last_leaves)
{
	chan_t *old = open_as(CHAN_SEND | CHAN_CREATE, &until_unused);

	ck_assert_int_eq(chan_remove(name), 0);
	ck_assert_int_eq(chan_create(name, &until_unused), 0);
	chan_detach(old);
	ck_assert(name_is_there());
	ck_assert_int_eq(chan_collect(name), 0); /* nobody was ever there */
	ck_assert(name_is_there());
	chan_detach(open_as(CHAN_RECV, NULL));
	ck_assert(!name_is_there());
}
END_TEST

START_TEST(should_end_when_the_name_is_removed_by_hand)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV | CHAN_CREATE, NULL);

	send_text(ch, "before");
	ck_assert_int_eq(unlink(segment_path), 0); /* rm /dev/shm/shmchan.* */
	expect_text(ch, "before");
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), CHAN_WAIT), -EIDRM);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), -EIDRM);
	ck_assert_uint_eq(stat_of(ch).removed, 1);
	ck_assert_int_eq(chan_remove(name), -ENOENT);
	chan_detach(ch);
}
END_TEST

START_TEST(should_refuse_something_else_that_has_the_name)
{
	chan_t *ch;
	FILE *f;

	ck_assert_int_eq(mkdir(segment_path, 0700), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND, NULL), -EPERM);
	ck_assert_int_eq(chan_create(name, NULL), -EEXIST);
	ck_assert_int_eq(rmdir(segment_path), 0);
	ck_assert_int_eq(symlink("/dev/null", segment_path), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND, NULL), -EPERM);
	ck_assert_int_eq(chan_create(name, NULL), -EEXIST);
	ck_assert_int_eq(unlink(segment_path), 0);
	ck_assert_int_eq(mkfifo(segment_path, 0600), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND, NULL), -EPERM);
	ck_assert_int_eq(unlink(segment_path), 0);
	f = fopen(segment_path, "we");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND, NULL), -EBADMSG); /* empty */
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, NULL), -EBADMSG);
	ck_assert_int_eq(chan_remove(name), 0);
	chan_detach(open_as(CHAN_SEND | CHAN_CREATE, NULL));
}
END_TEST

void add_tests(void)
{
	GROUP("replaced", channel_setup, channel_teardown,
		should_keep_two_channels_of_one_name_apart,
		should_remove_its_own_channel_only_when_the_last_leaves,
		should_end_when_the_name_is_removed_by_hand,
		should_refuse_something_else_that_has_the_name);
}
