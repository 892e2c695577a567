/* SPDX-License-Identifier: MIT */
/*
 * Time, signals and writing.  A signal sets a flag, makes every wait on a
 * watched endpoint return, and makes an eventfd readable for those who wait in
 * poll(2): all three last, so a signal that comes just before a wait ends it
 * too.
 */
#define _GNU_SOURCE 1 /* ppoll */
#include "base/clock.h"
#include "common/cli.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* After a signal: how long a reader may take nothing before we give it up. */
#define PATIENCE_MS 1000

int64_t cli_now(void)
{
	return clock_monotonic();
}

int64_t cli_deadline(int64_t duration)
{
	int64_t at;

	if (duration == CHAN_WAIT || __builtin_add_overflow(cli_now(), duration, &at))
		return CHAN_WAIT;
	return at;
}

int64_t cli_remaining(int64_t deadline)
{
	int64_t left;

	if (deadline == CHAN_WAIT)
		return CHAN_WAIT;
	left = deadline - cli_now();
	return left > 0 ? left : 0;
}

int64_t cli_sooner(int64_t a, int64_t b)
{
	if (a == CHAN_WAIT)
		return b;
	if (b == CHAN_WAIT)
		return a;
	return a < b ? a : b;
}

/* Signals.  Written by the main thread, read by its handler. */

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
static atomic_int signalled, signal_count;
static bool counting; /* they don't kill */
static _Atomic(chan_t *) watched[CLI_WATCH_MAX];
static atomic_int watched_end; /* all beyond are NULL */
static int event = -1;

static void on_signal(int sig)
{
	static const uint64_t one = 1;
	int saved = errno;

	atomic_fetch_add(&signal_count, 1);
	if (atomic_exchange(&signalled, sig) && !counting) {
		signal(sig, SIG_DFL);
		raise(sig); /* delivered when this handler returns */
	}
	for (int i = 0; i < atomic_load(&watched_end); i++) {
		chan_t *ch = atomic_load(&watched[i]);

		if (ch)
			chan_interrupt(ch, 1);
	}
	if (write(event, &one, sizeof(one)) < 0) {
		/* nobody waits in poll; the flag is enough */
	}
	errno = saved;
}

void cli_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal}, old;

	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
}

void cli_count_signals(void)
{
	counting = true;
	cli_signals();
}

int cli_signal_count(void)
{
	return atomic_load(&signal_count);
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
		if (cli_signalled())
			chan_interrupt(ch, 1);
		return 0;
	}
	return -EMFILE;
}

void cli_unwatch(chan_t *ch)
{
	for (int i = 0; i < CLI_WATCH_MAX; i++)
		if (ch && atomic_load(&watched[i]) == ch)
			atomic_store(&watched[i], NULL);
}

int cli_wait_fd(int fd, short events, int64_t deadline)
{
	struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = event, .events = POLLIN}};

	for (;;) {
		int64_t left = cli_remaining(deadline);
		struct timespec ts = {
			.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
		int n = ppoll(fds, 2, left == CHAN_WAIT ? NULL : &ts, NULL);

		if (cli_signalled())
			return -EINTR;
		if (n > 0 && fds[0].revents)
			return 1;
		if (!n)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* Whether `fd` takes something before our patience ends. */
static bool takes(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int64_t deadline = cli_deadline(PATIENCE_MS * INT64_C(1000000));
	int n;

	do
		n = poll(&p, 1, (int)(cli_remaining(deadline) / 1000000));
	while (n < 0 && errno == EINTR && cli_remaining(deadline));
	return n > 0;
}

/* One writev(2).  After a signal it must not block without a bound: as many
 * bytes as a pipe that polls writable takes at once. */
static ssize_t write_some(int fd, const struct iovec *iov, size_t n)
{
	struct iovec head;
	ssize_t written;

	if (cli_signalled()) {
		if (!takes(fd))
			return -EINTR;
		head = *iov;
		if (head.iov_len > PIPE_BUF)
			head.iov_len = PIPE_BUF;
		iov = &head;
		n = 1;
	}
	written = writev(fd, iov, n < IOV_MAX ? (int)n : IOV_MAX);
	if (written >= 0)
		return written;
	if (errno == EAGAIN) {
		cli_wait_fd(fd, POLLOUT, CHAN_WAIT);
		return 0;
	}
	return errno == EINTR ? 0 : -errno;
}

int cli_writev(int fd, struct iovec *iov, size_t n, size_t *done)
{
	size_t total = 0;
	int r = 0;

	while (n) {
		ssize_t written;
		size_t left;

		if (!iov->iov_len) {
			iov++;
			n--;
			continue;
		}
		written = write_some(fd, iov, n);
		if (written < 0) {
			r = (int)written;
			break;
		}
		total += (size_t)written;
		for (left = (size_t)written; n && left >= iov->iov_len; iov++, n--)
			left -= iov->iov_len;
		if (n) {
			iov->iov_base = (char *)iov->iov_base + left;
			iov->iov_len -= left;
		}
	}
	if (done)
		*done = total;
	return r;
}

int cli_write(int fd, const void *buf, size_t len, size_t *done)
{
	union {
		const void *in;
		void *out;
	} base = {.in = buf}; /* writev() doesn't write to it */
	struct iovec iov = {.iov_base = base.out, .iov_len = len};

	return cli_writev(fd, &iov, 1, done);
}

/* Bytes of the valid UTF-8 character at p[0..len-1], or 0. */
static size_t utf8_char(const unsigned char *p, size_t len)
{
	static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	unsigned code;

	if (*p < 0x80)
		return 1;
	if (*p < 0xc0 || *p >= 0xf8 || n > len)
		return 0;
	code = *p & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

size_t cli_escape(char *out, const void *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *in = data, *end = in + len;
	char *o = out;

	while (in < end) {
		size_t n = utf8_char(in, (size_t)(end - in));
		bool control = (*in < ' ' && *in != '\n' && *in != '\t') || *in == 0x7f ||
			       (*in == 0xc2 && n == 2 && in[1] < 0xa0);

		if (n && !control) {
			memcpy(o, in, n);
			o += n;
			in += n;
			continue;
		}
		for (n += !n; n; n--, in++, o += 4)
			memcpy(o, (char[]){'\\', 'x', hex[*in >> 4], hex[*in & 15]}, 4);
	}
	return (size_t)(o - out);
}
