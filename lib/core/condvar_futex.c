/* SPDX-License-Identifier: MIT */
/* The condition variable on futex(2); the model is in condvar.h. */
#include "core/condvar.h"

#ifndef CHAN_CONDVAR_PTHREAD

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* glibc's syscall() is no cancellation point and sets errno only. */
static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, FUTEX_BITSET_MATCH_ANY);
}

int cond_init(struct layout_cond *c)
{
	atomic_store_explicit(&c->sequence, 0, memory_order_relaxed);
	atomic_store_explicit(&c->waiting, 0, memory_order_relaxed);
	return 0;
}

int cond_wait(struct layout_cond *c, uint32_t key, int64_t deadline)
{
	struct timespec at = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
	int saved = errno, err;

	/* WAIT_BITSET takes an absolute CLOCK_MONOTONIC time.  It is not PRIVATE, since
	 * processes share the word. */
	err = futex(&c->sequence, FUTEX_WAIT_BITSET, key, &at) < 0 ? -errno : 0;
	errno = saved;
	return err == -ETIMEDOUT || err == -EINTR ? err : 0;
}

cond_bell cond_wake(struct layout_cond *c, int how_many)
{
	int saved = errno;
	uint32_t hint = atomic_fetch_and_explicit(
		&c->waiting, ~(uint32_t)COND_SLEEPER, memory_order_relaxed);
	/* Nobody sleeps here, as far as known: the bell is all. */
	bool bell_only = (hint & COND_WAITER) == COND_BELL && how_many != INT_MAX;

	/* Release: pairs with the acquire in cond_arm(), and keeps the hint's
	 * clearing before it. */
	atomic_fetch_add_explicit(&c->sequence, 1, memory_order_acq_rel);
	if (!bell_only && futex(&c->sequence, FUTEX_WAKE, (uint32_t)how_many, NULL) > 0 &&
		how_many != INT_MAX)
		atomic_fetch_or_explicit(&c->waiting, COND_SLEEPER, memory_order_relaxed);
	errno = saved;
	return hint & COND_BELL ? hint : 0;
}

void cond_nudge(struct layout_cond *c)
{
	int saved = errno;

	futex(&c->sequence, FUTEX_WAKE, INT_MAX, NULL);
	errno = saved;
}

cond_bell cond_broadcast(struct layout_cond *c)
{
	atomic_thread_fence(memory_order_seq_cst); /* as in cond_waited() */
	return cond_wake(c, INT_MAX);
}

#endif
