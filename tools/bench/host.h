/* SPDX-License-Identifier: MIT */
/* The machine on which chanbench runs, as text. */
#ifndef SHMCHAN_BENCH_HOST_H
#define SHMCHAN_BENCH_HOST_H

#include "bench/cpus.h"
#include "bench/peer.h"

struct bench_host {
	char version[32], kernel[200], cpu[128], cpus[128], wait[16];
	char uncounted[128]; /* why futex calls were not counted, or empty */
};

void bench_host_read(struct bench_host *host, const struct bench_cpus *cpus, enum bench_wait wait);

#endif
