/* SPDX-License-Identifier: MIT */
/* The processor, as far as a spinning loop needs to know it. */
#ifndef CHAN_CPU_H
#define CHAN_CPU_H

#include <stdbool.h>

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory"); /* yield is a no-op on most cores */
#endif
}

/* Has the machine more than one CPU?  Spinning is pointless on one. */
bool cpu_several(void);

#endif
