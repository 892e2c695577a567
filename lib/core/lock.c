/* SPDX-License-Identifier: MIT */
/* The model is in lock.h. */
#include "core/lock.h"

#include "base/clock.h"
#include "core/cpu.h"

#include <errno.h>
#include <time.h>

/* musl has no pthread_mutex_clocklock(), and ThreadSanitizer doesn't know it. */
#if defined(__has_feature)
#define TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define TSAN 1
#else
#define TSAN 0
#endif
#if defined(__GLIBC__) && !TSAN
#define HAVE_CLOCKLOCK 1
#else
#define HAVE_CLOCKLOCK 0
#endif

/* How long to try before a sleep, ns: about as long as that sleep and its wake-up would
 * take.  An owner that has no CPU does not release it meanwhile. */
#define TRIES_END 16000

int lock_init(struct layout_lock *lock)
{
	pthread_mutexattr_t attr;
	int err;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	err = pthread_mutex_init(&lock->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return -err;
}

/* Repair after a dead owner, from whom the lock was got: 0, the lock held, or the repair's
 * error, without it.  This is the one policy for that. */
static int owner_died(struct layout_lock *lock, const struct lock_policy *policy)
{
	int err = policy->repair(policy->arg);

	atomic_fetch_add_explicit(&lock->recoveries, 1, memory_order_relaxed);
	pthread_mutex_consistent(&lock->mutex);
	if (err < 0)
		pthread_mutex_unlock(&lock->mutex);
	else
		policy->recovered(policy->arg);
	return err;
}

/* Turn the mutex's result into the caller's: as lock_acquire(). */
static int lock_result(struct layout_lock *lock, const struct lock_policy *policy, int err)
{
	switch (err) {
	case 0:
		return 0;
	case -EOWNERDEAD:
		return owner_died(lock, policy);
	case -EDEADLK:
		return -EDEADLK;
	default: /* ENOTRECOVERABLE, EINVAL...: not as we left it */
		return -EBADMSG;
	}
}

/* Returns -EDEADLK if this thread has the lock.  Where pthread_mutex_trylock() doesn't say
 * so (musl), a timed lock does, before it waits; its time is over. */
static int lock_try_late(struct layout_lock *lock)
{
#if HAVE_CLOCKLOCK
	(void)lock;
	return -ETIMEDOUT;
#else
	static const struct timespec past;

	return -pthread_mutex_timedlock(&lock->mutex, &past);
#endif
}

/* Wait for the mutex until `end`: 0, -ETIMEDOUT, or another error of the mutex. */
static int lock_until(struct layout_lock *lock, int64_t end)
{
#if HAVE_CLOCKLOCK
	struct timespec at = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};

	return -pthread_mutex_clocklock(&lock->mutex, CLOCK_MONOTONIC, &at);
#else
	/* pthread_mutex_timedlock() won't do: its clock can be set back. */
	struct timespec pause = {.tv_nsec = 1000000};
	int err;

	while ((err = lock_try(lock)) == -EBUSY && clock_monotonic() < end)
		nanosleep(&pause, NULL);
	return err == -EBUSY ? -ETIMEDOUT : err;
#endif
}

static int wait_for_lock(struct layout_lock *lock, const struct lock_policy *policy)
{
	int64_t deadline = policy->deadline(policy->arg);
	int err = lock_try_late(lock);

	if (err != -ETIMEDOUT)
		return lock_result(lock, policy, err);
	if (deadline == DEADLINE_NOW)
		return -EBUSY;
	for (;;) {
		int64_t now = clock_monotonic(), end = now + LOCK_SLICE;

		if (end > deadline)
			end = deadline;
		err = lock_until(lock, end);
		if (err != -ETIMEDOUT)
			return lock_result(lock, policy, err);
		err = policy->give_up(policy->arg);
		if (err < 0)
			return err;
		if (now >= deadline)
			return -ETIMEDOUT;
	}
}

/* Try again and again for a moment, since the lock was found taken: as lock_try(). */
static int lock_retry(struct layout_lock *lock, struct backoff *backoff)
{
	int64_t start = clock_monotonic(), now = start, next;
	uint32_t pause = backoff_begin(backoff, start);
	int err;

	do {
		next = now + pause;
		do {
			cpu_relax();
			now = clock_monotonic();
		} while (now < next);
		err = lock_try(lock);
	} while (err == -EBUSY && now < start + TRIES_END);
	backoff_end(backoff, now);
	return err;
}

int lock_acquire(struct layout_lock *lock, int err, const struct lock_policy *policy)
{
	if (err == -EBUSY && cpu_several())
		err = lock_retry(lock, policy->backoff);
	if (err == -EBUSY)
		return wait_for_lock(lock, policy);
	return lock_result(lock, policy, err);
}
