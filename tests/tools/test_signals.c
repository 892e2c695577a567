/* SPDX-License-Identifier: MIT */
/* Waiting that a deadline, a descriptor or a signal ends. */
#include "common/deadline.h"
#include "common/signals.h"
#include "support/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

START_TEST(should_wait_until_the_deadline)
{
	ck_assert_int_eq(cli_wait_fd(-1, 0, cli_deadline(1000000)), -ETIMEDOUT);
}
END_TEST

START_TEST(should_wait_until_the_descriptor_is_ready)
{
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(cli_wait_fd(fd[0], POLLIN, cli_deadline(0)), -ETIMEDOUT);
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert_int_eq(cli_wait_fd(fd[0], POLLIN, CHAN_WAIT), 1);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* The wait begins after the signal, and ends all the same. */
START_TEST(should_end_every_wait_after_a_signal)
{
	cli_signals();
	ck_assert_int_eq(cli_signalled(), 0);
	raise(SIGTERM);
	ck_assert_int_eq(cli_signalled(), SIGTERM);
	ck_assert_int_eq(cli_wait_fd(-1, 0, CHAN_WAIT), -EINTR);
	ck_assert_int_eq(cli_wait_fd(-1, 0, CHAN_WAIT), -EINTR);
}
END_TEST

START_TEST(should_count_signals_that_do_not_kill)
{
	int before = cli_signal_count();

	cli_count_signals(0);
	for (int i = 1; i <= 3; i++) {
		raise(SIGINT);
		ck_assert_int_eq(cli_signal_count(), before + i);
	}
	ck_assert_int_eq(cli_signalled(), SIGINT);
}
END_TEST

void add_tests(void)
{
	GROUP("signals", NULL, NULL, should_wait_until_the_deadline,
		should_wait_until_the_descriptor_is_ready, should_end_every_wait_after_a_signal,
		should_count_signals_that_do_not_kill);
}
