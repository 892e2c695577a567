/* SPDX-License-Identifier: MIT */
/*
 * The floors of latency, as peers that carry a stamp and nothing else:
 *
 * cacheline: a hot hand-over.  The sender stores a word, the receiver spins on
 * it; no hand-over between two CPUs can take less than that line's way.
 *
 * futex: from sleep.  The sender stores the word and makes one FUTEX_WAKE, the
 * receiver sleeps in FUTEX_WAIT; no wake-up by futex can take less.
 *
 * And the bound of throughput by copying.
 */
#include "bench/floor.h"
#include "base/clock.h"
#include "bench/peer.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAIR_OF_LINES 128

/* Stamp and word on one line, so that a hand-over moves one line.  The word
 * counts messages: the futex's 32 bits, which are enough to distinguish two. */
struct floor_word {
	_Alignas(PAIR_OF_LINES) _Atomic uint32_t count;
	_Atomic uint64_t stamp;
};

struct floor_link {
	struct bench_link link;
	struct floor_word *word;
	uint32_t count;
};

static struct floor_link *floor_of(struct bench_link *link)
{
	return (struct floor_link *)(void *)link;
}

static void floor_drop(struct bench_link *link)
{
	bench_unshare(floor_of(link)->word, sizeof(struct floor_word));
	free(link);
}

static int floor_make(struct bench_link **ret, const struct bench_spec *spec)
{
	struct floor_link *l = calloc(1, sizeof(*l));

	(void)spec;
	if (!l)
		return -ENOMEM;
	l->word = bench_shared(sizeof(*l->word));
	if (!l->word) {
		free(l);
		return -ENOMEM;
	}
	*ret = &l->link;
	return 0;
}

static int floor_attach(struct bench_link *link)
{
	(void)link;
	return 0;
}

static void floor_nothing(struct bench_link *link)
{
	(void)link;
}

static int cacheline_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct floor_link *l = floor_of(link);

	(void)n;
	atomic_store_explicit(&l->word->stamp, *stamp, memory_order_relaxed);
	/* Pairs with the acquire in cacheline_recv(): the stamp is there. */
	atomic_store_explicit(&l->word->count, ++l->count, memory_order_release);
	return 1;
}

static int cacheline_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct floor_link *l = floor_of(link);
	unsigned turns = 0;

	(void)n;
	while (atomic_load_explicit(&l->word->count, memory_order_acquire) == l->count)
		bench_spin(&turns);
	l->count++;
	*stamp = atomic_load_explicit(&l->word->stamp, memory_order_relaxed);
	return 1;
}

const struct bench_peer bench_cacheline = {
	.name = "cacheline",
	.make = floor_make,
	.attach = floor_attach,
	.seal = floor_nothing,
	.send = cacheline_send,
	.recv = cacheline_recv,
	.end = floor_nothing,
	.drop = floor_drop,
};

static int futex_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	int r = cacheline_send(link, stamp, n);

	if (syscall(SYS_futex, &floor_of(link)->word->count, FUTEX_WAKE, 1, NULL, NULL, 0) < 0)
		return -errno;
	return r;
}

static int futex_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct floor_link *l = floor_of(link);

	(void)n;
	while (atomic_load_explicit(&l->word->count, memory_order_acquire) == l->count)
		if (syscall(SYS_futex, &l->word->count, FUTEX_WAIT, l->count, NULL, NULL, 0) < 0 &&
			errno != EAGAIN && errno != EINTR)
			return -errno;
	l->count++;
	*stamp = atomic_load_explicit(&l->word->stamp, memory_order_relaxed);
	return 1;
}

const struct bench_peer bench_futex = {
	.name = "futex",
	.sleeps = true,
	.make = floor_make,
	.attach = floor_attach,
	.seal = floor_nothing,
	.send = futex_send,
	.recv = futex_recv,
	.end = floor_nothing,
	.drop = floor_drop,
};

static double floor_seconds(void)
{
	return (double)clock_monotonic() / 1e9;
}

/* Fill the ring once. */
static void floor_fill(char *ring, size_t capacity, const char *msg, size_t size)
{
	for (size_t at = 0; at + size <= capacity; at += size) {
		memcpy(ring + at, msg, size);
		/* The copy is made, though it is not read. */
		atomic_signal_fence(memory_order_seq_cst);
	}
}

double bench_memcpy_rate(size_t size, size_t capacity)
{
	char *ring = bench_shared(capacity);
	struct bench_buffers msg = {0};
	double start, end, rounds = 0;

	if (!ring || size > capacity || bench_buffers_make(&msg, 1, size) < 0) {
		bench_unshare(ring, capacity);
		return 0;
	}
	floor_fill(ring, capacity, msg.iov->iov_base, size);
	start = floor_seconds();
	do {
		floor_fill(ring, capacity, msg.iov->iov_base, size);
		rounds++;
		end = floor_seconds();
	} while (end - start < 0.03);
	bench_buffers_free(&msg);
	bench_unshare(ring, capacity);
	return rounds * (double)(capacity / size) / (end - start);
}

double bench_fresh_rate(size_t size, uint64_t messages)
{
	size_t bytes = size * messages;
	int fd = memfd_create("chanbench", MFD_CLOEXEC);
	char *fresh = MAP_FAILED;
	struct bench_buffers msg = {0};
	double start = 0, end = 0;

	if (fd >= 0 && ftruncate(fd, (off_t)bytes) == 0)
		fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (fresh == MAP_FAILED)
		return 0;
	if (bench_buffers_make(&msg, 1, size) == 0) {
		start = floor_seconds();
		floor_fill(fresh, bytes, msg.iov->iov_base, size);
		end = floor_seconds();
		bench_buffers_free(&msg);
	}
	munmap(fresh, bytes);
	return end > start ? (double)messages / (end - start) : 0;
}
