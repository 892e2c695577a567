/* SPDX-License-Identifier: MIT */
/*
 * A thread's name for itself.  pthread_self() won't do to remember a thread by: it
 * is used again as soon as the thread has ended.
 */
#ifndef CHAN_THREAD_H
#define CHAN_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Hidden and initial-exec: a load, not a call. */
extern _Thread_local uint64_t thread_number
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Give this thread its number, and return it. */
uint64_t thread_count(void);

/*
 * How many locks of channels this thread keeps: exclusive sides and reservations.  When
 * a thread dies, the kernel walks its list of robust mutexes, but no farther than 2048
 * (ROBUST_LIST_LIMIT), and any further one would stay locked for ever.  The newest come
 * first, so half of that leaves as many to the program and to the calls in between.
 */
#define THREAD_LOCKS_MAX 1024u
extern _Thread_local uint32_t thread_locks
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* How many reservations this thread has open. */
extern _Thread_local unsigned thread_reservations
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Return this thread's number: never 0, and never the same for two threads of a process,
 * ended or not. */
static inline uint64_t thread_self(void)
{
	return __builtin_expect(thread_number != 0, 1) ? thread_number : thread_count();
}

/* Returns true if `number`, which may be 0, is this thread's. */
static inline bool thread_is(uint64_t number)
{
	return number && number == thread_number;
}

#endif
