/* SPDX-License-Identifier: MIT */
/*
 * Segments of another kind, each refused with the error that says which: another
 * format, another libc, word size or condition variable, another PID namespace
 * (where the same thread number may be another thread's, and the mutexes know
 * their owners by that), or no segment at all.  foreign.sh has real programs of
 * other kinds; here each word of the header is changed by itself.
 */
#include "core/layout.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

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

/* The header, and a way to write it. */
static struct layout_header *header(void)
{
	int fd = open(segment_path, O_RDWR | O_CLOEXEC);
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
	WORD(kind, 1u << 7, -EPROTONOSUPPORT), /* of a newer version */
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

START_TEST(should_refuse_each_foreign_word_of_the_header)
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

static int open_from_another_namespace(void *arg)
{
	int status, exdev = -EXDEV;
	pid_t inner;

	(void)arg;
	if (place_leave_pid_namespace() < 0)
		return 4;
	/* The process itself is still in the old namespace; its children are not. */
	if (open_it(CHAN_SEND) < 0)
		return 1;
	inner = fork();
	if (inner == 0)
		_exit(open_it(CHAN_SEND) == exdev && open_it(CHAN_RECV) == exdev &&
					open_it(0) == exdev
				? 0
				: 2);
	return waitpid(inner, &status, 0) == inner && WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

START_TEST(should_refuse_another_pid_namespace)
{
	ck_assert_int_eq(wait_child(in_child(open_from_another_namespace, NULL)), 0);
}
END_TEST

START_TEST(should_refuse_a_file_of_each_length)
{
	struct layout_header *h = header();
	off_t whole = (off_t)h->segment_size;

	for (off_t length = 0; length < whole; length = length < 8 ? length + 1 : length * 2) {
		ck_assert_int_eq(truncate(segment_path, length), 0);
		ck_assert_int_eq(open_it(CHAN_SEND), -EBADMSG);
	}
	munmap(h, sizeof(*h));
}
END_TEST

static void setup(void)
{
	channel_setup();
	ck_assert_int_eq(chan_create(name, NULL), 0);
}

void add_tests(void)
{
	GROUP_FOR(0, WORDS, "words", setup, channel_teardown,
		should_refuse_each_foreign_word_of_the_header);
	GROUP("files", setup, channel_teardown, should_refuse_a_file_of_each_length);
	if (place_has(NEED_PID_NAMESPACE))
		GROUP("namespaces", setup, channel_teardown, should_refuse_another_pid_namespace);
}
