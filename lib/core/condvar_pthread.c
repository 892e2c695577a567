/* SPDX-License-Identifier: MIT */
/*
 * The same condition variable on pthread_cond_t: the reference, and for systems
 * without futex(2).  It is as crash-safe as the libc's pthread_cond_t, that is,
 * not (see condvar.h; tests/core shows it).  The sequence is guarded by a mutex of
 * its own, so that signaller and waiter need no common lock outside.
 */
#include "core/condvar.h"

#include "base/clock.h"

#ifdef CHAN_CONDVAR_PTHREAD

#include <errno.h>
#include <limits.h>
#include <time.h>

int cond_init(struct layout_cond *c)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	int err;

	atomic_store_explicit(&c->sequence, 0, memory_order_relaxed);
	atomic_store_explicit(&c->waiting, 0, memory_order_relaxed);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	err = pthread_mutex_init(&c->mutex, &ma);
	pthread_mutexattr_destroy(&ma);
	if (err)
		return -err;
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	err = pthread_cond_init(&c->cond, &ca);
	pthread_condattr_destroy(&ca);
	return -err;
}

/* Take the mutex, in slices, for the reason given in lock.h. */
static void lock(struct layout_cond *c)
{
	int err;

	do {
		int64_t end = clock_monotonic() + 50000000;
		struct timespec at = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};

		err = pthread_mutex_clocklock(&c->mutex, CLOCK_MONOTONIC, &at);
	} while (err == ETIMEDOUT);
	if (err == EOWNERDEAD)
		pthread_mutex_consistent(&c->mutex); /* it guards one counter */
}

int cond_wait(struct layout_cond *c, uint32_t key, int64_t deadline)
{
	struct timespec at = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
	int err = 0;

	lock(c);
	while (err != ETIMEDOUT &&
		atomic_load_explicit(&c->sequence, memory_order_relaxed) == key) {
		err = pthread_cond_timedwait(&c->cond, &c->mutex, &at);
		if (err == EOWNERDEAD)
			pthread_mutex_consistent(&c->mutex);
	}
	pthread_mutex_unlock(&c->mutex);
	return err == ETIMEDOUT ? -ETIMEDOUT : 0;
}

cond_bell cond_wake(struct layout_cond *c, int how_many)
{
	/* The sleepers' hint stays: pthread_cond_signal() does not say if it woke any. */
	uint32_t hint = atomic_load_explicit(&c->waiting, memory_order_relaxed);

	lock(c);
	atomic_fetch_add_explicit(&c->sequence, 1, memory_order_acq_rel);
	if (how_many == 1)
		pthread_cond_signal(&c->cond);
	else
		pthread_cond_broadcast(&c->cond);
	pthread_mutex_unlock(&c->mutex);
	return hint & COND_BELL ? hint : 0;
}

void cond_nudge(struct layout_cond *c)
{
	(void)c; /* nobody sleeps in a segment that it may not write */
}

cond_bell cond_broadcast(struct layout_cond *c)
{
	atomic_thread_fence(memory_order_seq_cst);
	return cond_wake(c, INT_MAX);
}

#else
typedef int condvar_pthread_unused; /* ISO C wants a declaration */
#endif
