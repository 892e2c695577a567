/* SPDX-License-Identifier: MIT */
/*
 * A lock-free ring for one sender and one receiver in shared memory, as well
 * made as we can: positions that only grow, each on its own pair of cache lines
 * beside its owner's copy of the other one, which is read again only when the
 * ring looks full or empty; a release store publishes a whole batch; the size is a
 * power of two.  It guarantees nothing: no crash safety, no second sender, no
 * name, no check of what it reads, no sleep.  That makes it the floor for
 * throughput (peer "ring") and, with an eventfd a side to sleep on, what people
 * write by hand (peer "eventfd").
 *
 * A record is a 64-bit length and the bytes, rounded up to 8, never split: SKIP
 * in place of a length says that the rest up to the end is unused.
 */
#include "bench/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAIR_OF_LINES 128
#define HEADER sizeof(uint64_t)
#define SKIP UINT64_MAX
/* Turns between two readings of an empty ring.  With one, sender and receiver fight
 * over the line of the position, and the rate is anything from a third up. */
#define GATHER 4

struct ring_side {
	_Alignas(PAIR_OF_LINES) _Atomic uint64_t position; /* written by this side */
	uint64_t seen;				    /* the other's position, when last read */
	_Alignas(PAIR_OF_LINES) atomic_bool asleep; /* eventfd only */
};

struct ring {
	struct ring_side sender, receiver;
	size_t size;
	_Alignas(PAIR_OF_LINES) char bytes[];
};

struct ring_link {
	struct bench_link link;
	struct ring *ring;
	struct bench_buffers buffers;
	int full, empty; /* eventfds on which the sender and the receiver sleep, or -1 */
	int loop;	 /* an epoll instance in which the receiver waits, or -1 */
};

static size_t ring_need(size_t len)
{
	return HEADER + (len + 7) / 8 * 8;
}

/* Add 0 to n messages, as many as there is room for. */
static unsigned ring_put(struct ring *r, const struct iovec *msg, unsigned n)
{
	uint64_t head = atomic_load_explicit(&r->sender.position, memory_order_relaxed);
	unsigned i;

	for (i = 0; i < n; i++) {
		size_t need = ring_need(msg[i].iov_len), at = head & (r->size - 1);
		size_t skip = at + need > r->size ? r->size - at : 0;

		if (head + skip + need - r->sender.seen > r->size) {
			/* Pairs with the release in ring_get(): what was read is free. */
			r->sender.seen =
				atomic_load_explicit(&r->receiver.position, memory_order_acquire);
			if (head + skip + need - r->sender.seen > r->size)
				break;
		}
		if (skip > 0) {
			memcpy(r->bytes + at, &(uint64_t){SKIP}, HEADER);
			head += skip;
			at = 0;
		}
		memcpy(r->bytes + at, &(uint64_t){msg[i].iov_len}, HEADER);
		memcpy(r->bytes + at + HEADER, msg[i].iov_base, msg[i].iov_len);
		head += need;
	}
	if (i > 0)
		atomic_store_explicit(&r->sender.position, head, memory_order_release);
	return i;
}

/* Take 0 to n messages. */
static unsigned ring_get(struct ring *r, struct iovec *buf, unsigned n)
{
	uint64_t tail = atomic_load_explicit(&r->receiver.position, memory_order_relaxed);
	unsigned i = 0;

	/* Pairs with the release in ring_put(): what is published is written. */
	if (tail == r->receiver.seen)
		r->receiver.seen = atomic_load_explicit(&r->sender.position, memory_order_acquire);
	while (i < n && tail != r->receiver.seen) {
		size_t at = tail & (r->size - 1);
		uint64_t len;

		memcpy(&len, r->bytes + at, HEADER);
		if (len == SKIP) {
			tail += r->size - at;
			continue;
		}
		memcpy(buf[i].iov_base, r->bytes + at + HEADER, len);
		buf[i++].iov_len = len;
		tail += ring_need(len);
	}
	if (i > 0)
		atomic_store_explicit(&r->receiver.position, tail, memory_order_release);
	return i;
}

static struct ring_link *ring_of(struct bench_link *link)
{
	return (struct ring_link *)(void *)link;
}

static void ring_drop(struct bench_link *link)
{
	struct ring_link *l = ring_of(link);

	if (l->full >= 0)
		close(l->full);
	if (l->empty >= 0)
		close(l->empty);
	if (l->loop >= 0)
		close(l->loop);
	if (l->ring)
		bench_unshare(l->ring, sizeof(*l->ring) + l->ring->size);
	bench_buffers_free(&l->buffers);
	free(l);
}

static int ring_make(struct bench_link **ret, const struct bench_spec *spec)
{
	struct ring_link *l = calloc(1, sizeof(*l));
	size_t size = 4096;

	if (!l)
		return -ENOMEM;
	l->full = l->empty = l->loop = -1;
	while (size < spec->capacity)
		size *= 2;
	if (ring_need(spec->size) > size / 2) {
		ring_drop(&l->link);
		return -EMSGSIZE;
	}
	l->ring = bench_shared(sizeof(*l->ring) + size);
	if (!l->ring) {
		ring_drop(&l->link);
		return -ENOMEM;
	}
	l->ring->size = size;
	*ret = &l->link;
	return 0;
}

static int ring_attach(struct bench_link *link)
{
	const struct bench_spec *spec = link->spec;
	unsigned batch = link->sending ? spec->send_batch : spec->recv_batch;

	return bench_buffers_make(
		&ring_of(link)->buffers, batch > spec->buffers ? batch : spec->buffers, spec->size);
}

static void ring_nothing(struct bench_link *link)
{
	(void)link;
}

static int ring_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct ring_link *l = ring_of(link);
	const struct iovec *iov = bench_buffers_turn(&l->buffers, n);
	unsigned sent, turns = 0;

	bench_buffers_stamp(&l->buffers, stamp, n);
	while ((sent = ring_put(l->ring, iov, n)) == 0)
		bench_spin(&turns);
	return (int)sent;
}

static int ring_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct ring_link *l = ring_of(link);
	struct iovec *iov = bench_buffers_turn(&l->buffers, n);
	unsigned got, turns = 0;

	while ((got = ring_get(l->ring, iov, n)) == 0)
		for (unsigned i = 0; i < GATHER; i++)
			bench_spin(&turns);
	bench_buffers_read(&l->buffers, stamp, got);
	return (int)got;
}

const struct bench_peer bench_ring = {
	.name = "ring",
	.streams = true,
	.batches = true,
	.make = ring_make,
	.attach = ring_attach,
	.seal = ring_nothing,
	.send = ring_send,
	.recv = ring_recv,
	.end = ring_nothing,
	.drop = ring_drop,
};

static int eventfd_make(struct bench_link **ret, const struct bench_spec *spec)
{
	struct bench_link *link;
	struct ring_link *l;
	int r = ring_make(&link, spec);

	if (r < 0)
		return r;
	l = ring_of(link);
	l->full = eventfd(0, EFD_CLOEXEC);
	l->empty = eventfd(0, EFD_CLOEXEC);
	if (l->full < 0 || l->empty < 0) {
		r = -errno;
		ring_drop(link);
		return r;
	}
	*ret = link;
	return 0;
}

static int eventfd_attach(struct bench_link *link)
{
	struct ring_link *l = ring_of(link);
	int r = ring_attach(link);

	if (r < 0 || link->sending || link->spec->via != BENCH_FD)
		return r;
	l->loop = bench_loop(l->empty);
	return l->loop < 0 ? l->loop : 0;
}

/*
 * Sleep until woken, unless the other side has moved on from `position`.  The sleeper says that it
 * is asleep and then reads again; the waker publishes and then reads whether it is asleep: with a
 * full fence in both, one of the two sees the other.
 */
static int eventfd_sleep(
	int loop, int fd, struct ring_side *me, const struct ring_side *other, uint64_t position)
{
	uint64_t count;

	atomic_store_explicit(&me->asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&other->position, memory_order_acquire) != position) {
		atomic_store_explicit(&me->asleep, false, memory_order_relaxed);
		return 0;
	}
	if (loop >= 0 && bench_loop_wait(loop) < 0)
		return -errno;
	while (read(fd, &count, sizeof(count)) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int eventfd_wake(int fd, struct ring_side *other)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&other->asleep, memory_order_relaxed))
		return 0;
	atomic_store_explicit(&other->asleep, false, memory_order_relaxed);
	while (write(fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int eventfd_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct ring_link *l = ring_of(link);
	struct ring *ring = l->ring;
	const struct iovec *iov = bench_buffers_turn(&l->buffers, n);
	unsigned sent, turns = 0;
	int r = 0;

	bench_buffers_stamp(&l->buffers, stamp, n);
	while ((sent = ring_put(ring, iov, n)) == 0 && r == 0) {
		if (link->spec->wait == BENCH_SPIN)
			bench_spin(&turns);
		else
			r = eventfd_sleep(
				-1, l->full, &ring->sender, &ring->receiver, ring->sender.seen);
	}
	if (r == 0)
		r = eventfd_wake(l->empty, &ring->receiver);
	return r < 0 ? r : (int)sent;
}

static int eventfd_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct ring_link *l = ring_of(link);
	struct ring *ring = l->ring;
	struct iovec *iov = bench_buffers_turn(&l->buffers, n);
	unsigned got, turns = 0;
	int r = 0;

	while ((got = ring_get(ring, iov, n)) == 0 && r == 0) {
		if (link->spec->wait == BENCH_SPIN)
			bench_spin(&turns);
		else
			r = eventfd_sleep(l->loop, l->empty, &ring->receiver, &ring->sender,
				ring->receiver.seen);
	}
	bench_buffers_read(&l->buffers, stamp, got);
	if (r == 0)
		r = eventfd_wake(l->full, &ring->sender);
	return r < 0 ? r : (int)got;
}

const struct bench_peer bench_eventfd = {
	.name = "eventfd",
	.streams = true,
	.sleeps = true,
	.batches = true,
	.make = eventfd_make,
	.attach = eventfd_attach,
	.seal = ring_nothing,
	.send = eventfd_send,
	.recv = eventfd_recv,
	.end = ring_nothing,
	.drop = ring_drop,
};
