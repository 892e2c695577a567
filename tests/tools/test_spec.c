/* SPDX-License-Identifier: MIT */
/* A SPEC of a channel: what its keys set, and what a bad one is said to be. */
#include "common/spec.h"
#include "support/suite.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_read_specs)
{
	struct chan_options opt = CLI_OPTIONS_INIT;
	char why[256] = "";

	ck_assert_int_eq(cli_parse_spec(&opt,
				 "capacity=1M,max-message=64K,overflow=drop-old,mode=0660,"
				 "endpoints=7,lifetime=ref,linger=10s,kind=queue,"
				 "end-with-senders,need-receivers",
				 why, sizeof(why)),
		0);
	ck_assert_uint_eq(opt.size, sizeof(opt));
	ck_assert_uint_eq(opt.capacity, 1 << 20);
	ck_assert_uint_eq(opt.max_message, 65536);
	ck_assert_uint_eq(opt.overflow, CHAN_DROP_OLDEST);
	ck_assert_uint_eq(opt.mode, 0660);
	ck_assert_uint_eq(opt.endpoints, 7);
	ck_assert_uint_eq(opt.lifetime, CHAN_REF);
	ck_assert_uint_eq(opt.linger, UINT64_C(10000000000));
	ck_assert_uint_eq(opt.flags, CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS);

	opt = (struct chan_options)CLI_OPTIONS_INIT;
	ck_assert_int_eq(cli_parse_spec(&opt, "capacity=0", why, sizeof(why)), 0);
	ck_assert_uint_eq(opt.kind, CHAN_KIND_RENDEZVOUS);

	opt = (struct chan_options)CLI_OPTIONS_INIT;
	ck_assert_int_eq(cli_parse_spec(&opt, "kind=rendezvous", why, sizeof(why)), 0);
	ck_assert_uint_eq(opt.kind, CHAN_KIND_RENDEZVOUS);
}
END_TEST

START_TEST(should_refuse_bad_specs_and_say_where)
{
	/* and what the explanation must name */
	static const struct {
		const char *spec, *named;
	} bad[] = {
		{"", "KEY=VALUE"},
		{"capacity", "capacity needs a value"},
		{"capacity=", "capacity"},
		{"capacity=1X", "1X"},
		{"capacity=9223372036854775808", "9223372036854775808"},
		{"capacity=1M,", "KEY=VALUE"},
		{",capacity=1M", "KEY=VALUE"},
		{"size=1M", "size"},
		{"max-message=0", "max-message"},
		{"max-message=4G", "4G"},
		{"overflow=drop", "drop"},
		{"mode=999", "999"},
		{"endpoints=0", "endpoints"},
		{"endpoints=4097", "4097"},
		{"lifetime=daemon", "daemon"},
		{"linger=infinity", "infinity"},
		{"kind=topic", "topic"},
		{"need-receivers=1", "need-receivers"},
		{"capacity=1M,kind=rendezvous", "kind"},
		{"kind=rendezvous,capacity=1M", "capacity"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct chan_options opt = CLI_OPTIONS_INIT, before = opt;
		char why[256] = "";

		ck_assert_msg(cli_parse_spec(&opt, bad[i].spec, why, sizeof(why)) == -EINVAL, "%s",
			bad[i].spec);
		ck_assert_msg(strstr(why, bad[i].named) != NULL, "%s: %s", bad[i].spec, why);
		ck_assert_mem_eq(&opt, &before, sizeof(opt));
	}
}
END_TEST

void add_tests(void)
{
	GROUP("spec", NULL, NULL, should_read_specs, should_refuse_bad_specs_and_say_where);
}
