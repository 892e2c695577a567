/* SPDX-License-Identifier: MIT */
/* What a channel of the bus is to be: every key, its bounds, what it says when it is
 * wrong, and what the lists and the mode let somebody do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/names.h"
#include "config/spec.h"
#include "support/suite.h"

static struct spec spec;
static char why[256];

static void setup(void)
{
	spec_init(&spec, "name", 1000);
}

static int key(const char *name, const char *value)
{
	why[0] = '\0';
	return spec_key(&spec, name, value, false, why, sizeof(why));
}

START_TEST(should_begin_with_the_defaults)
{
	ck_assert_str_eq(spec.name, "name");
	ck_assert_uint_eq(spec.owner, 1000);
	ck_assert_uint_eq(spec.options.mode, 0600);
	ck_assert_uint_eq(spec.options.size, sizeof(spec.options));
	ck_assert(!spec.daemon && !spec.activate && !spec.has_group);
	ck_assert_int_eq(spec_check(&spec, why, sizeof(why)), 0);
}
END_TEST

static const struct {
	const char *key, *value;
} good[] = {
	{"dead-letter", "dead"},
	{"dead-letter", "1000/dead"},
	{"dedup", "1"},
	{"max-deliver", "3"},
	{"dedup", "16777216,1h"},
	{"dedup", "1000:250ms"},
	{"capacity", "64K"},
	{"capacity", "4096"},
	{"max-message", "1"},
	{"max-message", "100"},
	{"overflow", "block"},
	{"overflow", "fail"},
	{"overflow", "drop-new"},
	{"overflow", "drop-old"},
	{"kind", "queue"},
	{"kind", "rendezvous"},
	{"endpoints", "1"},
	{"endpoints", "4096"},
	{"lifetime", "persist"},
	{"lifetime", "ref"},
	{"lifetime", "daemon"},
	{"end-with-senders", "yes"},
	{"end-with-senders", "no"},
	{"need-receivers", "true"},
	{"need-receivers", "0"},
	{"mode", "0004"},
	{"mode", "0666"},
	{"mode", "640"},
	{"owner", "0"},
	{"owner", "4294967294"},
	{"group", "4294967294"},
	{"activate", "yes"},
	{"activate", "1"},
	{"activate", "false"},
	{"send", ""},
	{"send", "1 2,3\t@4"},
	{"receive", "@0"},
	{"linger", "250ms"},
	{"linger", "1h"},
};

START_TEST(should_accept_good_keys)
{
	ck_assert_msg(key(good[_i].key, good[_i].value) == 0, "%s=%s: %s", good[_i].key,
		good[_i].value, why);
}
END_TEST

static const struct {
	const char *key, *value, *why; /* a part of what it says */
} bad[] = {
	{"capacity", "", "capacity: ''"},
	{"capacity", "12 apples", "'12 apples'"},
	{"capacity", "-1", "'-1'"},
	{"capacity", "99999999999999999999", "'99999999999999999999'"},
	{"max-message", "0", "max-message: '0'"},
	{"max-message", "5G", "max-message: '5G'"},
	{"overflow", "never", "overflow: 'never'"},
	{"kind", "multicast", "kind: 'multicast'"},
	{"on-lag", "never", "on-lag: 'never'"},
	{"on-lag", "evict:0", "on-lag: 'evict:0'"},
	{"groups", "0", "groups: '0'"},
	{"forbid-block", "maybe", "forbid-block: 'maybe' is not yes or no"},
	{"dead-letter", "a/b/c", "dead-letter: 'a/b/c'"},
	{"dedup", "0", "dedup: '0'"},
	{"max-deliver", "0", "max-deliver: '0'"},
	{"max-deliver", "65535", "max-deliver: '65535'"},
	{"dedup", "16777217", "dedup: '16777217'"},
	{"dedup", "5,", "dedup: '5,'"},
	{"dedup", "5,0", "dedup: '5,0'"},
	{"dedup", ",1s", "dedup: ',1s'"},
	{"endpoints", "0", "endpoints: '0'"},
	{"endpoints", "4097", "endpoints: '4097'"},
	{"lifetime", "long", "lifetime: 'long' is not persist, ref or daemon"},
	{"linger", "soon", "linger: 'soon'"},
	{"linger", "infinity", "linger: 'infinity'"},
	{"end-with-senders", "", "end-with-senders: '' is not yes or no"},
	{"activate", "maybe", "activate: 'maybe' is not yes or no"},
	{"mode", "0777", "mode: '0777' is not a mode"},
	{"mode", "0", "mode: '0' is not a mode"},
	{"mode", "8", "mode: '8' is not a mode"},
	{"mode", "rw", "mode: 'rw' is not a mode"},
	{"owner", "root", "'root' is not the number of a user"},
	{"owner", "4294967295", "'4294967295' is not the number of a user"},
	{"owner", "-1", "'-1' is not"},
	{"group", "root", "'root' is not the number of a group"},
	{"send", "root", "'root' is not the number of a user"},
	{"send", "1 @", "'' is not the number of a group"},
	{"receive", "1 @root", "'root' is not the number of a group"},
	{"nonsense", "1", "unknown key 'nonsense'"},
	{"name", "x", "unknown key 'name'"},
};

START_TEST(should_refuse_bad_keys_and_say_why)
{
	ck_assert_int_eq(key(bad[_i].key, bad[_i].value), -EINVAL);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s=%s says '%s', not '%s'", bad[_i].key,
		bad[_i].value, why, bad[_i].why);
}
END_TEST

START_TEST(should_look_names_up_only_where_they_are_allowed)
{
	ck_assert_int_eq(spec_key(&spec, "owner", "root", true, why, sizeof(why)), 0);
	ck_assert_uint_eq(spec.owner, 0);
	ck_assert_int_eq(spec_key(&spec, "send", "root,@root", true, why, sizeof(why)), 0);
	ck_assert_uint_eq(spec.send.n, 2);
	ck_assert(!spec.send.at[0].group && spec.send.at[1].group);
	ck_assert_int_eq(
		spec_key(&spec, "group", "no-such-group", true, why, sizeof(why)), -EINVAL);
	ck_assert_str_eq(why, "there is no group 'no-such-group'");
}
END_TEST

START_TEST(should_take_so_many_in_a_list_and_no_more)
{
	char list[SPEC_WHO_MAX * 4 + 16] = "";

	for (int i = 0; i < SPEC_WHO_MAX; i++)
		snprintf(list + strlen(list), 8, "%d ", i + 1);
	ck_assert_int_eq(key("send", list), 0);
	ck_assert_uint_eq(spec.send.n, SPEC_WHO_MAX);
	ck_assert_uint_eq(spec.send.at[SPEC_WHO_MAX - 1].id, SPEC_WHO_MAX);
	strcat(list, "99");
	ck_assert_int_eq(key("send", list), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "more than 32"));
	ck_assert_uint_eq(spec.send.n, SPEC_WHO_MAX); /* as it was */
}
END_TEST

START_TEST(should_refuse_a_word_that_is_too_long)
{
	char word[300];

	memset(word, '1', sizeof(word));
	word[256] = '\0';
	ck_assert_int_eq(key("send", word), -EINVAL);
	word[255] = '\0';
	ck_assert_int_eq(key("send", word), -EINVAL); /* read whole, and no number */
	ck_assert_ptr_nonnull(strstr(why, "is not the number"));
}
END_TEST

START_TEST(should_set_what_the_keys_say)
{
	ck_assert_int_eq(key("mode", "0060"), 0);
	ck_assert_uint_eq(spec.options.mode, 0660); /* chand's own */
	ck_assert_int_eq(key("lifetime", "daemon"), 0);
	ck_assert(spec.daemon);
	ck_assert_uint_eq(spec.options.lifetime, CHAN_PERSIST);
	ck_assert_int_eq(key("lifetime", "ref"), 0);
	ck_assert(!spec.daemon);
	ck_assert_uint_eq(spec.options.lifetime, CHAN_REF);
	ck_assert_int_eq(key("end-with-senders", "yes"), 0);
	ck_assert_int_eq(key("need-receivers", "yes"), 0);
	ck_assert_int_eq(key("end-with-senders", "no"), 0);
	ck_assert_uint_eq(spec.options.flags, CHAN_NEED_RECEIVERS);
	ck_assert_int_eq(key("group", "0"), 0);
	ck_assert(spec.has_group);
}
END_TEST

START_TEST(should_know_valid_names_of_channels)
{
	char name[CHAN_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	name[CHAN_NAME_MAX + 1] = '\0';
	ck_assert(!name_valid(name));
	name[CHAN_NAME_MAX] = '\0';
	ck_assert(name_valid(name));
	ck_assert(name_valid("A-z_0.9") && name_valid("-"));
	ck_assert(!name_valid("") && !name_valid(".a") && !name_valid("a/b") &&
		  !name_valid("a b") && !name_valid("\xc3\xa4"));
}
END_TEST

/* Keys that are good each by itself, and not together. */
START_TEST(should_refuse_what_makes_no_channel)
{
	static const char *const pairs[][4] = {
		{"linger", "1s", "lifetime", "persist"},
		{"mode", "0660", "activate", "no"},
		{"mode", "0640", "activate", "no"},
		{"capacity", "4K", "max-message", "4096"},
		{"kind", "rendezvous", "overflow", "drop-old"},
		{"kind", "latest", "overflow", "drop-new"},
		{"kind", "latest", "activate", "yes"},
		{"kind", "broadcast", "dead-letter", "dead"},
	};
	static const char *const says[] = {"linger is for lifetime=ref",
		"there is no group=", "there is no group=", "must fit the capacity",
		"no overflow=drop-old", "latest no drop", "activate is not for kind=latest",
		"dead-letter is for kind=queue"};

	ck_assert_int_eq(key(pairs[_i][0], pairs[_i][1]), 0);
	ck_assert_int_eq(key(pairs[_i][2], pairs[_i][3]), 0);
	ck_assert_int_eq(spec_check(&spec, why, sizeof(why)), -EINVAL);
	ck_assert_msg(strstr(why, says[_i]) != NULL, "'%s' lacks '%s'", why, says[_i]);
}
END_TEST

/* What everybody has, a group has as well: then it needs no name. */
START_TEST(should_refuse_a_group_that_has_no_more_than_all)
{
	ck_assert_int_eq(key("mode", "0666"), 0);
	ck_assert_int_eq(spec_check(&spec, why, sizeof(why)), 0);
}
END_TEST

static void read_back(struct spec *back, char *text)
{
	char *rest = text, *line;

	spec_init(back, "name", 1);
	while ((line = strsep(&rest, "\n"))) {
		char *equals = strchr(line, '=');

		if (!equals)
			continue;
		*equals = '\0';
		ck_assert_msg(!spec_key(back, line, equals + 1, false, why, sizeof(why)), "%s: %s",
			line, why);
	}
}

/* Each good key, written and read: the same.  One without it is equal just when it is
 * written alike: the key was the default. */
START_TEST(should_read_the_same_from_what_it_wrote)
{
	struct spec back, without = spec;
	char *text, *again, *plain;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(key(good[_i].key, good[_i].value), 0);
	spec_write(&spec, out);
	fclose(out);
	again = strdup(text);
	read_back(&back, again);
	ck_assert_msg(
		spec_equal(&spec, &back), "%s=%s becomes:\n%s", good[_i].key, good[_i].value, text);
	out = open_memstream(&plain, &len);
	spec_write(&without, out);
	fclose(out);
	ck_assert_int_eq(spec_equal(&spec, &without), !strcmp(text, plain));
	free(plain);
	free(text);
	free(again);
}
END_TEST

/* ---- rights ---- */

enum { SENDS = 1, RECEIVES = 2, LOOKS = 4, WRITES = 8 };

/* What a user with one further group may do. */
static unsigned may(uid_t uid, gid_t group)
{
	struct peer peer = {.uid = uid, .gid = uid, .groups = &group, .n = group ? 1 : 0};
	unsigned got = 0;
	bool write = false, ignored;

	if (spec_allows(&spec, &peer, CHAN_SEND, &ignored))
		got |= SENDS;
	if (spec_allows(&spec, &peer, CHAN_RECV, &ignored))
		got |= RECEIVES;
	if (spec_allows(&spec, &peer, 0, &write))
		got |= LOOKS | (write ? WRITES : 0);
	ck_assert_int_eq(spec_allows(&spec, &peer, CHAN_SEND | CHAN_RECV, &ignored),
		(got & SENDS) && (got & RECEIVES));
	return got;
}

enum { ALL = SENDS | RECEIVES | LOOKS | WRITES, OWNER = 1000, OTHER = 2000, TEAM = 3000 };

START_TEST(should_allow_its_owner_everything)
{
	struct peer other = {.uid = OTHER}, owner = {.uid = OWNER};

	ck_assert_uint_eq(may(OWNER, 0), ALL);
	ck_assert_uint_eq(may(0, 0), ALL);
	ck_assert_uint_eq(may(OTHER, TEAM), 0);
	ck_assert(spec_administers(&spec, &owner) && !spec_administers(&spec, &other));
}
END_TEST

START_TEST(should_decide_by_the_mode)
{
	key("mode", "0644");
	ck_assert_uint_eq(may(OTHER, 0), LOOKS);
	key("mode", "0666");
	ck_assert_uint_eq(may(OTHER, 0), ALL);
	key("mode", "0602"); /* to write alone is nothing */
	ck_assert_uint_eq(may(OTHER, 0), 0);
	key("mode", "0660");
	ck_assert_uint_eq(may(OTHER, TEAM), 0); /* of no group */
	key("group", "3000");
	ck_assert_uint_eq(may(OTHER, TEAM), ALL);
	ck_assert_uint_eq(may(OTHER, TEAM + 1), 0);
	key("mode", "0640");
	ck_assert_uint_eq(may(OTHER, TEAM), LOOKS);
}
END_TEST

START_TEST(should_decide_by_the_lists)
{
	key("send", "2000");
	ck_assert_uint_eq(may(OTHER, 0), SENDS | LOOKS | WRITES);
	ck_assert_uint_eq(may(OTHER + 1, 0), 0);
	key("receive", "@3000");
	ck_assert_uint_eq(may(OTHER, TEAM), ALL);
	ck_assert_uint_eq(may(OTHER + 1, TEAM), RECEIVES | LOOKS | WRITES);
	key("send", "@2000"); /* a group of that number, which is the user's first */
	ck_assert_uint_eq(may(OTHER, 0), SENDS | LOOKS | WRITES);
	ck_assert_uint_eq(may(OTHER + 1, OTHER), SENDS | LOOKS | WRITES);
}
END_TEST

/* ---- a channel that is there ---- */

START_TEST(should_say_what_can_not_be_changed)
{
	struct chan_stat is = {.overflow = CHAN_BLOCK};
	const char *differs;

	key("max-message", "100");
	key("endpoints", "16");
	is.max_message = 100;
	is.endpoints = 16;
	is.segment = (uint64_t)chan_footprint(&spec.options);
	ck_assert_ptr_null(spec_differs(&spec, &is));
	is.segment += 4096;
	ck_assert_str_eq(spec_differs(&spec, &is), "capacity");
	is.linger = 1;
	ck_assert_str_eq(spec_differs(&spec, &is), "linger");
	is.lifetime = CHAN_REF;
	ck_assert_str_eq(spec_differs(&spec, &is), "lifetime");
	is.endpoints = 17;
	ck_assert_str_eq(spec_differs(&spec, &is), "endpoints");
	is.endpoints = 16;
	is.dedup = 3;
	ck_assert_str_eq(spec_differs(&spec, &is), "dedup");
	is.dedup = 0;
	key("dead-letter", "dead");
	ck_assert_str_eq(spec_differs(&spec, &is), "dead-letter");
	snprintf(is.dead_letter, sizeof(is.dead_letter), "7/dead");
	ck_assert_str_eq(spec_differs(&spec, &is), "lifetime");
	is.endpoints = 17;
	is.overflow = CHAN_FAIL;
	ck_assert_str_eq(spec_differs(&spec, &is), "overflow");
	is.max_message = 101;
	ck_assert_str_eq(spec_differs(&spec, &is), "max-message");
	is.flags = CHAN_NEED_RECEIVERS;
	differs = spec_differs(&spec, &is);
	ck_assert_ptr_nonnull(strstr(differs, "need-receivers"));
	is.kind = CHAN_KIND_RENDEZVOUS;
	ck_assert_str_eq(spec_differs(&spec, &is), "kind");
}
END_TEST

void add_tests(void)
{
	GROUP("spec", setup, NULL, should_begin_with_the_defaults,
		should_look_names_up_only_where_they_are_allowed,
		should_take_so_many_in_a_list_and_no_more, should_refuse_a_word_that_is_too_long,
		should_set_what_the_keys_say, should_know_valid_names_of_channels,
		should_refuse_a_group_that_has_no_more_than_all, should_allow_its_owner_everything,
		should_decide_by_the_mode, should_decide_by_the_lists,
		should_say_what_can_not_be_changed);
	GROUP_FOR(0, sizeof(good) / sizeof(good[0]), "good keys", setup, NULL,
		should_accept_good_keys, should_read_the_same_from_what_it_wrote);
	GROUP_FOR(0, sizeof(bad) / sizeof(bad[0]), "bad keys", setup, NULL,
		should_refuse_bad_keys_and_say_why);
	GROUP_FOR(0, 8, "no channels", setup, NULL, should_refuse_what_makes_no_channel);
}
