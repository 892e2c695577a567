/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char name[64];

void name_setup(void)
{
	static unsigned n;

	snprintf(name, sizeof(name), "test.%d.%u", (int)getpid(), n++);
}

void name_teardown(void)
{
	chan_remove(name);
}

chan_t *open_as(unsigned flags, const struct chan_options *opt)
{
	chan_t *ch = NULL;

	ck_assert_int_eq(chan_open(&ch, name, flags | (opt ? CHAN_CREATE : 0), opt), 0);
	ck_assert_ptr_nonnull(ch);
	return ch;
}

pid_t in_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(arg));
	}
	return pid;
}

int wait_child(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void await(bool (*ready)(void *arg), void *arg)
{
	int64_t end = now() + SOON;
	struct timespec pause = {.tv_nsec = 200000};

	while (!ready(arg)) {
		ck_assert_msg(now() < end, "did not happen");
		nanosleep(&pause, NULL);
	}
}

bool asleep(pid_t tid)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
#ifdef __x86_64__
	return !strncmp(text, "202 ", 4);
#else
	return !strncmp(text, "98 ", 3);
#endif
}

struct dead {
	pid_t pid;
	const chan_t *ch;
};

static bool is_gone(void *arg)
{
	struct dead *d = arg;
	struct chan_endpoint e[16];
	int n = chan_endpoints(d->ch, e, 16);

	ck_assert(n >= 0 && n <= 16);
	for (int i = 0; i < n; i++)
		if (e[i].pid == d->pid)
			return false;
	return true;
}

int wait_gone(pid_t pid, const chan_t *ch)
{
	int status = wait_child(pid);

	await(is_gone, &(struct dead){pid, ch});
	return status;
}

static bool sleeps(void *arg)
{
	return asleep(*(pid_t *)arg);
}

void await_asleep(pid_t tid)
{
	await(sleeps, &tid);
}

struct chan_stat stat_of(const chan_t *ch)
{
	struct chan_stat st = {.size = sizeof(st)};

	ck_assert_int_eq(chan_stat(ch, &st), 0);
	return st;
}

int run_suite(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
