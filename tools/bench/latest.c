/* SPDX-License-Identifier: MIT */
/*
 * The latest value: a channel of that kind, at which receivers look by chan_peek(), and what
 * people write by hand, as its floor.
 *
 * The sequence lock has one slot, and a counter that is odd during a write.  It guarantees
 * nothing: one writer only, no name, no check, and a reader that comes while the writer is
 * stopped or dead waits for ever.
 */
#include "bench/peer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmchan.h"

struct latest_link {
	struct bench_link link;
	char name[64]; /* empty in a worker: the parent removes it */
	chan_t *ch;
	struct bench_buffers buffers;
};

static struct latest_link *latest_of(struct bench_link *link)
{
	return (struct latest_link *)(void *)link;
}

static void latest_seal(struct bench_link *link)
{
	struct latest_link *l = latest_of(link);

	if (l->name[0])
		chan_unlink(l->name);
	l->name[0] = '\0';
}

static void latest_drop(struct bench_link *link)
{
	struct latest_link *l = latest_of(link);

	chan_detach(l->ch);
	latest_seal(link);
	bench_buffers_free(&l->buffers);
	free(l);
}

static int latest_make(struct bench_link **ret, const struct bench_spec *spec)
{
	static unsigned number;
	struct chan_options opt = {
		.size = sizeof(opt),
		.kind = CHAN_KIND_LATEST,
		.max_message = (uint32_t)spec->size,
		.endpoints = 1024,
	};
	struct latest_link *l;
	int r;

	if (spec->size > UINT32_MAX)
		return -EMSGSIZE;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	snprintf(l->name, sizeof(l->name), "chanbench.%ld.latest-%u", (long)getpid(), number++);
	r = chan_create(l->name, &opt);
	if (r < 0) {
		l->name[0] = '\0';
		latest_drop(&l->link);
		return r;
	}
	*ret = &l->link;
	return 0;
}

static int latest_attach(struct bench_link *link)
{
	const struct bench_spec *spec = link->spec;
	struct latest_link *l = latest_of(link);
	unsigned flags = link->sending ? CHAN_SEND : CHAN_RECV;
	int r;

	r = chan_open(&l->ch, l->name, flags | (spec->exclusive ? CHAN_EXCLUSIVE : 0u), NULL);
	l->name[0] = '\0';
	return r < 0 ? r : bench_buffers_make(&l->buffers, 1, spec->size);
}

static int latest_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct latest_link *l = latest_of(link);
	int r;

	(void)n;
	bench_buffers_stamp(&l->buffers, stamp, 1);
	r = chan_send(l->ch, l->buffers.iov->iov_base, l->buffers.size, CHAN_WAIT);
	return r < 0 ? r : 1;
}

static int latest_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct latest_link *l = latest_of(link);
	unsigned turns = 0;
	ssize_t r;

	for (unsigned i = 0; i < n; i++) {
		struct chan_cursor at = {.pos = 0};

		r = chan_peek(l->ch, l->buffers.iov->iov_base, l->buffers.size, &at);
		while (r == -EAGAIN || r == -EBUSY) { /* there is none yet; there are too many */
			bench_spin(&turns);
			r = chan_peek(l->ch, l->buffers.iov->iov_base, l->buffers.size, &at);
		}
		if (r < 0)
			return (int)r;
		memcpy(&stamp[i], l->buffers.iov->iov_base, BENCH_STAMP);
	}
	return (int)n;
}

static void latest_end(struct bench_link *link)
{
	(void)link;
}

const struct bench_peer bench_latest = {
	.name = "shmchan",
	.many = true,
	.make = latest_make,
	.attach = latest_attach,
	.seal = latest_seal,
	.send = latest_send,
	.recv = latest_recv,
	.end = latest_end,
	.drop = latest_drop,
};

/* ---- the sequence lock ---- */

#define PAIR_OF_LINES 128

struct seqlock {
	_Alignas(PAIR_OF_LINES) _Atomic uint64_t count;
	_Alignas(PAIR_OF_LINES) char value[];
};

struct seqlock_link {
	struct bench_link link;
	struct seqlock *shared;
	size_t size;
	struct bench_buffers buffers;
};

static struct seqlock_link *seqlock_of(struct bench_link *link)
{
	return (struct seqlock_link *)(void *)link;
}

static void seqlock_drop(struct bench_link *link)
{
	struct seqlock_link *l = seqlock_of(link);

	bench_unshare(l->shared, sizeof(*l->shared) + l->size);
	bench_buffers_free(&l->buffers);
	free(l);
}

static int seqlock_make(struct bench_link **ret, const struct bench_spec *spec)
{
	struct seqlock_link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->size = spec->size;
	l->shared = bench_shared(sizeof(*l->shared) + l->size);
	if (!l->shared) {
		seqlock_drop(&l->link);
		return -ENOMEM;
	}
	*ret = &l->link;
	return 0;
}

static int seqlock_attach(struct bench_link *link)
{
	return bench_buffers_make(&seqlock_of(link)->buffers, 1, link->spec->size);
}

/* The two ways are functions of their own, as the library's are. */
static __attribute__((noinline)) void seqlock_write(
	struct seqlock *lock, const void *value, size_t size)
{
	uint64_t count = atomic_load_explicit(&lock->count, memory_order_relaxed);

	atomic_store_explicit(&lock->count, count + 1, memory_order_relaxed);
	/* Pairs with the acquire fence in seqlock_read(). */
	atomic_thread_fence(memory_order_release);
	memcpy(lock->value, value, size);
	atomic_store_explicit(&lock->count, count + 2, memory_order_release);
}

static __attribute__((noinline)) void seqlock_read(
	const struct seqlock *lock, void *value, size_t size)
{
	uint64_t before, after;
	unsigned turns = 0;

	do {
		/* Acquire: pairs with the release in seqlock_write(). */
		while ((before = atomic_load_explicit(&lock->count, memory_order_acquire)) & 1)
			bench_spin(&turns);
		memcpy(value, lock->value, size);
		/* Pairs with the release fence there. */
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&lock->count, memory_order_relaxed);
	} while (before != after);
}

static int seqlock_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct seqlock_link *l = seqlock_of(link);

	(void)n;
	bench_buffers_stamp(&l->buffers, stamp, 1);
	seqlock_write(l->shared, l->buffers.iov->iov_base, l->size);
	return 1;
}

static int seqlock_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct seqlock_link *l = seqlock_of(link);

	for (unsigned i = 0; i < n; i++) {
		seqlock_read(l->shared, l->buffers.iov->iov_base, l->size);
		memcpy(&stamp[i], l->buffers.iov->iov_base, BENCH_STAMP);
	}
	return (int)n;
}

static void seqlock_nothing(struct bench_link *link)
{
	(void)link;
}

const struct bench_peer bench_seqlock = {
	.name = "seqlock",
	.many = true,
	.make = seqlock_make,
	.attach = seqlock_attach,
	.seal = seqlock_nothing,
	.send = seqlock_send,
	.recv = seqlock_recv,
	.end = seqlock_nothing,
	.drop = seqlock_drop,
};
