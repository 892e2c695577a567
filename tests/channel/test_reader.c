/* SPDX-License-Identifier: MIT */
/*
 * Readers: receivers of kind latest, and subscribers of a broadcast that lose, which may not
 * write.  They receive and are woken as others are, and a hostile one finds that the kernel
 * lets it do next to nothing.
 */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include "channel/handle.h"
#include "core/condvar.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OTHER 65534

static chan_t *sender, *receiver;

/* What a child and the test say to each other. */
static struct board {
	_Atomic int step;
	_Atomic int64_t when;
} * board;

static uint32_t kind;

static void setup(void)
{
	channel_setup();
	sender = open_as(
		CHAN_SEND, OPTIONS(.kind = kind, .max_message = 100, .mode = 0644,
				   .on_lag = kind == CHAN_KIND_BROADCAST ? CHAN_LAG_LOSE : 0));
	receiver = open_as(CHAN_RECV, NULL);
	board = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(board, MAP_FAILED);
}

static void setup_latest(void)
{
	kind = CHAN_KIND_LATEST;
	setup();
}

static void setup_broadcast(void)
{
	kind = CHAN_KIND_BROADCAST;
	setup();
}

static void teardown(void)
{
	munmap(board, 4096);
	chan_detach(receiver);
	chan_detach(sender);
	channel_teardown();
}

/* In a child, which has no Check: say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond,       \
				errno);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static const char *full_name(void)
{
	static char full[80];

	snprintf(full, sizeof(full), "0/%s", name);
	return full;
}

/* Become another user and open the channel as a reader. */
static chan_t *child_opens(void)
{
	chan_t *ch;

	EXPECT(setgroups(0, NULL) == 0 && setgid(OTHER) == 0 && setuid(OTHER) == 0);
	EXPECT(chan_open(&ch, full_name(), CHAN_RECV, NULL) == 0);
	EXPECT(!ch->segment.writable);
	return ch;
}

static void reach(int step)
{
	atomic_store(&board->step, step);
}

static void await_step(int step)
{
	int64_t end = now() + SOON;

	while (atomic_load(&board->step) < step && now() < end)
		nap(MS / 4);
	ck_assert_int_ge(atomic_load(&board->step), step);
}

static bool child_gets(chan_t *ch, const char *text, int64_t timeout)
{
	char buf[100];
	ssize_t n = chan_recv(ch, buf, sizeof(buf), timeout);

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

/* ---- it receives ---- */

static int receives(void *arg)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_cursor at = {0};
	chan_t *ch = child_opens(), *none;
	char buf[100];

	(void)arg;
	EXPECT(ch->slot < 0);
	EXPECT(chan_recv(ch, buf, sizeof(buf), 0) == -EAGAIN);
	EXPECT(chan_recv(ch, buf, sizeof(buf), MS) == -ETIMEDOUT);
	reach(1);
	EXPECT(child_gets(ch, "one", SOON));
	EXPECT(chan_recv(ch, buf, 1, 0) == -EAGAIN);
	if (kind == CHAN_KIND_LATEST)
		EXPECT(chan_peek(ch, buf, sizeof(buf), &at) == 3 && at.seq == 1);
	else
		EXPECT(chan_peek(ch, buf, sizeof(buf), &at) == -EAGAIN);
	EXPECT(chan_stat(ch, &st) == 0 && st.receivers == 1 && st.senders == 1);
	/* What needs the right to write. */
	EXPECT(chan_close(ch, CHAN_DRAIN) == -EACCES);
	EXPECT(chan_recover(ch) == -EACCES);
	EXPECT(chan_open(&none, full_name(), CHAN_SEND, NULL) == -EACCES);
	EXPECT(chan_open(&none, full_name(), CHAN_RECV | CHAN_EXCLUSIVE, NULL) == -EACCES);
	chan_interrupt(ch, 1);
	EXPECT(chan_recv(ch, buf, sizeof(buf), CHAN_WAIT) == -EINTR);
	chan_interrupt(ch, 0);
	reach(2);
	EXPECT(child_gets(ch, "last", SOON));
	EXPECT(chan_recv(ch, buf, sizeof(buf), CHAN_WAIT) == -EPIPE);
	EXPECT(chan_recv(ch, buf, sizeof(buf), 0) == -EPIPE);
	chan_detach(ch);
	return 0;
}

START_TEST(should_receive_without_the_right_to_write)
{
	pid_t pid = in_child(receives, NULL);

	await_step(1);
	send_text(sender, "one");
	await_step(2);
	send_text(sender, "last");
	ck_assert_int_eq(chan_close(sender, CHAN_DRAIN), 0);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

static int receives_till_removal(void *arg)
{
	chan_t *ch = child_opens();
	char buf[100];

	(void)arg;
	reach(1);
	EXPECT(chan_recv(ch, buf, sizeof(buf), SOON) == -EIDRM);
	chan_detach(ch);
	return 0;
}

/* Removed as rm(1) does, and nobody else is there to notice. */
START_TEST(should_notice_alone_that_the_name_is_gone)
{
	pid_t pid = in_child(receives_till_removal, NULL);

	await_step(1);
	chan_detach(sender);
	chan_detach(receiver);
	sender = receiver = NULL;
	ck_assert_int_eq(unlink(segment_path), 0);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

/* A closer that was killed between its bit and the seal, and nobody else. */
START_TEST(should_end_alone_where_nothing_was_decided)
{
	pid_t pid = in_child(receives, NULL);

	await_step(1);
	send_text(sender, "one");
	await_step(2);
	send_text(sender, "last");
	channel_mark(sender, LAYOUT_CLOSED);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

/* ---- it is woken ---- */

static int sleeps_and_is_woken(void *arg)
{
	chan_t *ch = child_opens();

	(void)arg;
	/* By now senders know of it. */
	nap(ch->known_at - now() > 0 ? ch->known_at - now() : 0);
	for (int i = 1; i <= 5; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		reach(i);
		EXPECT(child_gets(ch, text, SOON));
		atomic_store(&board->when, now());
	}
	chan_detach(ch);
	return 0;
}

START_TEST(should_be_woken_without_announcing_its_sleep)
{
	pid_t pid = in_child(sleeps_and_is_woken, NULL);
	int64_t best = SOON;

	for (int i = 1; i <= 5; i++) {
		int64_t sent, late;
		char text[16];

		await_step(i);
		ck_assert(wait_asleep(pid, SYS_futex));
		ck_assert_uint_eq(atomic_load(&sender->control->not_empty.waiting), 0);
		snprintf(text, sizeof(text), "%d", i);
		sent = now();
		send_text(sender, text);
		if (i < 5)
			await_step(i + 1);
		else
			ck_assert_int_eq(wait_child(pid), 0);
		late = atomic_load(&board->when) - sent;
		best = late < best ? late : best;
	}
	/* Not by its slice, which is a second. */
	ck_assert_int_lt(best, 300 * MS);
}
END_TEST

/* The same, in poll(2): it can't say that it wants the bell to be rung. */
static int polls_and_is_woken(void *arg)
{
	chan_t *ch = child_opens();
	struct pollfd p = {.fd = chan_fd(ch, CHAN_RECV), .events = POLLIN};
	char buf[100];
	ssize_t n;

	(void)arg;
	EXPECT(p.fd >= 0);
	nap(ch->known_at - now() > 0 ? ch->known_at - now() : 0);
	for (int i = 1; i <= 5; i++) {
		while ((n = chan_recv(ch, buf, sizeof(buf), 0)) == -EAGAIN) {
			reach(i);
			EXPECT(poll(&p, 1, SOON / MS) == 1);
		}
		EXPECT(n == 1 && buf[0] == '0' + i);
	}
	chan_detach(ch);
	return 0;
}

START_TEST(should_hear_the_bell_without_asking_for_it)
{
	pid_t pid = in_child(polls_and_is_woken, NULL);

	for (int i = 1; i <= 5; i++) {
		char text[16];

		await_step(i);
		ck_assert(wait_asleep(pid, SYS_poll));
		snprintf(text, sizeof(text), "%d", i);
		send_text(sender, text);
	}
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

/* ---- it is hostile ---- */

static void *map_again(int fd, int prot, size_t size)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, 0);
}

static bool locks(int fd, short type, int64_t start, int64_t len)
{
	struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

static int tries_to_write(void *arg)
{
	chan_t *ch = child_opens();
	char self[64], byte = 0;
	int fd = ch->segment.own.fd;

	(void)arg;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	EXPECT(mprotect(ch->segment.layout, 4096, PROT_READ | PROT_WRITE) < 0);
	EXPECT(map_again(fd, PROT_READ | PROT_WRITE, 4096) == MAP_FAILED);
	EXPECT(open(self, O_RDWR) < 0 && errno == EACCES);
	EXPECT(open(self, O_RDONLY | O_TRUNC) < 0 && errno == EACCES);
	EXPECT(open(segment_path, O_RDWR) < 0 && errno == EACCES);
	EXPECT(write(fd, &byte, 1) < 0 && pwrite(fd, &byte, 1, 0) < 0);
	EXPECT(ftruncate(fd, 0) < 0 && truncate(segment_path, 0) < 0);
	EXPECT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
	EXPECT(madvise(ch->segment.layout, 4096, MADV_REMOVE) < 0);
	EXPECT(fchmod(fd, 0666) < 0 && fchown(fd, OTHER, OTHER) < 0);
	EXPECT(unlink(segment_path) < 0 && rename(segment_path, "/dev/shm/other") < 0);
	EXPECT(chan_remove(full_name()) < 0 && chan_unlink(full_name()) < 0);
	EXPECT(fcntl(fd, F_SETLEASE, F_RDLCK) < 0);
	EXPECT(!locks(fd, F_WRLCK, LAYOUT_LOCK_SLOT, 1));
	EXPECT(kill(getppid(), SIGSTOP) < 0);
	return 0;
}

START_TEST(should_not_let_a_reader_write)
{
	struct stat before, after;

	ck_assert_int_eq(stat(segment_path, &before), 0);
	send_text(sender, "value");
	ck_assert_int_eq(wait_child(in_child(tries_to_write, NULL)), 0);
	ck_assert_int_eq(stat(segment_path, &after), 0);
	ck_assert_int_eq(after.st_size, before.st_size);
	ck_assert_int_eq(after.st_mode, before.st_mode);
	expect_text(receiver, "value");
}
END_TEST

/* A read lock is all that the kernel gives it: on every byte that endpoints lock. */
static int locks_all(void *arg)
{
	chan_t *ch = child_opens();

	(void)arg;
	/* Those of endpoints that are there are taken: lock around them. */
	for (int64_t i = 0; i < 4 * (int64_t)LAYOUT_ENDPOINTS_MAX; i++)
		locks(ch->segment.own.fd, F_RDLCK, LAYOUT_LOCK_SLOT + i, 1);
	reach(1);
	pause();
	return 0;
}

START_TEST(should_go_on_beside_a_reader_that_locks_all_bytes)
{
	pid_t pid = in_child(locks_all, NULL);
	chan_t *late;

	await_step(1);
	send_text(sender, "value");
	expect_text(receiver, "value");
	/* That is the harm it can do. */
	ck_assert_int_eq(chan_open(&late, name, CHAN_RECV, NULL), -EUSERS);
	kill_child(pid);
	late = open_as(CHAN_RECV, NULL);
	if (kind == CHAN_KIND_BROADCAST)
		send_text(sender, "value");
	expect_text(late, "value");
	chan_detach(late);
}
END_TEST

/* It moves sleepers to another futex, where nobody wakes them, and wakes them for nothing. */
static _Noreturn void move_sleepers(void)
{
	chan_t *ch = child_opens();
	_Atomic uint32_t *from = &ch->control->not_empty.sequence;
	uint32_t *to = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(to != MAP_FAILED);
	for (int n = 0;; n++) {
		long moved = syscall(SYS_futex, from, FUTEX_REQUEUE, 0,
			(struct timespec *)(uintptr_t)1000, to, 0);

		if (moved > 0)
			reach(1);
		if (n % 8 == 0)
			syscall(SYS_futex, from, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

static int moves_sleepers(void *arg)
{
	(void)arg;
	move_sleepers();
}

static void *receive_late(void *arg)
{
	char buf[100];

	(void)arg;
	return (void *)(intptr_t)chan_recv(receiver, buf, sizeof(buf), SOON);
}

START_TEST(should_go_on_beside_a_reader_that_moves_sleepers)
{
	pid_t pid = in_child(moves_sleepers, NULL);
	pthread_t thread;
	int64_t began;
	void *got;

	ck_assert_int_eq(pthread_create(&thread, NULL, receive_late, NULL), 0);
	await_step(1);
	began = now();
	send_text(sender, "value");
	pthread_join(thread, &got);
	ck_assert_int_eq((intptr_t)got, 5);
	ck_assert_int_lt(now() - began, SOON / 2); /* a slice, which is a second */
	kill_child(pid);
}
END_TEST

/* ---- it is no receiver of messages ---- */

static int opens_a_queue(void *arg)
{
	chan_t *ch;

	(void)arg;
	EXPECT(setgroups(0, NULL) == 0 && setgid(OTHER) == 0 && setuid(OTHER) == 0);
	EXPECT(chan_open(&ch, full_name(), CHAN_RECV, NULL) == -EACCES);
	EXPECT(chan_open(&ch, full_name(), 0, NULL) == 0);
	chan_detach(ch);
	return 0;
}

START_TEST(should_not_receive_messages_without_the_right_to_write)
{
	chan_t *queue;

	chan_detach(sender);
	chan_detach(receiver);
	receiver = NULL;
	ck_assert_int_eq(chan_remove(name), 0);
	sender = open_as(CHAN_SEND, OPTIONS(.mode = 0644));
	queue = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(wait_child(in_child(opens_a_queue, NULL)), 0);
	chan_detach(queue);
}
END_TEST

void add_tests(void)
{
	if (!place_has(NEED_USERS))
		return;
	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX) {
		not_tried("with pthread_cond_t a sleeper takes a lock: there are no readers");
		return;
	}
	GROUP("reading the latest", setup_latest, teardown,
		should_receive_without_the_right_to_write,
		should_notice_alone_that_the_name_is_gone,
		should_end_alone_where_nothing_was_decided,
		should_not_receive_messages_without_the_right_to_write);
	GROUP("reading a broadcast", setup_broadcast, teardown,
		should_receive_without_the_right_to_write,
		should_notice_alone_that_the_name_is_gone,
		should_end_alone_where_nothing_was_decided);
	if (place_has(NEED_SYSCALLS)) {
		GROUP("waking of the latest", setup_latest, teardown,
			should_be_woken_without_announcing_its_sleep,
			should_hear_the_bell_without_asking_for_it);
		GROUP("waking of a broadcast", setup_broadcast, teardown,
			should_be_woken_without_announcing_its_sleep,
			should_hear_the_bell_without_asking_for_it);
	}
	GROUP("hostile to the latest", setup_latest, teardown, should_not_let_a_reader_write,
		should_go_on_beside_a_reader_that_locks_all_bytes,
		should_go_on_beside_a_reader_that_moves_sleepers);
	GROUP("hostile to a broadcast", setup_broadcast, teardown, should_not_let_a_reader_write,
		should_go_on_beside_a_reader_that_locks_all_bytes,
		should_go_on_beside_a_reader_that_moves_sleepers);
}
