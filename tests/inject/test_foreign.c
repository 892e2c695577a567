/* SPDX-License-Identifier: MIT */
/*
 * Segments of another kind, each refused with the error that says which: another
 * format, another libc, word size or condition variable, another PID namespace
 * (where the same thread number may be another thread's, and the mutexes know
 * their owners by that), or no segment at all.  foreign.sh has real programs of
 * other kinds; here each word of the header is changed by itself.
 */
#define _GNU_SOURCE 1
#include "core/layout.h"
#include "shmchan.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[64], path[128];

/* The header, and a way to write it. */
static struct layout_header *header(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct layout_header *h;

	ck_assert_int_ge(fd, 0);
	h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(h, MAP_FAILED);
	close(fd);
	return h;
}

static int open_it(unsigned flags)
{
	chan_t *ch;
	int err = chan_open(&ch, name, flags, NULL);

	if (err == 0)
		chan_detach(ch);
	return err;
}

#define WORD(member, change, error)                                                                \
	{                                                                                          \
#member, offsetof(struct layout_header, member),                                   \
			sizeof(((struct layout_header *)0)->member), change, error                 \
	}

static const struct word {
	const char *name;
	size_t at, size;
	uint64_t change; /* bits turned over */
	int error;
} words[] = {
	WORD(magic, 1, -EBADMSG),
	WORD(magic, UINT64_C(1) << 63, -EBADMSG),
	WORD(format, 1, -EPROTONOSUPPORT),
	WORD(format, 1u << 31, -EPROTONOSUPPORT),
	WORD(abi, 40 ^ 24, -EPROTOTYPE),      /* a mutex of 32-bit programs */
	WORD(abi, (4 ^ 8) << 8, -EPROTOTYPE), /* a pointer of theirs */
	WORD(abi, (4 ^ 8) << 12, -EPROTOTYPE),
	WORD(abi, 1u << 31, -EPROTOTYPE),
	WORD(libc, LAYOUT_LIBC_GLIBC ^ LAYOUT_LIBC_OTHER, -EPROTOTYPE),
	WORD(condvar, LAYOUT_CONDVAR_FUTEX ^ LAYOUT_CONDVAR_PTHREAD, -EPROTOTYPE),
	WORD(pidns_ino, 1, -EXDEV),
	WORD(pidns_dev, 1, -EXDEV),
	WORD(segment_size, 4096, -EBADMSG),
	WORD(ring_offset, 4096, -EBADMSG),
	WORD(ring_offset, 16, -EBADMSG),
	WORD(capacity, 4096, -EBADMSG),
	WORD(capacity, UINT64_C(1) << 63, -EBADMSG),
	WORD(max_message, 1u << 31, -EBADMSG),
	WORD(endpoints, 1u << 31, -EBADMSG),
	WORD(kind, 2, -EPROTONOSUPPORT), /* of a newer version */
	WORD(options, 1u << 31, -EPROTONOSUPPORT),
	WORD(overflow, 1u << 4, -EBADMSG),
	WORD(lifetime, 1u << 4, -EBADMSG),
	WORD(linger, UINT64_C(1) << 63, -EBADMSG),
};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static void flip(struct layout_header *h, const struct word *w)
{
	uint64_t v = 0;

	memcpy(&v, (char *)h + w->at, w->size);
	v ^= w->change;
	memcpy((char *)h + w->at, &v, w->size);
}

START_TEST(each_word_of_the_header)
{
	static const unsigned flags[] = {
		CHAN_SEND, CHAN_RECV | CHAN_EXCLUSIVE, 0, CHAN_RECV | CHAN_CREATE};
	const struct word *w = &words[_i];
	struct layout_header *h = header();

	flip(h, w);
	for (int i = 0; i < 4; i++) {
		int err = open_it(flags[i]);

		ck_assert_msg(err == w->error, "%s: %s", w->name, chan_strerror(err));
	}
	ck_assert_int_eq(chan_collect(name), w->error);
	flip(h, w);
	ck_assert_int_eq(open_it(CHAN_SEND | CHAN_RECV), 0);
	munmap(h, sizeof(*h));
}
END_TEST

/* A PID namespace for the children; who may not, in a user namespace of his own, in
 * which he has to be the user that he is. */
static bool leave_pid_namespace(void)
{
	char map[64];
	int fd, n = snprintf(map, sizeof(map), "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());

	if (unshare(CLONE_NEWPID) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, map, (size_t)n) == n && close(fd) == 0;
}

START_TEST(another_pid_namespace)
{
	pid_t pid = fork(), inner;
	int status, exdev = -EXDEV;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (!leave_pid_namespace())
			_exit(77);
		/* Itself it is still in the old one; its children are not. */
		if (open_it(CHAN_SEND) < 0)
			_exit(1);
		inner = fork();
		if (inner == 0)
			_exit(open_it(CHAN_SEND) == exdev && open_it(CHAN_RECV) == exdev &&
						open_it(0) == exdev
					? 0
					: 2);
		_exit(waitpid(inner, &status, 0) == inner && WIFEXITED(status) ? WEXITSTATUS(status)
									       : 3);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("another PID namespace: not tried, the kernel does not let us\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(a_file_of_each_length)
{
	struct layout_header *h = header();
	off_t whole = (off_t)h->segment_size;

	for (off_t length = 0; length < whole; length = length < 8 ? length + 1 : length * 2) {
		ck_assert_int_eq(truncate(path, length), 0);
		ck_assert_int_eq(open_it(CHAN_SEND), -EBADMSG);
	}
	munmap(h, sizeof(*h));
}
END_TEST

static void setup(void)
{
	snprintf(name, sizeof(name), "foreign-%d", (int)getpid());
	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(), name);
	ck_assert_int_eq(chan_create(name, NULL), 0);
}

static void teardown(void)
{
	chan_remove(name);
}

int main(void)
{
	Suite *s = suite_create("foreign");
	TCase *tc = tcase_create("foreign");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_word_of_the_header, 0, WORDS);
	tcase_add_test(tc, another_pid_namespace);
	tcase_add_test(tc, a_file_of_each_length);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
