/* SPDX-License-Identifier: MIT */
#include "bench/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/status.h"

static void allowed_cpus(cpu_set_t *allowed)
{
	if (sched_getaffinity(0, sizeof(*allowed), allowed) < 0) {
		cli_error(NULL, "the CPUs of this process: %s", strerror(errno));
		exit(CLI_ERROR);
	}
}

bool bench_cpus_add(struct bench_cpus *cpus, unsigned cpu)
{
	cpu_set_t allowed;

	allowed_cpus(&allowed);
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed) || cpus->n == BENCH_CPUS_MAX)
		return false;
	cpus->cpu[cpus->n++] = (unsigned short)cpu;
	return true;
}

void bench_cpus_default(struct bench_cpus *cpus)
{
	cpu_set_t allowed;

	allowed_cpus(&allowed);
	cpus->n = 0;
	for (unsigned cpu = 0; cpu < BENCH_CPUS_MAX && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus->cpu[cpus->n++] = (unsigned short)cpu;
}

int bench_cpus_pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

void bench_cpus_print(char *list, size_t size, const struct bench_cpus *cpus)
{
	size_t at = 0;

	for (unsigned i = 0; i < cpus->n && at + 16 < size; i++) {
		unsigned first = cpus->cpu[i], last = first;

		while (i + 1 < cpus->n && cpus->cpu[i + 1] == last + 1) {
			last++;
			i++;
		}
		at += (size_t)snprintf(list + at, size - at, at > 0 ? ",%u" : "%u", first);
		if (last > first)
			at += (size_t)snprintf(
				list + at, size - at, last == first + 1 ? ",%u" : "-%u", last);
	}
}
