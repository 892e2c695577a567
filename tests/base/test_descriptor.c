/* SPDX-License-Identifier: MIT */
/*
 * The library's descriptors: never below 3, not for an instant; recognized, so that
 * a program that closed them loses neither its own files nor anybody's messages.
 */
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST = 64 };

static char buf[64];
static char control[108]; /* a chand of ours */

/* ---- numbers ---- */

static bool standard_closed(void)
{
	return fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
}

static int look_at_numbers(const char *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return standard_closed() ? 1 : 2;
}

/* For children, whose exit status says the line at which they failed. */
#define EXPECT(what)                                                                               \
	do                                                                                         \
		if (!(what))                                                                       \
			return 1 + __LINE__ % 200;                                                 \
	while (0)

static int open_with_closed_standard(void *arg)
{
	chan_t *a, *b, *c;

	(void)arg;
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	EXPECT(chan_open(&a, name, CHAN_SEND | CHAN_CREATE, NULL) == 0);
	EXPECT(chan_open(&b, name, CHAN_RECV, NULL) == 0 && chan_open(&c, name, 0, NULL) == 0);
	EXPECT(standard_closed());
	EXPECT(write(1, "the service has started\n", 24) < 0 && errno == EBADF);
	EXPECT(chan_list(look_at_numbers, NULL) == 1);
	EXPECT(chan_send(a, "x", 1, 0) == 0 && chan_recv(b, buf, sizeof(buf), 0) == 1);
	chan_detach(a);
	chan_detach(b);
	chan_detach(c);
	EXPECT(chan_collect(name) == 0 && standard_closed());
	return 0;
}

START_TEST(should_have_no_descriptor_below_3)
{
	ck_assert_int_eq(wait_child(in_child(open_with_closed_standard, NULL)), 0);
	chan_detach(open_as(CHAN_SEND, NULL)); /* the header is what it was */
}
END_TEST

static _Atomic bool over;

static void *write_always(void *arg)
{
	intptr_t written = 0;

	(void)arg;
	while (!atomic_load(&over))
		written += write(1, "output\n", 7) >= 0;
	return (void *)written;
}

static int open_while_writing(void *arg)
{
	pthread_t thread;
	void *written;
	chan_t *ch;

	(void)arg;
	close(1);
	EXPECT(pthread_create(&thread, NULL, write_always, NULL) == 0);
	for (int i = 0; i < 4000; i++) {
		EXPECT(chan_open(&ch, name, CHAN_SEND, NULL) == 0);
		chan_detach(ch);
	}
	atomic_store(&over, true);
	pthread_join(thread, &written);
	EXPECT(!written);
	return 0;
}

START_TEST(should_never_let_output_of_another_thread_meet_a_segment)
{
	ck_assert_int_eq(chan_create(name, NULL), 0);
	ck_assert_int_eq(wait_child(in_child(open_while_writing, NULL)), 0);
	chan_detach(open_as(CHAN_SEND, NULL));
}
END_TEST

/* ---- what chand sends ---- */

static int listen_as_chand(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(control, sizeof(control), "/dev/shm/%s.control", name);
	memcpy(at.sun_path, control, sizeof(at.sun_path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	setenv("SHMCHAN_CONTROL", control, 1);
	return fd;
}

static bool has_number(pid_t pid, int fd)
{
	char path[64], to[8];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	return readlink(path, to, sizeof(to)) >= 0;
}

static int fd_of_channel(void)
{
	return open(segment_path, O_RDWR | O_CLOEXEC);
}

/* Answer one request of a client that has closed 0 to 2, with two descriptors. */
static void answer_one(int listener, pid_t client)
{
	static char ok[] = "chand/1 OK\naccess=rw\n";
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} ancillary = {.bytes = {0}};
	struct iovec iov = {ok, sizeof(ok) - 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int sock = accept(listener, NULL, NULL), fd[2] = {fd_of_channel(), fd_of_channel()};
	char request[4096];

	ck_assert_int_ge(sock, 0);
	ck_assert_int_gt(recv(sock, request, sizeof(request), 0), 0);
	for (int i = 0; i <= 2; i++)
		ck_assert_msg(!has_number(client, i), "its socket has number %d", i);
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(fd))};
	memcpy(CMSG_DATA(c), fd, sizeof(fd));
	ck_assert_int_gt(sendmsg(sock, &msg, 0), 0);
	close(fd[0]);
	close(fd[1]);
	close(sock);
}

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < LAST; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* As another user, for whom the channel is chand's to open. */
static int open_as_another_user(void *arg)
{
	char full[128];
	int before;
	chan_t *ch;

	(void)arg;
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	before = descriptors();
	snprintf(full, sizeof(full), "%u/%s", (unsigned)geteuid(), name);
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT(chan_open(&ch, full, CHAN_SEND, NULL) == 0);
	EXPECT(standard_closed() && descriptors() == before + 1);
	EXPECT(chan_send(ch, "x", 1, 0) == 0);
	chan_detach(ch);
	EXPECT(descriptors() == before);
	return 0;
}

START_TEST(should_take_one_descriptor_from_chand_and_close_the_others)
{
	int listener;
	pid_t pid;

	ck_assert_int_eq(chan_create(name, NULL), 0);
	listener = listen_as_chand();
	ck_assert_int_eq(chmod(control, 0666), 0);
	pid = in_child(open_as_another_user, NULL);
	answer_one(listener, pid);
	ck_assert_int_eq(wait_child(pid), 0);
	unlink(control);
	close(listener);
}
END_TEST

/* ---- closed by the program ---- */

static void close_all(void)
{
	for (int fd = 3; fd < LAST; fd++)
		close(fd);
}

/* Its own files get the numbers of what it closed. */
static int take_numbers(void)
{
	int n = 0;

	for (int i = 0; i < 8; i++)
		n += open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0;
	return n;
}

static int closes_what_it_does_not_know(void *arg)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_endpoint e[4];
	struct chan_lease lease;
	chan_t *a, *b, *observer;
	bool reuse = *(bool *)arg;

	EXPECT(chan_open(&a, name, CHAN_SEND, NULL) == 0);
	EXPECT(chan_open(&b, name, CHAN_RECV, NULL) == 0);
	EXPECT(chan_open(&observer, name, 0, NULL) == 0);
	close_all();
	EXPECT(!reuse || take_numbers() == 8);
	/* What needs no descriptor goes on. */
	EXPECT(chan_recv(b, buf, sizeof(buf), 0) == 5); /* the parent's */
	EXPECT(chan_take(b, &lease, 1, 0) == 1 && chan_ack(b, &lease, 1) == 1);
	/* Calls that ask for peers do not take "can't be asked" for "nobody". */
	EXPECT(chan_recv(b, buf, sizeof(buf), 0) == -EBADFD);
	EXPECT(chan_recv(b, buf, sizeof(buf), CHAN_WAIT) == -EBADFD);
	EXPECT(chan_send(a, "x", 1, CHAN_WAIT) == -EBADFD);
	EXPECT(chan_stat(a, &st) == -EBADFD && chan_stat(observer, &st) == -EBADFD);
	EXPECT(chan_endpoints(b, e, 4) == -EBADFD);
	EXPECT(chan_recover(b) == -EBADFD);
	chan_detach(a);
	chan_detach(b);
	chan_detach(observer);
	EXPECT(descriptors() == (reuse ? 3 + 8 : 3)); /* none of its own was closed */
	/* It can open anew. */
	EXPECT(chan_open(&a, name, CHAN_SEND, NULL) == 0 && chan_send(a, "again", 5, 0) == 0);
	chan_detach(a);
	return 0;
}

START_TEST(should_report_that_it_was_closed_and_leave_the_programs_files)
{
	bool reuse = _i;
	chan_t *sender =
		open_as(CHAN_SEND, OPTIONS(.flags = CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS));
	chan_t *receiver = open_as(CHAN_RECV, NULL);

	ck_assert_int_eq(chan_send(sender, "first", 5, 0), 0);
	ck_assert_int_eq(chan_send(sender, "second", 6, 0), 0);
	ck_assert_int_eq(wait_child(in_child(closes_what_it_does_not_know, &reuse)), 0);
	ck_assert_uint_eq(stat_of(sender).senders, 1);
	ck_assert_uint_eq(stat_of(sender).receivers, 1);
	ck_assert_int_eq(chan_recv(receiver, buf, sizeof(buf), 0), 5);
	chan_detach(sender);
	chan_detach(receiver);
}
END_TEST

static int looks_for_leases_of_the_dead(void *arg)
{
	chan_t *ch;

	(void)arg;
	EXPECT(chan_open(&ch, name, CHAN_RECV, NULL) == 0);
	close_all();
	take_numbers();
	EXPECT(chan_recv(ch, buf, sizeof(buf), 0) == -EBADFD);
	EXPECT(chan_recover(ch) == -EBADFD);
	chan_detach(ch);
	return 0;
}

START_TEST(should_take_no_lease_from_the_living)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	struct chan_lease lease;

	ck_assert_int_eq(chan_send(ch, "leased", 6, 0), 0);
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);
	ck_assert_int_eq(wait_child(in_child(looks_for_leases_of_the_dead, NULL)), 0);
	ck_assert_int_eq(chan_ack(ch, &lease, 1), 1);
	ck_assert_uint_eq(stat_of(ch).redelivered, 0);
	chan_detach(ch);
}
END_TEST

/* The number of the first is another endpoint's, of the same channel. */
static int opens_again_after_closing(void *arg)
{
	struct chan_stat st = {.size = sizeof(st)};
	chan_t *closed, *ch;

	(void)arg;
	EXPECT(chan_open(&closed, name, CHAN_SEND, NULL) == 0);
	close_all();
	EXPECT(chan_open(&ch, name, CHAN_RECV, NULL) == 0);
	EXPECT(chan_stat(closed, &st) == -EBADFD);
	EXPECT(chan_stat(ch, &st) == 0 && st.senders == 1 && st.receivers == 1);
	chan_detach(closed);
	EXPECT(chan_stat(ch, &st) == 0 && st.senders == 0 && st.receivers == 1);
	chan_detach(ch);
	return 0;
}

START_TEST(should_leave_an_endpoint_that_has_the_number)
{
	ck_assert_int_eq(chan_create(name, NULL), 0);
	ck_assert_int_eq(wait_child(in_child(opens_again_after_closing, NULL)), 0);
}
END_TEST

static int forks_after_closing(void *arg)
{
	chan_t *ch;
	int had, status;
	pid_t pid;

	(void)arg;
	EXPECT(chan_open(&ch, name, CHAN_SEND, NULL) == 0);
	close_all();
	take_numbers();
	had = descriptors();
	pid = fork();
	if (pid == 0)
		_exit(descriptors() == had ? 0 : 1);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	chan_detach(ch);
	EXPECT(descriptors() == had);
	return 0;
}

START_TEST(should_leave_the_programs_files_in_a_child)
{
	ck_assert_int_eq(chan_create(name, NULL), 0);
	ck_assert_int_eq(wait_child(in_child(forks_after_closing, NULL)), 0);
}
END_TEST

static int leaves_last_after_closing(void *arg)
{
	chan_t *ch;

	(void)arg;
	EXPECT(chan_open(&ch, name, CHAN_SEND | CHAN_CREATE, OPTIONS(.lifetime = CHAN_REF)) == 0);
	close_all();
	chan_detach(ch);
	EXPECT(fd_of_channel() < 0);
	return 0;
}

START_TEST(should_remove_the_name_as_the_last_all_the_same)
{
	ck_assert_int_eq(wait_child(in_child(leaves_last_after_closing, NULL)), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("numbers", channel_setup, channel_teardown, should_have_no_descriptor_below_3);
	if (THREAD_SANITIZER)
		not_tried("to the thread sanitizer a number that is opened while it is written is "
			  "a race");
	else
		GROUP("other threads", channel_setup, channel_teardown,
			should_never_let_output_of_another_thread_meet_a_segment);
	if (place_has(NEED_ROOT))
		GROUP("from chand", channel_setup, channel_teardown,
			should_take_one_descriptor_from_chand_and_close_the_others);
	GROUP_FOR(0, 2, "closed by the program", channel_setup, channel_teardown,
		should_report_that_it_was_closed_and_leave_the_programs_files);
	GROUP("closed, and", channel_setup, channel_teardown, should_take_no_lease_from_the_living,
		should_leave_an_endpoint_that_has_the_number,
		should_leave_the_programs_files_in_a_child,
		should_remove_the_name_as_the_last_all_the_same);
}
