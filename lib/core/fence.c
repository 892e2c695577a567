/* SPDX-License-Identifier: MIT */
/* The model is in fence.h. */
#include "core/fence.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static long membarrier(int command)
{
	int saved = errno;
	long result = syscall(SYS_membarrier, command, 0, 0);

	errno = saved;
	return result;
}

bool fence_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
}

bool fence_can_heavy(void)
{
	static _Atomic int known; /* 0 not yet, 1 no, 2 yes */
	int n = atomic_load_explicit(&known, memory_order_relaxed);

	if (n == 0) {
		long commands = membarrier(MEMBARRIER_CMD_QUERY);

		n = commands > 0 && commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED ? 2 : 1;
		atomic_store_explicit(&known, n, memory_order_relaxed);
	}
	return n == 2;
}

void fence_heavy(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}
