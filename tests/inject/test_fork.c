/* SPDX-License-Identifier: MIT */
/*
 * fork() while attached, with and without exec.  A child has none of its parent's
 * endpoints: it can't use them, and does not keep them alive; and what it does
 * with its copies of the handles does the parent no harm.
 */
#define _GNU_SOURCE 1
#include "shmchan.h"

#include <check.h>
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

enum { PATIENCE = 20 };

extern char **environ;
static char name[64];
static char buf[64];

static chan_t *open_it(unsigned flags)
{
	chan_t *ch;

	ck_assert_int_eq(chan_open(&ch, name, flags, NULL), 0);
	return ch;
}

static struct chan_stat stat_of(chan_t *ch)
{
	struct chan_stat st = {.size = sizeof(st)};

	ck_assert_int_eq(chan_stat(ch, &st), 0);
	return st;
}

/* Run `work` in a child, and expect it to return true. */
static void in_child(bool (*work)(chan_t *), chan_t *ch)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(work(ch) ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(
		WIFEXITED(status) && WEXITSTATUS(status) == 0, "in the child: status %x", status);
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
	EXPECT(chan_recover(ch), -ENOTCONN);
	EXPECT(chan_close(ch, CHAN_DRAIN), -ENOTCONN);
	chan_abort(ch);
	chan_interrupt(ch, 1);
	chan_interrupt(ch, 0);
	chan_detach(ch);
	return true;
}

START_TEST(a_child_can_not_use_its_parents_endpoint)
{
	chan_t *ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_CREATE);

	in_child(every_call_is_refused, ch);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	ck_assert_uint_eq(stat_of(ch).senders, 1);
	chan_detach(ch);
}
END_TEST

START_TEST(nor_an_exclusive_one)
{
	chan_t *ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE | CHAN_CREATE);

	in_child(every_call_is_refused, ch);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	chan_detach(ch);
}
END_TEST

START_TEST(a_fork_during_a_reservation_and_a_lease)
{
	chan_t *ch = open_it(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	struct chan_lease lease;
	void *place;

	ck_assert_int_eq(chan_send(ch, "leased", 6, 0), 0);
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_reserve(ch, &place, 8, 0), 0);
	in_child(every_call_is_refused, ch);
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

START_TEST(a_child_opens_its_own)
{
	chan_t *ch = open_it(CHAN_RECV | CHAN_CREATE);

	in_child(in_grandchild, ch);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 14);
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 9);
	}
	chan_detach(ch);
}
END_TEST

/* ---- a child that outlives its parent does not keep its endpoints ---- */

static void wait_until_gone(chan_t *watch)
{
	struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; stat_of(watch).senders; i++) {
		ck_assert_int_lt(i, PATIENCE * 1000);
		nanosleep(&ms, NULL);
	}
}

/* A parent with an endpoint and a child that `spawns`; it tells the child's number
 * through the pipe, and is killed. */
static void check_outlived(pid_t (*spawns)(void))
{
	chan_t *watch = open_it(CHAN_RECV | CHAN_CREATE);
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
	wait_until_gone(watch);
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

START_TEST(a_child_does_not_keep_its_parents_endpoint)
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

START_TEST(exec_detaches)
{
	chan_t *watch = open_it(CHAN_RECV | CHAN_CREATE);

	in_child(execs, watch);
	wait_until_gone(watch);
	chan_detach(watch);
}
END_TEST

static void setup(void)
{
	snprintf(name, sizeof(name), "fork-%d", (int)getpid());
}

static void teardown(void)
{
	chan_remove(name);
}

int main(void)
{
	Suite *s = suite_create("fork");
	TCase *tc = tcase_create("fork");
	SRunner *runner;
	int failed;

	/* Orphans of killed parents come to us, and end with us. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_child_can_not_use_its_parents_endpoint);
	tcase_add_test(tc, nor_an_exclusive_one);
	tcase_add_test(tc, a_fork_during_a_reservation_and_a_lease);
	tcase_add_test(tc, a_child_opens_its_own);
	tcase_add_loop_test(tc, a_child_does_not_keep_its_parents_endpoint, 0, 3);
	tcase_add_test(tc, exec_detaches);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
