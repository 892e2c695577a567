/* SPDX-License-Identifier: MIT */
/*
 * A thread's name for itself.  pthread_self() won't do to remember a thread by: it
 * is used again as soon as the thread has ended.
 */
#ifndef CHAN_THREAD_H
#define CHAN_THREAD_H

#include <stdint.h>

/* Hidden and initial-exec: a load, not a call. */
extern _Thread_local uint64_t thread_number
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

uint64_t thread_count(void);

/* Never 0, never the same for two threads of a process, ended or not. */
static inline uint64_t thread_self(void)
{
	return __builtin_expect(thread_number != 0, 1) ? thread_number : thread_count();
}

#endif
