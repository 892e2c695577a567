/* SPDX-License-Identifier: MIT */
/* The CPUs that workers are pinned to, in turn. */
#ifndef SHMCHAN_BENCH_CPUS_H
#define SHMCHAN_BENCH_CPUS_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_CPUS_MAX 1024

struct bench_cpus {
	unsigned n;
	unsigned short cpu[BENCH_CPUS_MAX];
};

/* Add one; returns false if this process may not use it. */
bool bench_cpus_add(struct bench_cpus *cpus, unsigned cpu);

/* Set them to all that this process may use. */
void bench_cpus_default(struct bench_cpus *cpus);

/* Pin this process to one of them: 0, or a negative errno. */
int bench_cpus_pin(unsigned cpu);

/* Write them as --cpus takes them: "0,2-5". */
void bench_cpus_print(char *list, size_t size, const struct bench_cpus *cpus);

#endif
