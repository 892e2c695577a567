/* SPDX-License-Identifier: MIT */
#include "core/cpu.h"

#include <stdatomic.h>
#include <unistd.h>

bool cpu_several(void)
{
	static _Atomic int known; /* 0 not yet, 1 one, 2 several */
	int n = atomic_load_explicit(&known, memory_order_relaxed);

	if (n == 0) {
		/* Those of the machine count, not those that this process may use: pinned
		 * to one, it still waits for a peer on another. */
		n = sysconf(_SC_NPROCESSORS_ONLN) == 1 ? 1 : 2;
		atomic_store_explicit(&known, n, memory_order_relaxed);
	}
	return n > 1;
}
