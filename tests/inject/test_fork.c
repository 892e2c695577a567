/* SPDX-License-Identifier: MIT */
/*
 * fork() while attached, with and without exec.  A child has none of its parent's
 * endpoints: it can't use them, and does not keep them alive; and what it does
 * with its copies of the handles does the parent no harm.
 */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char buf[64];

struct share {
	bool (*work)(chan_t *ch);
	chan_t *ch;
};

static int do_share(void *arg)
{
	struct share *s = arg;

	return s->work(s->ch) ? 0 : 1;
}

/* Run `work` in a child, and expect it to return true. */
static void in_a_child(bool (*work)(chan_t *), chan_t *ch)
{
	ck_assert_int_eq(wait_child(in_child(do_share, &(struct share){work, ch})), 0);
}

#define EXPECT(call, result)                                                                       \
	do {                                                                                       \
		long long r_ = (call);                                                             \
		if (r_ != (result)) {                                                              \
			fprintf(stderr, "%s: %s\n", #call, chan_strerror((int)r_));                \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static bool every_call_is_refused(chan_t *ch)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_endpoint e[2];
	struct chan_lease lease[1] = {{.len = 0}};
	struct chan_cursor at = {0};
	struct iovec iov = {buf, sizeof(buf)};
	void *place;

	EXPECT(chan_send(ch, "x", 1, CHAN_WAIT), -ENOTCONN);
	EXPECT(chan_send_batch(ch, &iov, 1, CHAN_WAIT), -ENOTCONN);
	EXPECT(chan_reserve(ch, &place, 1, CHAN_WAIT), -ENOTCONN);
	EXPECT(chan_commit(ch, 0), -ENOTCONN);
	EXPECT(chan_recv(ch, buf, sizeof(buf), CHAN_WAIT), -ENOTCONN);
	EXPECT(chan_recv_batch(ch, &iov, 1, CHAN_WAIT), -ENOTCONN);
	EXPECT(chan_take(ch, lease, 1, CHAN_WAIT), -ENOTCONN);
	EXPECT(chan_ack(ch, lease, 1), -ENOTCONN);
	EXPECT(chan_release(ch, lease, 1), -ENOTCONN);
	EXPECT(chan_stat(ch, &st), -ENOTCONN);
	EXPECT(chan_endpoints(ch, e, 2), -ENOTCONN);
	EXPECT(chan_peek(ch, buf, sizeof(buf), &at), -ENOTCONN);
	EXPECT(chan_purge(ch), -ENOTCONN);
	EXPECT(chan_pause(ch, 1), -ENOTCONN);
	EXPECT(chan_recover(ch), -ENOTCONN);
	EXPECT(chan_close(ch, CHAN_DRAIN), -ENOTCONN);
	chan_abort(ch);
	chan_interrupt(ch, 1);
	chan_interrupt(ch, 0);
	chan_detach(ch);
	return true;
}

START_TEST(should_refuse_every_call_of_a_child_on_its_parents_endpoint)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV | CHAN_CREATE, NULL);

	in_a_child(every_call_is_refused, ch);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	ck_assert_uint_eq(stat_of(ch).senders, 1);
	chan_detach(ch);
}
END_TEST

START_TEST(should_refuse_every_call_of_a_child_on_an_exclusive_one)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE | CHAN_CREATE, NULL);

	in_a_child(every_call_is_refused, ch);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	chan_detach(ch);
}
END_TEST

START_TEST(should_keep_a_reservation_and_a_lease_over_a_fork)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV | CHAN_CREATE, NULL);
	struct chan_lease lease;
	void *place;

	ck_assert_int_eq(chan_send(ch, "leased", 6, 0), 0);
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_reserve(ch, &place, 8, 0), 0);
	in_a_child(every_call_is_refused, ch);
	memcpy(place, "reserved", 8);
	ck_assert_int_eq(chan_commit(ch, 8), 0);
	ck_assert_mem_eq(lease.data, "leased", 6);
	ck_assert_int_eq(chan_ack(ch, &lease, 1), 1);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 8);
	ck_assert_uint_eq(stat_of(ch).recoveries, 0);
	chan_detach(ch);
}
END_TEST

static bool open_own(chan_t *parents)
{
	chan_t *ch;

	EXPECT(chan_open(&ch, name, CHAN_SEND, NULL), 0);
	EXPECT(chan_send(ch, "from the child", 14, 0), 0);
	chan_detach(parents);
	EXPECT(chan_send(ch, "and again", 9, 0), 0);
	chan_detach(ch);
	return true;
}

static bool in_grandchild(chan_t *parents)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(open_own(parents) ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0 && open_own(parents);
}

START_TEST(should_let_a_child_open_its_own)
{
	chan_t *ch = open_as(CHAN_RECV | CHAN_CREATE, NULL);

	in_a_child(in_grandchild, ch);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 14);
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 9);
	}
	chan_detach(ch);
}
END_TEST

/* ---- a child that outlives its parent does not keep its endpoints ---- */

static bool no_sender(void *arg)
{
	return stat_of(arg).senders == 0;
}

/* Let a parent with an endpoint start a child by `spawns`, write the child's number to the
 * pipe, and be killed. */
static void check_outlived(pid_t (*spawns)(void))
{
	chan_t *watch = open_as(CHAN_RECV | CHAN_CREATE, NULL);
	pid_t parent, child = 0;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	parent = fork();
	ck_assert_int_ge(parent, 0);
	if (parent == 0) {
		chan_t *ch;

		if (chan_open(&ch, name, CHAN_SEND, NULL) < 0)
			_exit(1);
		child = spawns();
		if (write(fd[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		pause();
	}
	ck_assert_int_eq(read(fd[0], &child, sizeof(child)), (int)sizeof(child));
	ck_assert_int_gt(child, 0);
	ck_assert_uint_eq(stat_of(watch).senders, 1);
	kill(parent, SIGKILL);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	ck_assert_int_eq(kill(child, 0), 0); /* it lives */
	await(no_sender, watch);
	ck_assert_int_eq(kill(child, 0), 0);
	kill(child, SIGKILL);
	chan_detach(watch);
	close(fd[0]);
	close(fd[1]);
}

static pid_t forks(void)
{
	pid_t pid = fork();

	if (pid == 0)
		pause();
	return pid;
}

static char *const sleep_argv[] = {(char[]){"sleep"}, (char[]){"60"}, NULL};

static pid_t forks_and_execs(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(sleep_argv[0], sleep_argv);
		_exit(127);
	}
	return pid;
}

static pid_t posix_spawns(void)
{
	pid_t pid;

	return posix_spawnp(&pid, sleep_argv[0], NULL, NULL, sleep_argv, environ) ? -1 : pid;
}

START_TEST(should_not_keep_a_dead_parents_endpoint_in_its_child)
{
	static pid_t (*const ways[])(void) = {forks, forks_and_execs, posix_spawns};

	check_outlived(ways[_i]);
}
END_TEST

static bool execs(chan_t *ch)
{
	chan_t *mine;
	char program[] = "/bin/true", *argv[] = {program, NULL};

	(void)ch;
	EXPECT(chan_open(&mine, name, CHAN_SEND, NULL), 0);
	execv(program, argv);
	return false;
}

START_TEST(should_detach_by_exec)
{
	chan_t *watch = open_as(CHAN_RECV | CHAN_CREATE, NULL);

	in_a_child(execs, watch);
	await(no_sender, watch);
	chan_detach(watch);
}
END_TEST

static void setup(void)
{
	/* Orphans of killed parents come to this process, and end with it. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	channel_setup();
}

void add_tests(void)
{
	GROUP("fork", setup, channel_teardown,
		should_refuse_every_call_of_a_child_on_its_parents_endpoint,
		should_refuse_every_call_of_a_child_on_an_exclusive_one,
		should_keep_a_reservation_and_a_lease_over_a_fork, should_let_a_child_open_its_own,
		should_detach_by_exec);
	GROUP_FOR(0, 3, "orphans", setup, channel_teardown,
		should_not_keep_a_dead_parents_endpoint_in_its_child);
}
