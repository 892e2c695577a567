/* SPDX-License-Identifier: MIT */
/*
 * Time without sleeping, for a target of one thread.  Only the clock can end a wait of
 * that thread: so each wait ends at once, and the clock has moved on by so much.
 * Linked with --wrap of the functions here.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

int __real_clock_gettime(clockid_t clock, struct timespec *t);
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *left, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *left, const sigset_t *mask);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *end);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

static int64_t skipped;

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int err = __real_clock_gettime(clock, t);
	int64_t ns = t->tv_nsec + skipped;

	t->tv_sec += ns / SECOND;
	t->tv_nsec = ns % SECOND;
	return err;
}

static void skip_to(clockid_t clock, const struct timespec *end)
{
	struct timespec now;
	int64_t left;

	__wrap_clock_gettime(clock, &now);
	left = (end->tv_sec - now.tv_sec) * SECOND + end->tv_nsec - now.tv_nsec;
	if (left > 0)
		skipped += left;
}

int __wrap_pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *end)
{
	int err = pthread_mutex_trylock(m);

	if (err != EBUSY)
		return err;
	skip_to(clock, end);
	return ETIMEDOUT;
}

/* Returns true if the system call is a sleep on words that still have their values. */
static bool sleeps(long nr, long a, long b, long c)
{
	const struct futex_waitv *words = (const struct futex_waitv *)a;

	if (nr == SYS_futex)
		return *(const volatile uint32_t *)a == (uint32_t)c;
	for (long i = 0; i < b; i++)
		if (*(const volatile uint32_t *)(uintptr_t)words[i].uaddr != words[i].val)
			return false;
	return true;
}

/* Of futex(2) and futex_waitv(2), the sleep: absolute, by the monotonic clock. */
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	const struct timespec *end = (const struct timespec *)d;
	bool sleep = nr == SYS_futex ? (b & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET
				     : nr == SYS_futex_waitv && b > 0;

	if (!sleep || !end)
		return __real_syscall(nr, a, b, c, d, e, f);
	if (!sleeps(nr, a, b, c)) {
		errno = EAGAIN;
		return -1;
	}
	skip_to(CLOCK_MONOTONIC, end);
	errno = ETIMEDOUT;
	return -1;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *left, const sigset_t *mask)
{
	static const struct timespec none;
	int ready = __real_ppoll(fds, n, &none, mask);

	if (ready == 0 && left)
		skipped += left->tv_sec * SECOND + left->tv_nsec;
	return ready;
}
