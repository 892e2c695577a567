/* SPDX-License-Identifier: MIT */
/*
 * The name of a CHAN_REF channel, when the process that leaves last has become another
 * user since it opened: it is the name that was opened that goes.
 */
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OTHER = 65534 };

/* For children, whose exit status says the line at which they failed. */
#define EXPECT(what)                                                                               \
	do                                                                                         \
		if (!(what))                                                                       \
			return 1 + __LINE__ % 200;                                                 \
	while (0)

static bool name_of(uid_t uid)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)uid, name);
	return lstat(path, &st) == 0;
}

static int open_ref(chan_t **ret)
{
	return chan_open(ret, name, CHAN_SEND | CHAN_CREATE, OPTIONS(.lifetime = CHAN_REF));
}

static int becomes_root(void *arg)
{
	chan_t *ch;

	(void)arg;
	EXPECT(seteuid(OTHER) == 0 && open_ref(&ch) == 0 && name_of(OTHER));
	EXPECT(seteuid(0) == 0);
	chan_detach(ch);
	EXPECT(!name_of(OTHER));
	return 0;
}

START_TEST(should_remove_the_name_that_was_opened)
{
	ck_assert_int_eq(wait_child(in_child(becomes_root, NULL)), 0);
}
END_TEST

static int has_two_of_one_name(void *arg)
{
	chan_t *ch, *roots;

	(void)arg;
	EXPECT(open_ref(&roots) == 0);
	EXPECT(seteuid(OTHER) == 0 && open_ref(&ch) == 0);
	EXPECT(seteuid(0) == 0);
	chan_detach(ch);
	EXPECT(!name_of(OTHER) && name_of(0)); /* not the one that its user has now */
	chan_detach(roots);
	EXPECT(!name_of(0));
	return 0;
}

START_TEST(should_leave_the_present_users_channel_of_that_name)
{
	ck_assert_int_eq(wait_child(in_child(has_two_of_one_name, NULL)), 0);
}
END_TEST

static int gives_up_its_rights(void *arg)
{
	chan_t *ch;

	(void)arg;
	EXPECT(open_ref(&ch) == 0);
	EXPECT(setgid(OTHER) == 0 && setuid(OTHER) == 0);
	chan_detach(ch);
	return 0;
}

START_TEST(should_leave_a_name_that_it_may_not_remove_to_the_owner)
{
	chan_t *ch;

	ck_assert_int_eq(wait_child(in_child(gives_up_its_rights, NULL)), 0);
	ck_assert(name_of(0));
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -ENOENT);
	ck_assert(!name_of(0));
	ck_assert_int_eq(wait_child(in_child(gives_up_its_rights, NULL)), 0);
	ck_assert_int_eq(chan_collect(name), 1);
	ck_assert(!name_of(0));
}
END_TEST

void add_tests(void)
{
	if (place_has(NEED_ROOT))
		GROUP("ref", channel_setup, channel_teardown,
			should_remove_the_name_that_was_opened,
			should_leave_the_present_users_channel_of_that_name,
			should_leave_a_name_that_it_may_not_remove_to_the_owner);
}
