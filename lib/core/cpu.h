/* SPDX-License-Identifier: MIT */
/* The processor, as far as a spinning loop needs to know it. */
#ifndef CHAN_CPU_H
#define CHAN_CPU_H

#include <stdbool.h>

/* Let the processor rest for a moment in a loop that spins. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory"); /* yield is a no-op on most cores */
#endif
}

#define CPU_LINE 64 /* bytes; where lines are longer, some are fetched twice */

/* Fetch a cache line to be read, or written, some 100 ns from now. */
static inline void cpu_prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

static inline void cpu_prefetch_write(void *p)
{
#if defined(__x86_64__)
	/* GCC would fetch it for reading, without -mprfchw.  A no-op on the few
	 * processors that lack it. */
	__asm__("prefetchw %0" ::"m"(*(char *)p));
#else
	__builtin_prefetch(p, 1, 3);
#endif
}

/* Returns true if the machine has more than one CPU: spinning is pointless on one. */
bool cpu_several(void);

#endif
