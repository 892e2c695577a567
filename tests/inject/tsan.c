/* SPDX-License-Identifier: MIT */
/*
 * The thread sanitizer does not know pthread_mutex_clocklock(): a thread that took a lock
 * by it would seem to have none.  So, for the sanitizer only, it is made of a function
 * that the sanitizer knows.
 */
#include "support/place.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#if THREAD_SANITIZER
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *at)
{
	struct timespec now, real;
	int64_t ns;

	clock_gettime(clock, &now);
	clock_gettime(CLOCK_REALTIME, &real);
	ns = (int64_t)(at->tv_sec - now.tv_sec + real.tv_sec) * 1000000000 + at->tv_nsec -
	     now.tv_nsec + real.tv_nsec;
	real.tv_sec = ns / 1000000000;
	real.tv_nsec = ns % 1000000000;
	return pthread_mutex_timedlock(mutex, &real);
}
#else
typedef int tsan_unused; /* ISO C wants a declaration */
#endif
