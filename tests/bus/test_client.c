/* SPDX-License-Identifier: MIT */
/* What the library asks of chand, word for word, and what its callers get for each
 * answer. */
#include "fake.h"

#include "base/errors.h"
#include "bus/client.h"
#include "bus/reply.h"
#include "support/clock.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK MESSAGE_PROTOCOL " " PACKET_OK "\n"
#define OTHER 12345 /* another user */

static void setup(void)
{
	ck_assert_int_eq(descriptors_prepare(fake_teardown), 0); /* nobody forks */
	fake_setup();
	error_forget();
}

/* The detail of `err` has `text` in it. */
static void expect_detail(int err, const char *text)
{
	ck_assert_msg(strstr(chan_error_detail(err), text) != NULL, "the detail is: %s",
		chan_error_detail(err));
}

/* ---- requests ---- */

START_TEST(should_open_with_the_descriptor_that_comes)
{
	struct fake fake = {.packet[0] = {OK, 0, 1}};
	struct descriptor d = {.fd = -1};
	int before = count_descriptors();

	fake_start(&fake);
	ck_assert_int_eq(client_open(&d, OTHER, "orders", CHAN_SEND | CHAN_EXCLUSIVE), 0);
	fake_end();
	ck_assert_str_eq(fake_request(),
		MESSAGE_PROTOCOL " " VERB_OPEN "\nbus=12345\nname=orders\nroles=send\n");
	ck_assert(fake_passed(d.fd));
	ck_assert_int_eq(count_descriptors(), before + 1);
	descriptor_close(&d);
}
END_TEST

START_TEST(should_not_open_without_a_descriptor)
{
	struct fake fake = {.packet[0].text = OK};
	struct descriptor d = {.fd = -1};

	fake_start(&fake);
	ck_assert_int_eq(client_open(&d, OTHER, "orders", 0), -ECONNREFUSED);
	fake_end();
	ck_assert_ptr_nonnull(strstr(fake_request(), "\nroles=observe\n"));
	expect_detail(-ECONNREFUSED, "sent no descriptor");
	ck_assert_int_eq(d.fd, -1);
}
END_TEST

/* As when chand is killed with the request, and started again. */
START_TEST(should_open_all_the_same_when_chand_hangs_up_first)
{
	struct fake fake = {.packet[0] = {OK, 0, 1}, .hang_ups = 3};
	struct descriptor d = {.fd = -1};

	fake_start(&fake);
	ck_assert_int_eq(client_open(&d, OTHER, "orders", CHAN_SEND), 0);
	fake_end();
	ck_assert(fake_passed(d.fd));
	descriptor_close(&d);
}
END_TEST

START_TEST(should_give_up_a_chand_that_always_hangs_up)
{
	struct fake fake = {.hang_ups = INT_MAX};
	struct descriptor d = {.fd = -1};
	int before = count_descriptors();
	int64_t start = now();

	fake_start(&fake);
	ck_assert_int_eq(client_open(&d, OTHER, "orders", CHAN_SEND), -ECONNREFUSED);
	fake_stop();
	ck_assert_int_ge(now() - start, SECOND / 2);
	expect_detail(-ECONNREFUSED, "hung up");
	ck_assert_int_eq(d.fd, -1);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(should_close_the_descriptor_of_a_refusal)
{
	struct fake fake = {
		.packet[0] = {MESSAGE_PROTOCOL " " PACKET_ERROR " 13\nreason=not yours\n", 0, 1}};
	struct descriptor d = {.fd = -1};
	int before = count_descriptors();

	fake_start(&fake);
	ck_assert_int_eq(client_open(&d, OTHER, "orders", CHAN_RECV), -EACCES);
	fake_end();
	ck_assert_str_eq(chan_error_detail(-EACCES), "not yours");
	ck_assert_int_eq(d.fd, -1);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(should_ask_for_each_option_of_a_channel)
{
	struct fake fake = {.packet[0].text = OK};

	fake_start(&fake);
	ck_assert_int_eq(client_create(OTHER, "orders",
				 &(struct chan_options){.kind = CHAN_KIND_QUEUE,
					 .capacity = 65536,
					 .max_message = 1000,
					 .overflow = CHAN_DROP_OLDEST,
					 .mode = 0660,
					 .endpoints = 7,
					 .lifetime = CHAN_REF,
					 .linger = 5,
					 .flags = CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS}),
		0);
	fake_end();
	ck_assert_str_eq(fake_request(),
		MESSAGE_PROTOCOL " " VERB_CREATE "\nbus=12345\nname=orders\nkind=queue\n"
				 "capacity=65536\nmax-message=1000\noverflow=drop-old\nmode=0660\n"
				 "endpoints=7\nlifetime=ref\nlinger=5ns\nend-with-senders=yes\n"
				 "need-receivers=yes\n");
}
END_TEST

START_TEST(should_not_ask_for_what_is_not_set)
{
	struct fake fake = {.packet[0].text = OK};

	fake_start(&fake);
	ck_assert_int_eq(
		client_create(OTHER, "x",
			&(struct chan_options){.kind = CHAN_KIND_RENDEZVOUS, .capacity = 4096}),
		0);
	fake_end();
	ck_assert_str_eq(fake_request(),
		MESSAGE_PROTOCOL " " VERB_CREATE "\nbus=12345\nname=x\nkind=rendezvous\n"
				 "overflow=block\nlifetime=persist\n");
}
END_TEST

/* A request that were cut off would ask for something else. */
START_TEST(should_have_room_for_the_longest_request)
{
	struct fake fake = {.packet[0].text = OK};
	char name[CHAN_NAME_MAX + 1];
	const char *last = "\nneed-receivers=yes\n";

	memset(name, 'x', CHAN_NAME_MAX);
	name[CHAN_NAME_MAX] = 0;
	fake_start(&fake);
	ck_assert_int_eq(client_create(UINT32_MAX - 1, name,
				 &(struct chan_options){.kind = CHAN_KIND_QUEUE,
					 .capacity = 1,
					 .max_message = UINT32_MAX,
					 .overflow = CHAN_DROP_NEWEST,
					 .mode = 0666,
					 .endpoints = UINT32_MAX,
					 .lifetime = CHAN_PERSIST,
					 .linger = UINT64_MAX,
					 .flags = CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS}),
		0);
	fake_end();
	ck_assert_ptr_nonnull(strstr(fake_request(), last));
	ck_assert_str_eq(strstr(fake_request(), last), last);
}
END_TEST

START_TEST(should_remove_the_channel_or_only_its_name)
{
	struct fake fake = {.packet[0].text = OK};

	fake_start(&fake);
	ck_assert_int_eq(client_remove(OTHER, "orders", false), 0);
	fake_end();
	ck_assert_str_eq(
		fake_request(), MESSAGE_PROTOCOL " " VERB_REMOVE "\nbus=12345\nname=orders\n");
	fake_start(&fake);
	ck_assert_int_eq(client_remove(OTHER, "orders", true), 0);
	fake_end();
	ck_assert_str_eq(fake_request(),
		MESSAGE_PROTOCOL " " VERB_REMOVE "\nbus=12345\nname=orders\nname-only=yes\n");
}
END_TEST

/* ---- answers ---- */

static const struct {
	const char *text;
	int err;
	const char *detail;
} answers[] = {
	{MESSAGE_PROTOCOL " " PACKET_ERROR " 2\nreason=no such channel\n", -ENOENT,
		"no such channel"},
	{MESSAGE_PROTOCOL " " PACKET_ERROR " 115\nreason=still making it\n", -EINPROGRESS,
		"still making it"},
	/* None that the library has. */
	{MESSAGE_PROTOCOL " " PACKET_ERROR " 4000\nreason=odd\n", -EIO, "chand: error 4000: odd"},
	{MESSAGE_PROTOCOL " " PACKET_ERROR " 11\nreason=busy\n", -EIO, "chand: error 11: busy"},
	/* No answers to this request. */
	{MESSAGE_PROTOCOL " " PACKET_EVENT "\n", -ECONNREFUSED, "restart it"},
	{MESSAGE_PROTOCOL " \n", -ECONNREFUSED, "restart it"},
	{MESSAGE_PROTOCOL " " PACKET_OK "AY\n", -ECONNREFUSED, "restart it"},
	{"chand/9 " PACKET_OK "\n", -ECONNREFUSED, "another version"},
	{"junk", -ECONNREFUSED, "is not chand"},
	{"", -ECONNREFUSED, "hung up"},
};
#define ANSWERS (sizeof(answers) / sizeof(*answers))

START_TEST(should_return_what_chand_answers)
{
	struct fake fake = {.packet[0].text = answers[_i].text};
	int before = count_descriptors();

	fake_start(&fake);
	ck_assert_int_eq(client_remove(OTHER, "orders", false), answers[_i].err);
	fake_end();
	expect_detail(answers[_i].err, answers[_i].detail);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(should_give_up_a_chand_that_does_not_answer)
{
	struct fake fake = {.silent = true};
	int64_t start = now();

	fake_start(&fake);
	ck_assert_int_eq(client_remove(OTHER, "orders", false), -ECONNREFUSED);
	fake_end();
	ck_assert_int_ge(now() - start, SECOND);
	ck_assert_int_lt(now() - start, SOON);
	expect_detail(-ECONNREFUSED, "does not answer within 1 s");
}
END_TEST

/* To clear the memory takes chand longer than anything else. */
START_TEST(should_wait_longer_for_a_large_channel)
{
	struct fake fake = {.packet[0].text = OK, .after = SECOND + SECOND / 5};

	fake_start(&fake);
	ck_assert_int_eq(client_create(OTHER, "orders",
				 &(struct chan_options){.capacity = UINT64_C(64) << 30}),
		0);
	fake_end();
}
END_TEST

START_TEST(should_say_that_there_is_no_chand)
{
	ck_assert_int_eq(client_remove(OTHER, "orders", false), -ECONNREFUSED);
	expect_detail(-ECONNREFUSED, "chand is not running");
	expect_detail(-ECONNREFUSED, "; start it");
}
END_TEST

/* ---- whose channels chand keeps ---- */

START_TEST(should_know_whose_channels_it_keeps)
{
	ck_assert(client_keeps(geteuid()));
	ck_assert(!client_keeps(OTHER));
	ck_assert_int_eq(setenv(CONTROL_VARIABLE, "/nowhere/control", 1), 0);
	ck_assert(client_keeps(OTHER)); /* whoever gave that path expects a chand */
}
END_TEST

static const struct {
	int reply, err;
	bool kept; /* the channel is of the owner whose channels chand keeps */
	int wanted;
} replies[] = {
	{0, -EPERM, true, 0},
	{-EEXIST, -EPERM, true, -EEXIST},
	{-EACCES, -ENOENT, true, -EACCES},
	{-ENOENT, -ENOENT, true, -ENOENT},
	/* There is one, and this process may not open it. */
	{-ENOENT, -EACCES, true, -EACCES},
	/* chand can't be asked. */
	{-ECONNREFUSED, -EPERM, true, -ECONNREFUSED},
	{-ECONNREFUSED, -EACCES, true, -ECONNREFUSED},
	{-ECONNREFUSED, -ENOENT, true, -ENOENT},
	{-ECONNREFUSED, -EPERM, false, -EPERM},
	{-ECONNREFUSED, -EACCES, false, -EACCES},
};
#define REPLIES (sizeof(replies) / sizeof(*replies))

START_TEST(should_prefer_the_error_that_says_more)
{
	uid_t owner = replies[_i].kept ? geteuid() : OTHER;

	error_because(replies[_i].reply, "what chand said");
	ck_assert_int_eq(
		prefer_reply(replies[_i].reply, replies[_i].err, owner), replies[_i].wanted);
	if (replies[_i].wanted)
		ck_assert_str_eq(chan_error_detail(replies[_i].wanted), "what chand said");
}
END_TEST

void add_tests(void)
{
	GROUP("requests", setup, fake_teardown, should_open_with_the_descriptor_that_comes,
		should_open_all_the_same_when_chand_hangs_up_first,
		should_give_up_a_chand_that_always_hangs_up, should_not_open_without_a_descriptor,
		should_close_the_descriptor_of_a_refusal, should_ask_for_each_option_of_a_channel,
		should_not_ask_for_what_is_not_set, should_have_room_for_the_longest_request,
		should_remove_the_channel_or_only_its_name);
	GROUP_FOR(0, ANSWERS, "answers", setup, fake_teardown, should_return_what_chand_answers);
	GROUP("patience", setup, fake_teardown, should_give_up_a_chand_that_does_not_answer,
		should_wait_longer_for_a_large_channel, should_say_that_there_is_no_chand);
	GROUP("whose", setup, fake_teardown, should_know_whose_channels_it_keeps);
	GROUP_FOR(0, REPLIES, "replies", setup, fake_teardown,
		should_prefer_the_error_that_says_more);
}
