/* SPDX-License-Identifier: MIT */
/*
 * Every system call that making, opening, leaving and looking at a channel makes,
 * fails once, with each error that a kernel, a file system or a seccomp filter might
 * have for it (in the quick form with every third one, the next call with other ones).  The call
 * fails with an error that its documentation has (or goes on, where it can), and which is no other
 * documented error by accident; it leaves nothing behind, neither a name nor a descriptor nor a
 * mapping, and works the next time.
 */
#include "faults.h"

#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int errors[] = {EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, EBADF, EAGAIN, ENOMEM, EACCES,
	EFAULT, EBUSY, EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ETXTBSY, EFBIG,
	ENOSPC, EROFS, EMLINK, EPIPE, EDEADLK, ENAMETOOLONG, ENOLCK, ENOSYS, ELOOP, EOVERFLOW,
	EBADMSG, EPROTOTYPE, EOPNOTSUPP, ENOBUFS, ENOTCONN, ETIMEDOUT, ECONNREFUSED, ESTALE, EUSERS,
	EDQUOT};
enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

/* Names of the channel. */
static int names(void)
{
	return count_names("/dev/shm", strrchr(segment_path, '/') + 1);
}

/* ---- the calls ---- */

static const struct chan_options small = {.size = sizeof(small), .capacity = 4096, .endpoints = 8};

static int do_create(void)
{
	return chan_create(name, &small);
}

static int open_with(unsigned flags)
{
	chan_t *ch;
	int err = chan_open(&ch, name, flags, &small);

	if (err == 0)
		chan_detach(ch);
	return err;
}

static int do_open(void)
{
	return open_with(CHAN_SEND | CHAN_RECV);
}
static int do_open_exclusive(void)
{
	return open_with(CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE);
}
static int do_observe(void)
{
	return open_with(0);
}
static int do_open_create(void)
{
	return open_with(CHAN_SEND | CHAN_CREATE);
}
static int do_collect(void)
{
	return chan_collect(name);
}
static int do_remove(void)
{
	return chan_remove(name);
}

static int count_it(const char *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return 0;
}

static int do_list(void)
{
	return chan_list(count_it, NULL);
}

static int do_look(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_endpoint e[2];
	chan_t *ch;
	int err = chan_open(&ch, name, CHAN_RECV, NULL);

	if (err < 0)
		return err;
	err = chan_stat(ch, &st);
	if (err == 0)
		err = chan_endpoints(ch, e, 2);
	chan_detach(ch);
	return err < 0 ? err : 0;
}

static int do_poll(void)
{
	char m[8];
	chan_t *ch;
	int err = chan_open(&ch, name, CHAN_RECV, NULL);

	if (err < 0)
		return err;
	err = chan_fd(ch, CHAN_RECV);
	if (err >= 0)
		err = (int)chan_recv(ch, m, sizeof(m), 0);
	chan_detach(ch);
	return err == -EAGAIN ? 0 : err;
}

static int do_set(void)
{
	struct chan_ready ready;
	chan_set_t *set;
	chan_t *ch;
	int err = chan_open(&ch, name, CHAN_RECV, NULL);

	if (err < 0)
		return err;
	err = chan_set_create(&set);
	if (err == 0) {
		err = chan_set_add(set, ch, CHAN_RECV, NULL);
		if (err == 0)
			err = chan_set_wait(set, &ready, 1, 0);
		chan_set_destroy(set);
	}
	chan_detach(ch);
	return err == -EAGAIN ? 0 : err;
}

/* ---- the trial ---- */

/* What is tried: the bits of `documented_for`. */
enum { NAMES = 1, MAKES = 2, OPENS = 4, REMOVES = 8, WATCHES = 16 };

struct trial {
	const char *what;
	int (*call)(void);
	bool exists; /* the channel is there before */
	int left;    /* names that are there after success */
	unsigned does;
};

/* What shmchan.h has for each, and which causes may lead there. */
static const struct {
	int err;
	unsigned documented_for;
	int cause[5];
} meanings[] = {
	{ENOMEM, NAMES, {ENOMEM, EAGAIN, EOVERFLOW}}, {EMFILE, NAMES, {EMFILE}},
	{ENFILE, NAMES, {ENFILE}}, {EACCES, NAMES, {EACCES}}, {EROFS, NAMES, {EROFS}},
	{ENOLCK, OPENS, {ENOLCK}}, {ENOSPC, MAKES, {ENOSPC}}, {EDQUOT, MAKES, {EDQUOT}},
	{EMFILE, WATCHES, {ENOSPC}}, {EFBIG, MAKES, {EFBIG}}, {ENOENT, OPENS | REMOVES, {ENOENT}},
	{EBUSY, OPENS, {EACCES, EAGAIN}}, /* another's lock or lease, as far as can be seen */
	{EUSERS, OPENS, {EACCES, EAGAIN}}, {EPERM, OPENS, {ELOOP, EISDIR, ENXIO, ENODEV, EINVAL}},
	{EPERM, MAKES, {EPERM}}, {EPERM, REMOVES, {EISDIR, EBUSY, EPERM}},
	{EACCES, REMOVES, {EPERM}}, /* glibc's word for it */
};

static bool may_be(int err, int cause, const struct trial *t)
{
	err = -err;
	if (err == EIO || err == EOPNOTSUPP) /* any cause that has no other name */
		return *chan_error_detail(err) != 0;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].err == err && (meanings[i].documented_for & t->does))
			for (size_t j = 0; j < 5; j++)
				if (meanings[i].cause[j] == cause)
					return true;
	return false;
}

/* Fail the k-th system call; returns whether there was one. */
static bool fail_one(const struct trial *t, unsigned k, int error)
{
	int fds, maps, nr, r;

	chan_remove(name);
	if (t->exists)
		ck_assert_int_eq(chan_create(name, &small), 0);
	fds = count_descriptors();
	maps = count_mappings();
	faults_arm(k, error);
	r = t->call();
	nr = faults_disarm();
	ck_assert_msg(r >= 0 || may_be(r, error, t),
		"%s: system call %d (the %u.) failed with %s: %s (%s)", t->what, nr, k,
		strerror(error), strerror(-r), chan_error_detail(r));
	ck_assert_msg(r >= 0 || strcmp(chan_strerror(r), chan_strerror(4000)) != 0,
		"%s: no text for %s", t->what, strerror(-r));
	ck_assert_msg(count_descriptors() == fds,
		"%s: system call %d (the %u.), %s: a descriptor stays", t->what, nr, k,
		strerror(error));
	ck_assert_msg(count_mappings() == maps, "%s: system call %d (the %u.), %s: a mapping stays",
		t->what, nr, k, strerror(error));
	/* The channel is there as a whole or not at all, and the next call succeeds. */
	if (r < 0 && !t->exists && names() && strcmp(t->what, "open, creating"))
		ck_abort_msg("%s: system call %d (the %u.), %s: a name stays", t->what, nr, k,
			strerror(error));
	if (r < 0) {
		r = t->call();
		ck_assert_msg(r >= 0, "%s: not even afterwards: %s", t->what, strerror(-r));
	}
	ck_assert_int_eq(names(), t->left);
	if (t->left)
		ck_assert_int_eq(open_with(CHAN_SEND | CHAN_RECV), 0);
	return nr >= 0;
}

static void check_trial(const struct trial *t)
{
	unsigned k = 1, failures = 0, step = quick_form() ? 3 : 1;

	ck_assert(faults_start());
	/* What is made once (atfork handlers) is made now. */
	ck_assert_int_eq(open_with(CHAN_SEND | CHAN_CREATE), 0);
	for (bool more = true; more; k++) {
		ck_assert_uint_lt(k, 1000);
		more = false;
		for (unsigned i = k % step; i < ERRORS; i += step)
			if (fail_one(t, k, errors[i])) {
				more = true;
				failures++;
			}
	}
	printf("%s: %u system calls failed in %u ways\n", t->what, k - 2, failures);
	ck_assert_uint_gt(k, 2); /* or nothing was tried */
	chan_remove(name);
}

static const struct trial trials[] = {
	{"create", do_create, false, 1, NAMES | MAKES},
	{"open", do_open, true, 1, NAMES | OPENS},
	{"open, exclusive", do_open_exclusive, true, 1, NAMES | OPENS},
	{"open, creating", do_open_create, false, 1, NAMES | MAKES | OPENS},
	{"observe", do_observe, true, 1, NAMES | OPENS},
	{"stat and endpoints", do_look, true, 1, NAMES | OPENS},
	{"descriptor for a loop", do_poll, true, 1, NAMES | OPENS},
	{"set", do_set, true, 1, NAMES | OPENS | WATCHES},
	{"collect", do_collect, true, 1, NAMES | OPENS},
	{"list", do_list, true, 1, NAMES},
	{"remove", do_remove, true, 0, NAMES | REMOVES},
};

START_TEST(should_survive_the_failure_of_each_system_call)
{
	check_trial(&trials[_i]);
}
END_TEST

/* ---- growing ---- */

enum { GROW_MESSAGE = 1000, GROW_MESSAGES = 400, GROW_MAX = 1 << 20 };

static int send_number(chan_t *ch, unsigned n)
{
	char m[GROW_MESSAGE];

	memset(m, (int)n, sizeof(m));
	memcpy(m, &n, sizeof(n));
	return chan_send(ch, m, sizeof(m), 0);
}

static void expect_number(chan_t *ch, unsigned n)
{
	char m[GROW_MESSAGE];

	ck_assert_int_eq(chan_recv(ch, m, sizeof(m), 0), sizeof(m));
	ck_assert_mem_eq(m, &n, sizeof(n));
	ck_assert_int_eq(m[sizeof(m) - 1], (char)n);
}

/* Fail the k-th system call of sends that let the channel grow, or all that allocate, if k is 0;
 * returns whether there was one.  One failure is no reason not to grow: another try, or a smaller
 * one, succeeds.  If none does, the sender is told; nothing is lost, and it grows afterwards. */
static bool fail_to_grow(unsigned kind, unsigned k, int error)
{
	chan_t *tx, *rx;
	unsigned sent = 0;
	int nr, r = 0;

	chan_remove(name);
	tx = open_as(CHAN_SEND | CHAN_CREATE,
		OPTIONS(.capacity = 4096, .max_capacity = GROW_MAX, .kind = kind,
			.overflow = CHAN_FAIL, .endpoints = 8));
	rx = open_as(CHAN_RECV, NULL);
	if (k)
		faults_arm(k, error);
	else
		faults_arm_all(SYS_fallocate, error);
	while (sent < GROW_MESSAGES && (r = send_number(tx, sent + 1)) == 0)
		sent++;
	nr = faults_disarm();
	if (k) {
		ck_assert_msg(r == 0, "the %u. system call, %d, failed with %s: %s (%s)", k, nr,
			strerror(error), strerror(-r), chan_error_detail(r));
	} else {
		ck_assert_uint_lt(sent, 5);
		ck_assert_int_eq(r, error == EPERM || error == ENOSYS ? -EOPNOTSUPP : -error);
		ck_assert_ptr_nonnull(strstr(chan_error_detail(r), error == ENOSPC ? "growing needs"
								   : error == EDQUOT ? "quota"
										     : ""));
		ck_assert_uint_eq(stat_of(tx).grow_error, (unsigned)-r);
		ck_assert_uint_eq(stat_of(tx).grown, 0);
	}
	ck_assert_uint_eq(stat_of(tx).depth, sent);
	while (sent < 2 * GROW_MESSAGES && (r = send_number(tx, sent + 1)) == 0)
		sent++;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_gt(stat_of(tx).grown, 3);
	for (unsigned i = 1; i <= sent; i++)
		expect_number(rx, i);
	chan_detach(rx);
	chan_detach(tx);
	return nr >= 0;
}

START_TEST(should_lose_nothing_where_growing_fails)
{
	static const unsigned kinds[] = {CHAN_KIND_QUEUE, CHAN_KIND_BROADCAST};
	static const int why[] = {ENOSPC, EDQUOT, ENOMEM, EPERM, EIO, ENOSYS, EINTR};
	enum { WHY = sizeof(why) / sizeof(why[0]), BUT_EINTR = WHY - 1 };
	bool more = true;
	unsigned k;

	ck_assert(faults_start());
	for (unsigned i = 0; i < BUT_EINTR; i++)
		fail_to_grow(kinds[_i], 0, why[i]);
	for (k = 1; more; k++) {
		ck_assert_uint_lt(k, 1000);
		more = false;
		for (unsigned i = 0; i < WHY; i++)
			more |= fail_to_grow(kinds[_i], k, why[i]);
	}
	ck_assert_uint_gt(k, 4); /* or nothing was tried */
}
END_TEST

void add_tests(void)
{
	if (ADDRESS_SANITIZER || THREAD_SANITIZER)
		not_tried("the sanitizer's own system calls would fail");
	else if (place_has(NEED_SECCOMP)) {
		GROUP_FOR(0, 2, "growing", channel_setup, channel_teardown,
			should_lose_nothing_where_growing_fails);
		GROUP_FOR(0, sizeof(trials) / sizeof(trials[0]), "faults", channel_setup,
			channel_teardown, should_survive_the_failure_of_each_system_call);
	}
}
