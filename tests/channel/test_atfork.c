/* SPDX-License-Identifier: MIT */
/*
 * fork() while the library is at work: in a signal handler that interrupts a call, and
 * in another thread while a call waits for another process.
 */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/process.h"
#include "support/socket.h"
#include "support/suite.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- in a handler ---- */

enum { FORKS = 300 };

static volatile sig_atomic_t forks, bad;

static void fork_here(int sig)
{
	pid_t pid = fork();
	int status;

	(void)sig;
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		bad = 1;
	forks++;
}

static int nothing(const char *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return 0;
}

static int use_under_forks(void *arg)
{
	struct itimerval often = {{0, 1000}, {0, 1000}};
	char other[CHAN_NAME_MAX];
	chan_t *ch;

	(void)arg;
	snprintf(other, sizeof(other), "%s.other", name);
	signal(SIGALRM, fork_here);
	setitimer(ITIMER_REAL, &often, NULL);
	while (forks < FORKS && !bad) {
		if (chan_open(&ch, name, CHAN_SEND | CHAN_RECV, NULL) < 0)
			return 1;
		chan_detach(ch);
		if (chan_create(other, OPTIONS(.capacity = 4096)) < 0 || chan_collect(other) < 0 ||
			chan_list(nothing, NULL) < 0 || chan_remove(other) < 0)
			return 2;
	}
	return bad;
}

START_TEST(should_let_a_handler_fork_in_any_call)
{
	ck_assert_int_eq(chan_create(name, NULL), 0);
	ck_assert_int_eq(wait_child(in_child(use_under_forks, NULL)), 0);
}
END_TEST

/* ---- beside a call that waits ---- */

struct opening {
	char name[128];
	_Atomic bool done;
	int result;
};

static void *open_it(void *arg)
{
	struct opening *o = arg;
	chan_t *ch;

	o->result = chan_open(&ch, o->name, CHAN_RECV, NULL);
	if (o->result == 0)
		chan_detach(ch);
	atomic_store(&o->done, true);
	return NULL;
}

static bool forks_and_opens(void)
{
	pid_t pid = fork();
	chan_t *ch;
	int status;

	if (pid == 0)
		_exit(chan_open(&ch, name, CHAN_SEND, NULL) < 0);
	ck_assert_int_ge(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	chan_detach(open_as(CHAN_SEND, NULL));
	return true;
}

/* Start the opening, wait until it is under way, and then fork and open another: the
 * first must still be waiting.  It waits a second, which a busy machine may need for a
 * fork: so once in a few tries. */
static void check_beside(const char *what, void (*await_start)(void *), void *arg)
{
	for (int i = 0; i < 10; i++) {
		struct opening o = {.done = false};
		pthread_t thread;
		bool waited;

		snprintf(o.name, sizeof(o.name), "%s", what);
		ck_assert_int_eq(pthread_create(&thread, NULL, open_it, &o), 0);
		await_start(arg);
		waited = forks_and_opens() && atomic_load(&o.done);
		pthread_join(thread, NULL);
		ck_assert_int_lt(o.result, 0);
		if (!waited)
			return;
	}
	ck_abort_msg("fork() or chan_open() waited each time");
}

/* A chand that never answers was asked. */
static void await_request(void *arg)
{
	struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
	int connection;

	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	connection = accept(p.fd, NULL, NULL);
	ck_assert_int_ge(connection, 0);
	p.fd = connection;
	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	/* It stays open: the request is not answered. */
}

START_TEST(should_not_wait_while_chand_does_not_answer)
{
	char path[sizeof(name) + 32];
	int listener;

	ck_assert_int_eq(chan_create(name, NULL), 0);
	snprintf(path, sizeof(path), "/dev/shm/%s.control", name);
	listener = bind_path(path, SOCK_SEQPACKET | SOCK_CLOEXEC);
	ck_assert_int_eq(listen(listener, 5), 0);
	setenv("SHMCHAN_CONTROL", path, 1);
	check_beside("4294967294/nothing", await_request, &listener);
	unlink(path);
}
END_TEST

static void await_attached(void *arg)
{
	struct timespec ms = {.tv_nsec = 1000000};

	while (stat_of(arg).receivers < 2)
		nanosleep(&ms, NULL);
}

START_TEST(should_not_wait_while_the_receivers_lock_is_held)
{
	chan_t *ch = open_as(CHAN_RECV | CHAN_CREATE, NULL);

	/* As one that is stopped in it. */
	ck_assert_int_eq(lock_try(&ch->control->receivers.lock), 0);
	check_beside(name, await_attached, ch);
	lock_release(&ch->control->receivers.lock);
	chan_detach(ch);
}
END_TEST

/* ---- the child has nothing of it ---- */

static _Atomic bool over;

static void *open_always(void *arg)
{
	(void)arg;
	while (!atomic_load(&over)) {
		chan_t *ch;

		if (chan_open(&ch, name, CHAN_SEND | CHAN_RECV, NULL) == 0)
			chan_detach(ch);
	}
	return NULL;
}

/* No descriptor but the standard ones, and no mapping. */
static int has_nothing(void)
{
	char line[512];
	FILE *maps;

	for (int fd = 3; fd < 64; fd++) {
		char path[64], to[256] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, "/dev/shm/"))
			return 1;
	}
	maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "/dev/shm/"))
			return 2;
	return 0;
}

START_TEST(should_leave_nothing_half_made_in_a_child)
{
	pthread_t thread[2];
	int status;

	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 4096)), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, open_always, NULL), 0);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(has_nothing());
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
	atomic_store(&over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}
END_TEST

void add_tests(void)
{
	if (place_is_wrapped()) {
		not_tried("valgrind is too slow to fork that often, and runs one thread at a time");
		return;
	}
	if (ADDRESS_SANITIZER || THREAD_SANITIZER)
		not_tried("a handler can't fork inside the sanitizer's own malloc()");
	else
		GROUP("fork in a handler", channel_setup, channel_teardown,
			should_let_a_handler_fork_in_any_call);
	GROUP("fork", channel_setup, channel_teardown, should_not_wait_while_chand_does_not_answer,
		should_not_wait_while_the_receivers_lock_is_held);
	if (ADDRESS_SANITIZER)
		not_tried("a child may find the address sanitizer's malloc() locked by another "
			  "thread");
	else
		GROUP("half made", channel_setup, channel_teardown,
			should_leave_nothing_half_made_in_a_child);
}
