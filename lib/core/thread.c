/* SPDX-License-Identifier: MIT */
#include "core/thread.h"

#include <stdatomic.h>

_Thread_local uint64_t thread_number;
_Thread_local uint32_t thread_locks;
_Thread_local unsigned thread_reservations;

uint64_t thread_count(void)
{
	static _Atomic uint64_t threads;

	thread_number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) + 1;
	return thread_number;
}
