/* SPDX-License-Identifier: MIT */
/*
 * shmchan as a peer: one channel of its own, whose name is removed as
 * soon as all are attached.  Waiting is the library's (a short adaptive spin, then
 * sleep), or with BENCH_SPIN a timeout of 0, again and again.  With BENCH_FD the receiver
 * calls with a timeout of 0, too, and when there is nothing it waits for the descriptor in
 * epoll.
 *
 * In place, only the stamp is written and read: what is measured is the way of a
 * message whose bytes are made and used where they lie.
 */
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmchan.h"

struct chan_link {
	struct bench_link link;
	char name[64]; /* empty once removed */
	chan_t *ch;    /* the parent's observer, then the worker's endpoint */
	int64_t timeout;
	int loop; /* an epoll instance in which it waits, or -1 */
	struct bench_buffers buffers;
	struct chan_lease *lease;
};

static struct chan_link *chan_of(struct bench_link *link)
{
	return (struct chan_link *)(void *)link;
}

static void chan_link_seal(struct bench_link *link)
{
	struct chan_link *l = chan_of(link);

	if (l->name[0])
		chan_unlink(l->name);
	l->name[0] = '\0';
}

static void chan_link_drop(struct bench_link *link)
{
	struct chan_link *l = chan_of(link);

	if (l->loop >= 0)
		close(l->loop);
	chan_detach(l->ch);
	chan_link_seal(link);
	bench_buffers_free(&l->buffers);
	free(l->lease);
	free(l);
}

static int chan_link_make(struct bench_link **ret, const struct bench_spec *spec)
{
	static unsigned number;
	struct chan_options opt = {
		.size = sizeof(opt),
		.capacity = spec->capacity,
		.max_capacity = spec->max_capacity,
		.max_message = (uint32_t)spec->size,
		.endpoints = 1024,
		.kind = spec->broadcast ? CHAN_KIND_BROADCAST : CHAN_KIND_QUEUE,
		.on_lag = spec->loses ? CHAN_LAG_LOSE : CHAN_LAG_DEFAULT,
	};
	struct chan_link *l;
	int r;

	if (spec->size > UINT32_MAX)
		return -EMSGSIZE;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->loop = -1;
	l->timeout = spec->wait == BENCH_SPIN ? 0 : CHAN_WAIT;
	snprintf(l->name, sizeof(l->name), "chanbench.%ld.%u", (long)getpid(), number++);
	r = chan_create(l->name, &opt);
	if (r < 0)
		l->name[0] = '\0';
	else
		r = chan_open(&l->ch, l->name, 0, NULL);
	if (r < 0) {
		chan_link_drop(&l->link);
		return r;
	}
	*ret = &l->link;
	return 0;
}

static int chan_link_watch(struct chan_link *l)
{
	int fd = chan_fd(l->ch, CHAN_RECV);

	if (fd < 0)
		return fd;
	l->loop = bench_loop(fd);
	l->timeout = 0;
	return l->loop < 0 ? l->loop : 0;
}

static int chan_link_attach(struct bench_link *link)
{
	const struct bench_spec *spec = link->spec;
	struct chan_link *l = chan_of(link);
	unsigned batch = link->sending ? spec->send_batch : spec->recv_batch;
	unsigned flags = link->sending ? CHAN_SEND : CHAN_RECV;
	int r;

	chan_detach(l->ch);
	l->ch = NULL;
	r = chan_open(&l->ch, l->name, flags | (spec->exclusive ? CHAN_EXCLUSIVE : 0u), NULL);
	l->name[0] = '\0'; /* the parent removes it */
	if (r == 0 && spec->via == BENCH_FD && !link->sending)
		r = chan_link_watch(l);
	if (r < 0)
		return r;
	l->lease = calloc(batch, sizeof(*l->lease));
	if (!l->lease)
		return -ENOMEM;
	return spec->in_place ? 0
			      : bench_buffers_make(&l->buffers,
					batch > spec->buffers ? batch : spec->buffers, spec->size);
}

/* Returns true if a call that did not wait, or that told of lost messages, is to be made
 * again. */
static inline bool chan_again(struct chan_link *l, int64_t r, unsigned *turns)
{
	if (__builtin_expect(r == -EOVERFLOW, 0)) {
		l->link.lost += chan_lost(l->ch);
		return true;
	}
	if ((r != -EAGAIN && r != -EBUSY) || l->timeout != 0)
		return false;
	if (l->loop >= 0)
		return bench_loop_wait(l->loop) == 0;
	bench_spin(turns);
	return true;
}

static int chan_send_in_place(struct chan_link *l, const uint64_t *stamp)
{
	unsigned turns = 0;
	void *at;
	int r;

	do
		r = chan_reserve(l->ch, &at, l->link.spec->size, l->timeout);
	while (chan_again(l, r, &turns));
	if (r < 0)
		return r;
	memcpy(at, stamp, BENCH_STAMP);
	r = chan_commit(l->ch, l->link.spec->size);
	return r < 0 ? r : 1;
}

static int chan_link_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct chan_link *l = chan_of(link);
	unsigned turns = 0;
	struct iovec *iov;
	int r;

	if (link->spec->in_place)
		return chan_send_in_place(l, stamp);
	iov = bench_buffers_turn(&l->buffers, n);
	bench_buffers_stamp(&l->buffers, stamp, n);
	if (link->spec->send_batch == 1) {
		do
			r = chan_send(l->ch, iov->iov_base, link->spec->size, l->timeout);
		while (chan_again(l, r, &turns));
		return r < 0 ? r : 1;
	}
	do
		r = chan_send_batch(l->ch, iov, n, l->timeout);
	while (chan_again(l, r, &turns));
	return r;
}

static int chan_recv_in_place(struct chan_link *l, uint64_t *stamp, unsigned n)
{
	unsigned turns = 0;
	int r, acked;

	do
		r = chan_take(l->ch, l->lease, n, l->timeout);
	while (chan_again(l, r, &turns));
	if (r < 0)
		return r;
	for (int i = 0; i < r; i++)
		memcpy(&stamp[i], l->lease[i].data, BENCH_STAMP);
	acked = chan_ack(l->ch, l->lease, (unsigned)r);
	return acked < 0 ? acked : acked < r ? -EBADMSG : r;
}

static int chan_recv_one(struct chan_link *l, uint64_t *stamp)
{
	const struct iovec *iov = bench_buffers_turn(&l->buffers, 1);
	size_t size = l->link.spec->size;
	unsigned turns = 0;
	ssize_t r;

	do
		r = chan_recv(l->ch, iov->iov_base, size, l->timeout);
	while (chan_again(l, r, &turns));
	if (r < 0)
		return (int)r;
	if ((size_t)r != size)
		return -EBADMSG;
	bench_buffers_read(&l->buffers, stamp, 1);
	return 1;
}

static int chan_link_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct chan_link *l = chan_of(link);
	unsigned turns = 0;
	struct iovec *iov;
	int r;

	if (link->spec->in_place)
		return chan_recv_in_place(l, stamp, n);
	if (link->spec->recv_batch == 1)
		return chan_recv_one(l, stamp);
	iov = bench_buffers_turn(&l->buffers, n);
	do {
		for (unsigned i = 0; i < n; i++)
			iov[i].iov_len = link->spec->size;
		r = chan_recv_batch(l->ch, iov, n, l->timeout);
	} while (chan_again(l, r, &turns));
	for (int i = 0; i < r; i++)
		if (iov[i].iov_len != link->spec->size)
			return -EBADMSG;
	if (r > 0)
		bench_buffers_read(&l->buffers, stamp, (unsigned)r);
	return r;
}

static void chan_link_end(struct bench_link *link)
{
	chan_close(chan_of(link)->ch, CHAN_DRAIN);
}

static uint64_t chan_link_memory(struct bench_link *link)
{
	struct chan_stat st = {.size = sizeof(st)};

	return chan_stat(chan_of(link)->ch, &st) < 0 ? 0 : st.segment;
}

const struct bench_peer bench_shmchan = {
	.name = "shmchan",
	.streams = true,
	.sleeps = true,
	.many = true,
	.batches = true,
	.make = chan_link_make,
	.attach = chan_link_attach,
	.seal = chan_link_seal,
	.send = chan_link_send,
	.recv = chan_link_recv,
	.end = chan_link_end,
	.memory = chan_link_memory,
	.drop = chan_link_drop,
};
