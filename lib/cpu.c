/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "cpu.h"

#include <sched.h>
#include <stdatomic.h>

bool cpu_several(void)
{
	static _Atomic int known; /* 0 not yet, 1 one, 2 several */
	int n = atomic_load_explicit(&known, memory_order_relaxed);

	if (n == 0) {
		cpu_set_t set;

		n = sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1 ? 1 : 2;
		atomic_store_explicit(&known, n, memory_order_relaxed);
	}
	return n > 1;
}
