/* SPDX-License-Identifier: MIT */
/*
 * See signals.h.  A signal sets a flag, makes every wait on a watched endpoint return,
 * and makes an eventfd readable, which ends poll(2): all three last, so a signal that
 * comes just before a wait ends it, too.  For a write that was just about to block, an
 * alarm follows, again and again.
 */
#include "common/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/deadline.h"

#define NS_PER_S INT64_C(1000000000)
#define ALARM_US 100000

/* Written by the main thread, read by its handler. */

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
static atomic_int signalled, signal_count;
static bool counting; /* they don't kill */
static int spared;    /* how many interrupt no endpoint */
static _Atomic(chan_t *) watched[CLI_WATCH_MAX];
static atomic_int watched_end; /* all beyond are NULL */
static int event = -1;

static void on_alarm(int sig)
{
	(void)sig; /* it ends a call that blocks */
}

static bool interrupting(void)
{
	return atomic_load(&signal_count) > spared;
}

static void on_signal(int sig)
{
	static const uint64_t one = 1;
	static const struct itimerval again = {
		.it_interval.tv_usec = ALARM_US, .it_value.tv_usec = ALARM_US};
	int saved = errno;

	atomic_fetch_add(&signal_count, 1);
	if (atomic_exchange(&signalled, sig) && !counting) {
		signal(sig, SIG_DFL);
		raise(sig); /* delivered when this handler returns */
	}
	for (int i = 0; interrupting() && i < atomic_load(&watched_end); i++) {
		chan_t *ch = atomic_load(&watched[i]);

		if (ch)
			chan_interrupt(ch, 1);
	}
	if (write(event, &one, sizeof(one)) < 0) {
		/* no call waits in poll(2); the flag is enough */
	}
	setitimer(ITIMER_REAL, &again, NULL);
	errno = saved;
}

void cli_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal}, old;

	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
}

void cli_count_signals(int spare)
{
	counting = true;
	spared = spare;
	cli_signals();
}

int cli_signal_count(void)
{
	return atomic_load(&signal_count);
}

int cli_signal_fd(void)
{
	return event;
}

int cli_signalled(void)
{
	return atomic_load_explicit(&signalled, memory_order_relaxed);
}

void cli_die(void)
{
	int sig = cli_signalled();
	sigset_t set;

	if (!sig)
		return;
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int cli_watch(chan_t *ch)
{
	for (int i = 0; i < CLI_WATCH_MAX; i++) {
		if (atomic_load(&watched[i]))
			continue;
		atomic_store(&watched[i], ch);
		if (i >= atomic_load(&watched_end))
			atomic_store(&watched_end, i + 1);
		if (interrupting())
			chan_interrupt(ch, 1);
		return 0;
	}
	return -EMFILE;
}

void cli_unwatch(chan_t *ch)
{
	for (int i = 0; i < atomic_load(&watched_end); i++)
		if (ch && atomic_load(&watched[i]) == ch)
			atomic_store(&watched[i], NULL);
}

int cli_wait_fd(int fd, short events, int64_t deadline)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events}};

	return cli_wait_fds(fds, 1, deadline);
}

int cli_wait_fds(struct pollfd *fds, unsigned count, int64_t deadline)
{
	fds[count] = (struct pollfd){.fd = event, .events = POLLIN};
	for (;;) {
		int64_t left = cli_remaining(deadline);
		struct timespec ts = {
			.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
		int n = ppoll(fds, count + 1, left == CHAN_WAIT ? NULL : &ts, NULL);

		if (cli_signalled())
			return -EINTR;
		if (n > 0 && !fds[count].revents)
			return n;
		if (!n)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}
