/* SPDX-License-Identifier: MIT */
/* chan_fd(): when it is readable, for both roles and kinds, and bad use. */
#include "support/await.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static chan_t *rx, *tx;
static int fd; /* of rx, at rest after setup() */

static bool readable(int of)
{
	struct pollfd p = {.fd = of, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static bool becomes_readable(int of)
{
	struct pollfd p = {.fd = of, .events = POLLIN};

	return poll(&p, 1, 30000) == 1;
}

static int receive(void)
{
	char m[64];

	return (int)chan_recv(rx, m, sizeof(m), 0);
}

static void open_both(const struct chan_options *opt)
{
	channel_setup();
	rx = open_as(CHAN_RECV | CHAN_CREATE, opt);
	tx = open_as(CHAN_SEND, NULL);
	fd = chan_fd(rx, CHAN_RECV);
	ck_assert_int_gt(fd, 2);
}

static void setup(void)
{
	open_both(OPTIONS(.capacity = 4096));
}

static void setup_exclusive(void)
{
	channel_setup();
	rx = open_as(CHAN_RECV | CHAN_CREATE | CHAN_EXCLUSIVE, OPTIONS(.capacity = 4096));
	tx = open_as(CHAN_SEND | CHAN_EXCLUSIVE, NULL);
	fd = chan_fd(rx, CHAN_RECV);
	ck_assert_int_gt(fd, 2);
}

static void teardown(void)
{
	chan_detach(rx);
	chan_detach(tx);
	channel_teardown();
}

/* Bring it to rest: nothing is there. */
static void rest(void)
{
	ck_assert_int_eq(receive(), -EAGAIN);
	ck_assert(!readable(fd));
}

START_TEST(should_be_readable_until_a_call_found_nothing)
{
	ck_assert(readable(fd));
	rest();
	for (int i = 0; i < 100; i++) {
		send_text(tx, "1");
		ck_assert(readable(fd));
		send_text(tx, "2");
		ck_assert_int_eq(receive(), 1);
		ck_assert(readable(fd)); /* there is another one */
		ck_assert_int_eq(receive(), 1);
		rest();
	}
}
END_TEST

START_TEST(should_be_the_same_each_time_and_close_on_exec)
{
	ck_assert_int_eq(chan_fd(rx, CHAN_RECV), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(should_be_readable_when_the_channel_ends)
{
	rest();
	chan_close(tx, CHAN_DRAIN);
	ck_assert(readable(fd));
	ck_assert_int_eq(receive(), -EPIPE);
	ck_assert(readable(fd));
}
END_TEST

START_TEST(should_be_readable_when_the_name_is_gone)
{
	rest();
	ck_assert_int_eq(unlink(segment_path), 0);
	ck_assert(becomes_readable(fd));
	ck_assert_int_eq(receive(), -EIDRM);
}
END_TEST

START_TEST(should_be_readable_when_there_is_room)
{
	char m[512] = "";
	int room = chan_fd(tx, CHAN_SEND);

	ck_assert_int_gt(room, 2);
	ck_assert(readable(room));
	while (chan_send(tx, m, sizeof(m), 0) == 0)
		ck_assert(readable(room));
	ck_assert(!readable(room));
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), 0), sizeof(m));
	ck_assert(readable(room));
	ck_assert_int_eq(chan_send(tx, m, sizeof(m), 0), 0);
	ck_assert_int_eq(chan_send(tx, m, sizeof(m), 0), -EAGAIN);
	ck_assert(!readable(room));
}
END_TEST

START_TEST(should_be_readable_when_a_sender_that_fails_has_room)
{
	char m[512] = "";
	int room = chan_fd(tx, CHAN_SEND);

	chan_set_overflow(tx, CHAN_FAIL);
	while (chan_send(tx, m, sizeof(m), CHAN_WAIT) == 0)
		;
	ck_assert(!readable(room));
	ck_assert_int_eq(chan_recv(rx, m, sizeof(m), 0), sizeof(m));
	ck_assert(readable(room));
}
END_TEST

START_TEST(should_stay_readable_for_a_sender_that_never_waits)
{
	char m[512] = "";
	int room = chan_fd(tx, CHAN_SEND);

	chan_set_overflow(tx, CHAN_DROP_NEWEST);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_ge(chan_send(tx, m, sizeof(m), 0), 0);
		ck_assert(readable(room));
	}
}
END_TEST

/* A child that opens the channel to send, says so, and waits to be killed. */
static int hold_open(void *arg)
{
	chan_t *ch;
	int *to = arg;

	if (chan_open(&ch, name, CHAN_SEND, NULL) < 0 || write(to[1], "", 1) != 1)
		return 1;
	pause();
	return 0;
}

static pid_t holder(void)
{
	int to[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(to), 0);
	pid = in_child(hold_open, to);
	ck_assert_int_eq(read(to[0], &byte, 1), 1);
	close(to[0]);
	close(to[1]);
	return pid;
}

START_TEST(should_be_readable_when_a_process_that_had_it_open_is_killed)
{
	pid_t pid;

	rest();
	pid = holder();
	kill(pid, SIGKILL);
	ck_assert(becomes_readable(fd));
	wait_child(pid);
}
END_TEST

static void setup_end_with_senders(void)
{
	open_both(OPTIONS(.capacity = 4096, .flags = CHAN_END_WITH_SENDERS));
	chan_detach(tx);
	tx = NULL;
}

START_TEST(should_learn_of_the_death_of_the_last_sender)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = holder();
		int err;

		while ((err = receive()) == -EAGAIN && readable(fd))
			;
		ck_assert_int_eq(err, -EAGAIN);
		kill(pid, SIGKILL);
		do {
			ck_assert(becomes_readable(fd));
			err = receive();
		} while (err == -EAGAIN);
		ck_assert_int_eq(err, -EPIPE);
		wait_child(pid);
	}
}
END_TEST

START_TEST(should_leave_the_loop_when_its_endpoint_is_detached)
{
	struct epoll_event e = {.events = EPOLLIN};
	int loop = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e), 0);
	ck_assert_int_eq(epoll_wait(loop, &e, 1, 0), 1);
	chan_detach(rx);
	rx = NULL;
	send_text(tx, "1");
	ck_assert_int_eq(epoll_wait(loop, &e, 1, 0), 0);
	close(loop);
}
END_TEST

START_TEST(should_be_of_no_use_in_a_child)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(chan_fd(rx, CHAN_RECV) != -ENOTCONN || fcntl(fd, F_GETFD) >= 0);
	ck_assert_int_eq(wait_child(pid), 0);
	rest();
}
END_TEST

START_TEST(should_refuse_bad_use)
{
	ck_assert_int_eq(chan_fd(rx, CHAN_SEND), -EBADF);
	ck_assert_int_eq(chan_fd(tx, CHAN_RECV), -EBADF);
	ck_assert_int_eq(chan_fd(rx, 0), -EINVAL);
	ck_assert_int_eq(chan_fd(rx, CHAN_SEND | CHAN_RECV), -EINVAL);
}
END_TEST

/* ---- without inotify ---- */

/* Refuse inotify_init1(2) from now on in this process, as a sandbox may. */
static void refuse_inotify(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_inotify_init1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void setup_without_inotify(void)
{
	refuse_inotify();
	setup();
}

START_TEST(should_be_readable_also_without_inotify)
{
	ck_assert(readable(fd));
	for (int i = 0; i < 100; i++) {
		rest();
		send_text(tx, "1");
		ck_assert(becomes_readable(fd));
		send_text(tx, "2");
		ck_assert_int_eq(receive(), 1);
		ck_assert(readable(fd)); /* there is another one */
		ck_assert_int_eq(receive(), 1);
	}
	rest();
	chan_close(tx, CHAN_DRAIN);
	ck_assert(becomes_readable(fd));
	ck_assert_int_eq(receive(), -EPIPE);
}
END_TEST

/* Receive one message in a child. */
static int pass(void *arg)
{
	char m[8];
	chan_t *ch;

	(void)arg;
	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return 1;
	return chan_recv(ch, m, sizeof(m), 30 * SECOND) != 1;
}

/* The thread that listens must not keep a wake-up that another receiver needs. */
START_TEST(should_pass_wake_ups_on_without_inotify)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid;

		rest();
		pid = in_child(pass, NULL);
		ck_assert(wait_asleep(pid, SYS_futex));
		send_text(tx, "1"); /* nobody calls here: it is the child's */
		ck_assert_int_eq(wait_child(pid), 0);
	}
}
END_TEST

/* ---- rendezvous ---- */

static void setup_rendezvous(void)
{
	open_both(OPTIONS(.kind = CHAN_KIND_RENDEZVOUS));
}

START_TEST(should_be_readable_when_a_receiver_waits)
{
	int meet = chan_fd(tx, CHAN_SEND), err;
	pid_t pid;

	while (chan_send(tx, "m", 1, 0) == -EAGAIN && readable(meet))
		;
	ck_assert(!readable(meet));
	pid = in_child(pass, NULL);
	do {
		ck_assert(becomes_readable(meet));
		err = chan_send(tx, "m", 1, 0);
	} while (err == -EAGAIN);
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

void add_tests(void)
{
	GROUP("pollable", setup, teardown, should_be_readable_until_a_call_found_nothing,
		should_be_the_same_each_time_and_close_on_exec,
		should_be_readable_when_the_channel_ends, should_be_readable_when_the_name_is_gone,
		should_be_readable_when_there_is_room,
		should_be_readable_when_a_sender_that_fails_has_room,
		should_stay_readable_for_a_sender_that_never_waits,
		should_be_readable_when_a_process_that_had_it_open_is_killed,
		should_leave_the_loop_when_its_endpoint_is_detached, should_be_of_no_use_in_a_child,
		should_refuse_bad_use);
	GROUP("pollable, exclusive", setup_exclusive, teardown,
		should_be_readable_until_a_call_found_nothing);
	GROUP("pollable, ends with its senders", setup_end_with_senders, teardown,
		should_learn_of_the_death_of_the_last_sender);
	GROUP("pollable, without inotify", setup_without_inotify, teardown,
		should_be_readable_also_without_inotify, should_pass_wake_ups_on_without_inotify,
		should_be_of_no_use_in_a_child);
	GROUP("pollable, rendezvous", setup_rendezvous, teardown,
		should_be_readable_when_a_receiver_waits);
}
