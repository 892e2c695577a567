/* SPDX-License-Identifier: MIT */
/* What a call takes is the program's, but for the time in which no CPU was free. */
#ifndef TESTS_STARVED_H
#define TESTS_STARVED_H

#include <stdint.h>
#include <stdio.h>

/* For how long this thread would have run, and had no CPU, in ns; 0 if the kernel
 * doesn't tell (proc(5), /proc/pid/schedstat). */
static inline int64_t starved(void)
{
	long long ns = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (f && fscanf(f, "%*s %lld", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

#endif
