/* SPDX-License-Identifier: MIT */
/* Sleeping on several words at once, by futex_waitv(2) of Linux 5.16. */
#include "core/condvar.h"

#include "base/clock.h"
#include "core/futex_words.h"

#include <errno.h>
#include <time.h>

#define LOOK_EVERY INT64_C(1000000)

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* Sleep in the kernel: 0, -ETIMEDOUT, -EINTR, or -ENOSYS if it can't. */
static int wait_in_kernel(const struct cond_word *words, unsigned n, int64_t deadline)
{
	struct futex_waitv each[COND_WORDS_MAX];

	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX)
		return -ENOSYS;
	for (unsigned i = 0; i < n; i++)
		each[i] = (struct futex_waitv){.val = words[i].key,
			.uaddr = (uintptr_t)words[i].word,
			.flags = FUTEX_32}; /* not PRIVATE: processes share it */
	if (futex_words_wait(each, n, deadline) >= 0 || errno == EAGAIN)
		return 0;
	return errno == ETIMEDOUT || errno == EINTR ? -errno : -ENOSYS;
}

static bool any_moved(const struct cond_word *words, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		/* Acquire: pairs with the release of the sequence in cond_wake(). */
		if (atomic_load_explicit(words[i].word, memory_order_acquire) != words[i].key)
			return true;
	return false;
}

/* Look again and again. */
static int wait_by_looking(const struct cond_word *words, unsigned n, int64_t deadline)
{
	while (!any_moved(words, n)) {
		int64_t now = clock_monotonic();
		struct timespec at =
			timespec_of(now + LOOK_EVERY < deadline ? now + LOOK_EVERY : deadline);

		if (now >= deadline)
			return -ETIMEDOUT;
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
			return -EINTR;
	}
	return 0;
}

int cond_wait_any(const struct cond_word *words, unsigned n, int64_t deadline)
{
	int saved = errno, err = wait_in_kernel(words, n, deadline);

	if (err == -ENOSYS)
		err = wait_by_looking(words, n, deadline);
	errno = saved;
	return err;
}
