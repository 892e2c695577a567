/* SPDX-License-Identifier: MIT */
#include "bench/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "shmchan.h"

static void host_cpu(char *model, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		colon += 1 + strspn(colon + 1, " ");
		snprintf(model, size, "%.100s, %ld online", colon, sysconf(_SC_NPROCESSORS_ONLN));
		break;
	}
	if (f)
		fclose(f);
}

void bench_host_read(struct bench_host *host, const struct bench_cpus *cpus, enum bench_wait wait)
{
	static const char *const words[] = {"adaptive", "block", "spin"};
	struct utsname u;

	memset(host, 0, sizeof(*host));
	snprintf(host->version, sizeof(host->version), "%.30s", chan_version());
	if (uname(&u) == 0) {
		snprintf(host->kernel, sizeof(host->kernel), "%s %s %s", u.sysname, u.release,
			u.machine);
		snprintf(host->cpu, sizeof(host->cpu), "%s, %ld online", u.machine,
			sysconf(_SC_NPROCESSORS_ONLN));
	}
	host_cpu(host->cpu, sizeof(host->cpu));
	bench_cpus_print(host->cpus, sizeof(host->cpus), cpus);
	snprintf(host->wait, sizeof(host->wait), "%s", words[wait]);
}
