/* SPDX-License-Identifier: MIT */
/*
 * chand's registry without chand: in this process, with a loop, a runtime directory and
 * a configuration of its own, as a user that nobody else is (if it may become one), so
 * that the channels of others are not adopted.
 */
#include "registry/registry.h"

#include "config/refused.h"
#include "log.h"
#include "registry/admission.h"
#include "registry/channels.h"
#include "registry/removal.h"
#include "segment/segment.h"
#include "settings.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER 4242 /* a user with a quota: not the bus's own */

static struct settings own;
static char dir[64], etc[80];
static const char *const dirs[] = {etc, NULL};
static char a[80], b[80], c[80]; /* names, in this order */

static void write_file(const char *sub, const char *file, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, file);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void remove_file(const char *sub, const char *file)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, file);
	ck_assert_int_eq(unlink(path), 0);
}

static const char *conf(const char *channel)
{
	static char file[100];

	snprintf(file, sizeof(file), "%s.conf", channel);
	return file;
}

/* Is there a file for the requested channel? */
static bool kept(const char *channel)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/channels/%s", dir, conf(channel));
	return access(path, F_OK) == 0;
}

static bool there(const char *channel)
{
	char path[100];

	snprintf(path, sizeof(path), "%u/%s", (unsigned)own.uid, channel);
	return segment_exists(path) == 0;
}

static void declare(const char *channel, const char *lines)
{
	char text[200];

	snprintf(text, sizeof(text), "[channel]\ncapacity = 16K\n%s", lines);
	write_file("etc/channels.d", conf(channel), text);
}

static void turn_until_quiet(void)
{
	while (registry_busy())
		ck_assert_int_eq(loop_turn(own.loop), 0);
}

/* No request waits. */
static void resolved(const char *channel)
{
	(void)channel;
}

/* All before registry_start(). */
static void setup(void)
{
	static const char *const subs[] = {
		"channels", "declared", "ready", "etc", "etc/channels.d"};
	const char *why;
	char path[100];

	snprintf(dir, sizeof(dir), "/tmp/registry.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(etc, sizeof(etc), "%s/etc", dir);
	if (geteuid() == 0) {
		uid_t nobody_else = 800000 + (uid_t)getpid() % 100000;

		ck_assert_int_eq(chown(dir, nobody_else, nobody_else), 0);
		ck_assert_int_eq(setresgid(nobody_else, nobody_else, nobody_else), 0);
		ck_assert_int_eq(setresuid(nobody_else, nobody_else, nobody_else), 0);
	}
	for (size_t i = 0; i < sizeof(subs) / sizeof(*subs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, subs[i]);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	channel_setup();
	snprintf(a, sizeof(a), "%s.a", name);
	snprintf(b, sizeof(b), "%s.b", name);
	snprintf(c, sizeof(c), "%s.c", name);
	log_open(LOG_CRIT);
	settings = &own;
	own.uid = geteuid();
	own.runtime = dir;
	own.config_dirs = dirs;
	ck_assert_int_eq(config_read(&own.config, dirs, refused_add), 0);
	ck_assert_int_eq(loop_new(&own.loop, LOOP_EPOLL, &why), 0);
	ck_assert_int_eq(work_init(own.loop), 0);
}

static void start(void)
{
	ck_assert_int_eq(registry_start(resolved), 0);
	turn_until_quiet();
}

static void teardown(void)
{
	char command[100];

	registry_stop();
	chan_remove(a);
	chan_remove(b);
	chan_remove(c);
	snprintf(command, sizeof(command), "rm -rf '%s' 2>/dev/null", dir);
	ck_assert_int_ne(system(command), -1);
}

/* ---- requests ---- */

struct request {
	bool answered;
	int err;
	char why[256];
	unsigned nth; /* answer */
};

static unsigned answers;

static void answer(void *arg, int err, const char *why)
{
	struct request *r = arg;

	ck_assert(!r->answered);
	r->answered = true;
	r->err = err;
	r->nth = ++answers;
	snprintf(r->why, sizeof(r->why), "%s", why ? why : "");
}

static void ask(struct request *r, const char *channel, uid_t owner, uid_t by, uint64_t capacity)
{
	struct spec spec;

	spec_init(&spec, channel, owner);
	spec.options.capacity = capacity;
	*r = (struct request){.err = 4711};
	registry_create(&spec, by, answer, r);
}

static void await_answer(const struct request *r)
{
	while (!r->answered)
		ck_assert_int_eq(loop_turn(own.loop), 0);
}

static int request(const char *channel, uid_t owner, uint64_t capacity)
{
	static struct request r;

	ask(&r, channel, owner, owner, capacity);
	await_answer(&r);
	return r.err;
}

START_TEST(should_make_what_is_asked_for_and_keep_its_spec)
{
	uint64_t channels, bytes;
	struct channel *made;

	start();
	ck_assert_ptr_null(channels_find(a));
	ck_assert_int_eq(request(a, OTHER, 16384), 0);
	made = channels_find(a);
	ck_assert_ptr_nonnull(made);
	ck_assert_int_eq(made->origin, ORIGIN_REQUESTED);
	ck_assert_uint_eq(made->spec.owner, OTHER);
	ck_assert(there(a));
	ck_assert(kept(a));
	admission_usage(OTHER, &channels, &bytes);
	ck_assert_uint_eq(channels, 1);
	ck_assert_uint_eq(bytes, (uint64_t)chan_footprint(&made->spec.options));
	admission_usage(OTHER + 1, &channels, &bytes);
	ck_assert_uint_eq(channels + bytes, 0);
}
END_TEST

START_TEST(should_refuse_a_name_that_is_taken)
{
	static struct request r;

	start();
	ck_assert_int_eq(request(a, OTHER, 16384), 0);
	ask(&r, a, OTHER, OTHER, 32768);
	ck_assert(r.answered);
	ck_assert_int_eq(r.err, -EEXIST);
	ck_assert_str_ne(r.why, "");
	ck_assert(kept(a)); /* of the first */
	ck_assert_uint_eq(channels_find(a)->spec.options.capacity, 16384);
	/* By a segment, too, that could not be adopted. */
	ck_assert_int_eq(chan_create(b, OPTIONS(.capacity = 4096)), 0);
	ck_assert_int_eq(request(b, OTHER, 16384), -EEXIST);
	ck_assert(!kept(b));
}
END_TEST

START_TEST(should_keep_names_in_order)
{
	const struct channel *i;
	const char *before = "";
	size_t n = 0;

	start();
	ck_assert_int_eq(request(c, OTHER, 4096), 0);
	ck_assert_int_eq(request(a, OTHER, 4096), 0);
	ck_assert_int_eq(request(b, OTHER, 4096), 0);
	for (i = channels_after(""); i; i = channels_after(i->spec.name), n++) {
		ck_assert_int_lt(strcmp(before, i->spec.name), 0);
		before = i->spec.name;
	}
	ck_assert_uint_eq(n, channels_count());
	ck_assert_str_eq(channels_after(a)->spec.name, b);
	ck_assert_str_eq(channels_after(b)->spec.name, c);
	ck_assert_int_eq(removal_run(channels_find(b), false, (char[64]){""}, 64), 0);
	ck_assert_str_eq(channels_after(b)->spec.name, c); /* also of one that is not there */
	ck_assert_str_eq(channels_after(a)->spec.name, c);
}
END_TEST

START_TEST(should_hold_a_user_to_the_quota)
{
	static struct request r;
	uint64_t size;

	start();
	own.config.quota = (struct quota){.channels = 2, .bytes = 1 << 20};
	ck_assert_int_eq(request(a, OTHER, 16384), 0);
	size = channels_find(a)->segment;
	ask(&r, b, OTHER, OTHER, 1 << 20);
	ck_assert_int_eq(r.err, -EDQUOT);
	ck_assert_ptr_nonnull(strstr(r.why, "1 channels of 2"));
	ck_assert(!kept(b) && !there(b));
	own.config.quota.bytes = 2 * size - 1;
	ck_assert_int_eq(request(b, OTHER, 16384), -EDQUOT);
	own.config.quota.bytes = 2 * size;
	ck_assert_int_eq(request(b, OTHER, 16384), 0);
	own.config.quota.bytes = 1 << 20;
	ck_assert_int_eq(request(c, OTHER, 4096), -EDQUOT); /* a third one */
	ck_assert_int_eq(request(c, OTHER + 1, 4096), 0);   /* another's quota is another's */
	ck_assert_int_eq(removal_run(channels_find(a), false, r.why, sizeof(r.why)), 0);
	ck_assert_int_eq(request(a, OTHER, 4096), 0); /* room again */
}
END_TEST

/* Else many at once would all be within the quota. */
START_TEST(should_count_what_is_being_made)
{
	static struct request one, two;

	start();
	own.config.quota = (struct quota){.channels = 1, .bytes = 1 << 20};
	ask(&one, a, OTHER, OTHER, 16384);
	ask(&two, b, OTHER, OTHER + 1, 16384); /* by another, for the same owner */
	ck_assert(two.answered);
	ck_assert_int_eq(two.err, -EDQUOT);
	await_answer(&one);
	ck_assert_int_eq(one.err, 0);
}
END_TEST

START_TEST(should_make_one_at_a_time_for_a_user_and_for_a_name)
{
	static struct request one, two, same;
	uint64_t channels, bytes;

	start();
	ask(&one, a, OTHER, OTHER, 1 << 20);
	ask(&two, b, OTHER, OTHER, 4096);
	ask(&same, a, OTHER, OTHER + 1, 4096); /* the name is being made */
	ck_assert(!one.answered && !two.answered && !same.answered);
	admission_usage(OTHER, &channels, &bytes);
	ck_assert_uint_eq(channels, 1); /* the others wait */
	await_answer(&same);
	await_answer(&two);
	ck_assert_int_eq(one.err, 0);
	ck_assert_int_eq(two.err, 0);
	ck_assert_int_eq(same.err, -EEXIST);
	ck_assert_uint_lt(one.nth, two.nth);
	ck_assert_uint_lt(one.nth, same.nth);
}
END_TEST

START_TEST(should_forget_what_is_removed)
{
	struct peer owner = {.uid = OTHER}, stranger = {.uid = OTHER + 1};
	char why[256] = "";

	start();
	ck_assert_int_eq(request(a, OTHER, 4096), 0);
	ck_assert_int_eq(removal_run(channels_find(a), false, why, sizeof(why)), 0);
	ck_assert_ptr_null(channels_find(a));
	ck_assert(!there(a) && !kept(a));
	ck_assert_int_eq(removal_run_unadopted(a, false, &owner, why, sizeof(why)), -ENOENT);
	/* One that is there and not in the registry: as its file names the owner. */
	ck_assert_int_eq(request(b, OTHER, 4096), 0);
	registry_stop();
	ck_assert(there(b) && kept(b));
	ck_assert_int_eq(removal_run_unadopted(b, false, &stranger, why, sizeof(why)), -EPERM);
	ck_assert(there(b));
	ck_assert_int_eq(removal_run_unadopted(b, false, &owner, why, sizeof(why)), 0);
	ck_assert(!there(b) && !kept(b));
}
END_TEST

/* ---- what was there ---- */

START_TEST(should_adopt_what_is_there_and_forget_what_is_not)
{
	ck_assert_int_eq(chan_create(a, OPTIONS(.capacity = 16384)), 0);
	write_file("channels", conf(a), "[channel]\ncapacity=16384\nowner=4242\n");
	ck_assert_int_eq(chan_create(b, OPTIONS(.capacity = 4096)), 0);
	write_file("channels", conf(c), "[channel]\nowner=4242\n"); /* nobody got an answer */
	write_file("channels", "half.conf.new", "[chan");
	start();
	ck_assert_int_eq(channels_find(a)->origin, ORIGIN_REQUESTED);
	ck_assert_uint_eq(channels_find(a)->spec.owner, OTHER);
	ck_assert_int_eq(channels_find(b)->origin, ORIGIN_ADOPTED);
	ck_assert_ptr_null(channels_find(c));
	ck_assert(!kept(c) && !kept("half.conf.new"));
	ck_assert(kept(a));
}
END_TEST

START_TEST(should_keep_what_persists_at_its_end_and_nothing_else)
{
	declare(b, "lifetime = daemon\n");
	start();
	ck_assert_int_eq(request(a, OTHER, 4096), 0);
	ck_assert_int_eq(channels_find(b)->origin, ORIGIN_DECLARED);
	ck_assert(there(a) && there(b));
	registry_stop();
	ck_assert_uint_eq(channels_count(), 0);
	ck_assert(there(a) && kept(a));
	ck_assert(!there(b));
}
END_TEST

/* ---- declarations ---- */

static int reload_err;

static void done(int err)
{
	reload_err = err;
}

static void read_again(void)
{
	config_read(&own.config, dirs, refused_add);
}

static int reload(void)
{
	reload_err = 4711;
	registry_reload(read_again, done);
	while (reload_err == 4711)
		ck_assert_int_eq(loop_turn(own.loop), 0);
	return reload_err;
}

START_TEST(should_make_what_is_declared_and_make_it_again)
{
	struct stat first, second;
	char path[300];

	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(), a);
	declare(a, "mode = 0644\n");
	start();
	ck_assert_int_eq(channels_find(a)->origin, ORIGIN_DECLARED);
	ck_assert(!kept(a)); /* its declaration is elsewhere */
	ck_assert_int_eq(stat(path, &first), 0);
	ck_assert_uint_eq(first.st_mode & 0777, 0644);
	ck_assert_int_eq(chan_remove(a), 0);
	removal_noticed(channels_find(a));
	turn_until_quiet();
	ck_assert_int_eq(channels_find(a)->origin, ORIGIN_DECLARED);
	ck_assert_int_eq(stat(path, &second), 0);
	ck_assert_uint_ne(first.st_ino, second.st_ino);
}
END_TEST

START_TEST(should_follow_the_declarations_at_a_reload)
{
	declare(a, "");
	start();
	declare(b, "");
	ck_assert_int_eq(reload(), 0);
	ck_assert_int_eq(channels_find(a)->origin, ORIGIN_DECLARED);
	ck_assert_int_eq(channels_find(b)->origin, ORIGIN_DECLARED);
	remove_file("etc/channels.d", conf(a));
	ck_assert_int_eq(reload(), 0);
	ck_assert_int_eq(channels_find(a)->origin, ORIGIN_ADOPTED); /* its messages stay */
	ck_assert(there(a));
	declare(c, "no key\n"); /* refused, and nothing else with it */
	declare(a, "");
	reload();
	ck_assert_int_eq(channels_find(a)->origin, ORIGIN_DECLARED);
	ck_assert_int_eq(channels_find(b)->origin, ORIGIN_DECLARED);
	ck_assert_ptr_null(channels_find(c));
}
END_TEST

void add_tests(void)
{
	GROUP("requests", setup, teardown, should_make_what_is_asked_for_and_keep_its_spec,
		should_refuse_a_name_that_is_taken, should_keep_names_in_order,
		should_hold_a_user_to_the_quota, should_count_what_is_being_made,
		should_make_one_at_a_time_for_a_user_and_for_a_name, should_forget_what_is_removed);
	GROUP("start and end", setup, teardown, should_adopt_what_is_there_and_forget_what_is_not,
		should_keep_what_persists_at_its_end_and_nothing_else);
	GROUP("declarations", setup, teardown, should_make_what_is_declared_and_make_it_again,
		should_follow_the_declarations_at_a_reload);
}
