/* SPDX-License-Identifier: MIT */
/* The floor that is no peer: how long copying takes.  The other floors are the peers
 * bench_cacheline, bench_futex and bench_ring. */
#ifndef SHMCHAN_BENCH_FLOOR_H
#define SHMCHAN_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

/* Returns how many messages a second of `size` bytes one process can copy into (or
 * out of) `capacity` bytes of shared memory, round and round; 0 if there is no
 * memory.  It takes a few hundredths of a second. */
double bench_memcpy_rate(size_t size, size_t capacity);

/* Returns how many messages a second of `size` bytes one process can copy, one behind the
 * other, into `messages` times that of shared memory that nobody has touched; 0 if there is no
 * memory. */
double bench_fresh_rate(size_t size, uint64_t messages);

#endif
