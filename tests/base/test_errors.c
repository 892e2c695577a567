/* SPDX-License-Identifier: MIT */
/* What errors say: which argument it is, which size is needed, which limit was reached. */
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What has the name may be no segment, but a directory. */
static void teardown(void)
{
	rmdir(segment_path);
	channel_teardown();
}

static void says(int err, int wanted, const char *text)
{
	ck_assert_int_eq(err, wanted);
	ck_assert_msg(strstr(chan_error_detail(err), text) != NULL, "'%s' lacks '%s'",
		chan_error_detail(err), text);
	ck_assert_str_ne(chan_strerror(err), chan_strerror(4000));
}

START_TEST(should_name_the_wrong_option_and_its_limit)
{
	static const struct {
		struct chan_options opt;
		const char *says;
	} bad[] = {
		{{.size = 4}, "size: is 4"},
		{{.size = 5000}, "size: is 5000"},
		{{.flags = 1u << 20}, "flags: 0x100000"},
		{{.capacity = UINT64_MAX}, "capacity: 18446744073709551615 is above"},
		{{.max_message = UINT32_MAX}, "max_message: 4294967295 is above 2147483648"},
		{{.capacity = 4096, .max_message = 5000}, "needs a capacity of 5040"},
		{{.overflow = 9}, "overflow: there is no policy 9"},
		{{.mode = 01000}, "mode: 01000 has bits outside 0666"},
		{{.mode = 0060}, "mode: its owner could not use"},
		{{.mode = 0400}, "mode: its owner could not use"},
		{{.mode = 0200}, "mode: its owner could not use"},
		{{.endpoints = 4097}, "endpoints: 4097 are more than 4096"},
		{{.lifetime = 5}, "lifetime: there is no lifetime 5"},
		{{.kind = 77}, "kind: there is no kind 77"},
		{{.linger = 1}, "linger: is for CHAN_REF only"},
		{{.flags = CHAN_RENDEZVOUS, .capacity = 4096}, "capacity: a rendezvous has none"},
		{{.flags = CHAN_RENDEZVOUS, .overflow = CHAN_DROP_OLDEST},
			"overflow: a rendezvous has nothing old"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct chan_options o = bad[i].opt;

		if (!o.size)
			o.size = sizeof(o);
		says(chan_create(name, &o), -EINVAL, bad[i].says);
		says((int)chan_footprint(&o), -EINVAL, bad[i].says);
	}
	ck_assert_int_eq(
		chan_create(name, OPTIONS(.capacity = 4096, .max_message = 5000)), -EINVAL);
	ck_assert_uint_eq(chan_error_size(-EINVAL), 5040);
	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 5040, .max_message = 5000)), 0);
	/* A success forgets what was said; another error is not what it is about. */
	ck_assert_str_eq(chan_error_detail(-EINVAL), "");
}
END_TEST

START_TEST(should_name_the_wrong_argument)
{
	struct chan_stat st = {.size = 5000};
	chan_t *ch;

	says(chan_open(&ch, name, 1u << 9, NULL), -EINVAL, "flags: 0x200");
	says(chan_open(&ch, name, CHAN_EXCLUSIVE, NULL), -EINVAL, "CHAN_EXCLUSIVE needs");
	says(chan_create(".x", NULL), -EINVAL, "NAME or OWNER/NAME");
	says(chan_create("/x", NULL), -EINVAL, "OWNER");
	says(chan_create("4294967295/x", NULL), -EINVAL, "OWNER");
	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 4096)), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_RECV, NULL), 0);
	says(chan_send(ch, "x", 1, -2), -EINVAL, "timeout: -2");
	says((int)chan_recv(ch, &st, 1, -7), -EINVAL, "timeout: -7");
	says(chan_send_batch(ch, NULL, 0, 0), -EINVAL, "n: is 0");
	says(chan_recv_batch(ch, NULL, 0, 0), -EINVAL, "n: is 0");
	says(chan_take(ch, NULL, 0, 0), -EINVAL, "n: is 0");
	says(chan_commit(ch, 1), -EINVAL, "no reservation");
	says(chan_close(ch, 3), -EINVAL, "how: ");
	says(chan_set_overflow(ch, 8), -EINVAL, "overflow: ");
	says(chan_stat(ch, &st), -EINVAL, "size: is 5000");
	chan_detach(ch);
	says(-EINVAL, -EINVAL, "size: is 5000"); /* to leave says nothing */
	ck_assert_str_eq(chan_error_detail(-EPERM), "");
}
END_TEST

START_TEST(should_open_an_existing_channel_and_say_what_differs)
{
	static const struct {
		struct chan_options opt;
		const char *says;
	} asked[] = {
		{{.capacity = 5000}, ""}, /* rounded to the same */
		{{.max_message = 500}, ""},
		{{.mode = 0600, .endpoints = 8}, ""},
		{{.overflow = CHAN_BLOCK}, ""},
		{{.capacity = 64 << 10}, "capacity: the channel has 8192, not 65536"},
		{{.max_message = 501}, "max_message: the channel has 500, not 501"},
		{{.endpoints = 9}, "endpoints: the channel has 8, not 9"},
		{{.overflow = CHAN_FAIL}, "overflow: the channel has 0, not 1"},
		{{.lifetime = CHAN_REF}, "lifetime: the channel has 0, not 1"},
		{{.flags = CHAN_RENDEZVOUS}, "kind: the channel has 0, not 1"},
		{{.flags = CHAN_NEED_RECEIVERS}, "flags: the channel lacks 0x2"},
		{{.mode = 0660}, "mode: the channel has 0600, not 0660"},
		{{.type = 7}, "type: the channel has 5, not 7"},
	};
	chan_t *ch;

	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 8192, .max_message = 500,
						   .endpoints = 8, .type = 5)),
		0);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct chan_options o = asked[i].opt;

		o.size = sizeof(o);
		ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, &o), 0);
		ck_assert_str_eq(chan_error_detail(-EEXIST), asked[i].says);
		chan_detach(ch);
	}
	chan_remove(name);
	ck_assert_int_eq(
		chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, OPTIONS(.capacity = 64 << 10)), 0);
	ck_assert_str_eq(chan_error_detail(-EEXIST), "");
	chan_detach(ch);
}
END_TEST

START_TEST(should_say_the_size_that_a_message_needs)
{
	char buf[600] = "";
	struct iovec iov = {buf, 5};
	struct chan_cursor at = {0};
	chan_t *ch;

	ck_assert_int_eq(chan_open(&ch, name, CHAN_SEND | CHAN_RECV | CHAN_CREATE,
				 OPTIONS(.capacity = 4096, .max_message = 500)),
		0);
	says(chan_send(ch, buf, 501, 0), -EMSGSIZE, "501 bytes, and the channel takes 500");
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 500);
	ck_assert_int_eq(chan_send(ch, buf, 321, 0), 0);
	says((int)chan_recv(ch, buf, 10, 0), -EMSGSIZE, "321 bytes, and the buffer room for 10");
	ck_assert_uint_eq(chan_error_size(-EMSGSIZE), 321);
	says((int)chan_peek(ch, buf, 11, &at), -EMSGSIZE, "321 bytes, and the buffer room for 11");
	says(chan_recv_batch(ch, &iov, 1, 0), -EMSGSIZE, "321 bytes, and the buffer room for 5");
	ck_assert_int_eq(chan_recv(ch, buf, chan_error_size(-EMSGSIZE), 0), 321);
	chan_detach(ch);
}
END_TEST

START_TEST(should_tell_an_unknown_owner_from_a_missing_channel)
{
	chan_t *ch;

	says(chan_open(&ch, "no-such-user/x", 0, NULL), -ESRCH, "no user 'no-such-user'");
	says(chan_create("no-such-user/x", NULL), -ESRCH, "no user 'no-such-user'");
	says(chan_open(&ch, "no-such-user/x", CHAN_SEND | CHAN_CREATE, NULL), -ESRCH, "no user");
	says(chan_remove("no-such-user/x"), -ESRCH, "no user 'no-such-user'");
	ck_assert_int_eq(chan_open(&ch, "4294967294/x", 0, NULL), -ENOENT);
}
END_TEST

START_TEST(should_tell_what_is_no_segment_from_a_squatter)
{
	chan_t *ch;

	ck_assert_int_eq(symlink("/nonexistent", segment_path), 0);
	says(chan_open(&ch, name, CHAN_SEND, NULL), -EPERM, "symbolic link");
	unlink(segment_path);
	ck_assert_int_eq(mkdir(segment_path, 0700), 0);
	says(chan_open(&ch, name, CHAN_SEND, NULL), -EPERM, "no segment");
	says(chan_open(&ch, name, 0, NULL), -EPERM, "no segment");
	says(chan_remove(name), -EPERM, "no segment");
	rmdir(segment_path);
	ck_assert_int_eq(mkfifo(segment_path, 0600), 0);
	says(chan_open(&ch, name, CHAN_SEND, NULL), -EPERM, "no segment");
	unlink(segment_path);
}
END_TEST

START_TEST(should_name_a_lease_on_the_file)
{
	chan_t *ch;
	int fd;

	ck_assert_int_eq(chan_create(name, NULL), 0);
	signal(SIGIO, SIG_IGN); /* an open sends it to the holder, and it kills */
	fd = open(segment_path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_SETLEASE, F_RDLCK), 0);
	says(chan_open(&ch, name, CHAN_SEND, NULL), -EBUSY, "lease");
	says(chan_unlink(name), -EBUSY, "lease");
	says(chan_collect(name), -EBUSY, "lease");
	ck_assert_int_eq(chan_remove(name), 0);
	close(fd);
}
END_TEST

/* SIGXFSZ kills by default, and must not come. */
START_TEST(should_return_an_error_for_a_limit_of_file_sizes_and_no_signal)
{
	struct rlimit limit = {512 << 10, 512 << 10};
	sigset_t pending;
	chan_t *ch;

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	says(chan_create(name, NULL), -EFBIG, "RLIMIT_FSIZE allows files of 524288");
	ck_assert_uint_eq(chan_error_size(-EFBIG), (uint64_t)chan_footprint(NULL));
	says(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, NULL), -EFBIG, "RLIMIT_FSIZE");
	sigpending(&pending);
	ck_assert_int_eq(sigismember(&pending, SIGXFSZ), 0);
	ck_assert_int_eq(access(segment_path, F_OK), -1);
	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 64 << 10)), 0);
}
END_TEST

/* This runs as another user than root, since root may lock as much as it likes. */
static int open_with_locked_memory(void *arg)
{
	struct rlimit limit = {2 << 20, 2 << 20};
	chan_t *ch;
	int r;

	(void)arg;
	if (setgid(65534) || setuid(65534) || setrlimit(RLIMIT_MEMLOCK, &limit) ||
		chan_create(name, OPTIONS(.capacity = 1 << 20)) || mlockall(MCL_FUTURE))
		return 2;
	r = chan_open(&ch, name, CHAN_RECV, NULL);
	if (r != -ENOMEM || !strstr(chan_error_detail(r), "RLIMIT_MEMLOCK"))
		return 3;
	chan_remove(name);
	r = chan_create(name, OPTIONS(.capacity = 8 << 20));
	if (r != -ENOMEM || !strstr(chan_error_detail(r), "RLIMIT_MEMLOCK"))
		return 4;
	return 0;
}

START_TEST(should_tell_locked_memory_from_an_empty_channel)
{
	ck_assert_int_eq(wait_child(in_child(open_with_locked_memory, NULL)), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("errors", channel_setup, teardown, should_name_the_wrong_option_and_its_limit,
		should_name_the_wrong_argument,
		should_open_an_existing_channel_and_say_what_differs,
		should_say_the_size_that_a_message_needs,
		should_tell_an_unknown_owner_from_a_missing_channel,
		should_tell_what_is_no_segment_from_a_squatter, should_name_a_lease_on_the_file,
		should_return_an_error_for_a_limit_of_file_sizes_and_no_signal);
	if (ADDRESS_SANITIZER || THREAD_SANITIZER)
		not_tried("under a sanitizer mlockall() does nothing");
	else if (place_has(NEED_USERS))
		GROUP("locked memory", channel_setup, teardown,
			should_tell_locked_memory_from_an_empty_channel);
}
