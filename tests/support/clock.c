/* SPDX-License-Identifier: MIT */
#include "support/clock.h"

#include <stdio.h>
#include <time.h>

int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

void nap(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};

	nanosleep(&t, NULL);
}

int64_t starved(void)
{
	long long ns = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (f && fscanf(f, "%*s %lld", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}
