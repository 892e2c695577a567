/* SPDX-License-Identifier: MIT */
/*
 * A robust mutex for which each wait has a bound, and the one policy for a dead
 * owner.
 *
 * Why slices.  A robust pthread mutex can lose a wake-up: its owner is killed
 * between storing "free" and FUTEX_WAKE, a third process takes the mutex and leaves
 * it, and a waiter sleeps for ever on a free mutex.  So each
 * pthread_mutex_clocklock() lasts 50 ms at most, in a loop.
 *
 * The mutex checks its owner (PTHREAD_MUTEX_ERRORCHECK), so a thread that already has the
 * lock, by another endpoint of the channel, learns that it would wait for itself.  It costs
 * nothing: a robust mutex compares the owner in any case.
 *
 * The dead owner.  A thread that gets the mutex from a dead owner runs the caller's repair
 * before anything that unlocks; only then the mutex is consistent again.  If it is killed
 * in the repair, the next one repairs: a repair must be repeatable at any point.  A repair
 * that finds damage does not make the mutex unusable: the lock is released, the error
 * returned, and the next owner finds what the repair marked.
 *
 * All results are 0 or a negative errno.
 */
#ifndef CHAN_LOCK_H
#define CHAN_LOCK_H

#include "core/backoff.h"
#include "core/layout.h"

#include <stdbool.h>

/* Deadlines are CLOCK_MONOTONIC, ns. */
#define DEADLINE_NEVER INT64_MAX
#define DEADLINE_NOW INT64_C(0)

/* Make it: 0, or the error of pthread_mutex_init(). */
int lock_init(struct layout_lock *lock);

/* How long one sleep for a lock lasts at most, ns. */
#define LOCK_SLICE INT64_C(50000000)

/* What depends on whose lock it is. */
struct lock_policy {
	int (*repair)(void *arg);	/* after a dead owner: 0 or an error */
	void (*recovered)(void *arg);	/* the repair succeeded, and the lock is held */
	int (*give_up)(void *arg);	/* called after each slice: 0, or why to stop waiting */
	int64_t (*deadline)(void *arg); /* called when it has to wait */
	struct backoff *backoff;	/* what this endpoint learned of the lock */
	void *arg;
};

/* Take the lock if it is free: 0, or an error for lock_acquire(). */
static inline int lock_try(struct layout_lock *lock)
{
	return -pthread_mutex_trylock(&lock->mutex);
}

/*
 * Take the lock after lock_try() gave `err`.  Returns 0, or
 *
 *   -EBUSY      another thread has it, and the deadline is DEADLINE_NOW
 *   -ETIMEDOUT  the deadline has passed
 *   -EDEADLK    this thread has it
 *   -EBADMSG    the mutex itself is damaged
 *
 * or what give_up() returned, or the repair's error; the lock is not taken then.
 */
int lock_acquire(struct layout_lock *lock, int err, const struct lock_policy *policy);

/* Make a full fence after a word was exchanged: on x86 every locked instruction is one. */
static inline void fence_after_exchange(void)
{
#if !defined(__x86_64__) && !defined(__i386__)
	atomic_thread_fence(memory_order_seq_cst);
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Release it.  This is also a full fence: what the owner stored before is visible before
 * what it loads afterwards. */
static inline void lock_release(struct layout_lock *lock)
{
	pthread_mutex_unlock(&lock->mutex);
	fence_after_exchange();
}

#endif
