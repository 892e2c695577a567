/* SPDX-License-Identifier: MIT */
/*
 * Several shmchan channels, whose receiver waits for all of them: in chan_select(), or in a
 * set (chan_set_wait()).
 *
 * The sender takes some of them in turn, which lie evenly among all; so with more channels
 * only the waiting has more to do.
 */
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shmchan.h"

#define READY 8	  /* that the set gives at once */
#define RECORD 64 /* of a message, more than its bytes */

struct many_link {
	struct bench_link link;
	unsigned n, made, number;
	bool named;  /* this process removes the names */
	chan_t **ch; /* the worker's endpoints */
	unsigned turn;
	struct chan_case *cases;
	unsigned cases_left;
	chan_set_t *set;
	struct chan_ready ready[READY];
	unsigned ready_n, ready_at;
	struct bench_buffers buffers;
};

static struct many_link *many_of(struct bench_link *link)
{
	return (struct many_link *)(void *)link;
}

static void many_name(const struct many_link *l, unsigned i, char name[64])
{
	snprintf(name, 64, "chanbench.%ld.%u-%u", (long)(l->named ? getpid() : getppid()),
		l->number, i);
}

static void many_seal(struct bench_link *link)
{
	struct many_link *l = many_of(link);
	char name[64];

	for (unsigned i = 0; i < l->made && l->named; i++) {
		many_name(l, i, name);
		chan_unlink(name);
	}
	l->made = 0;
}

static void many_drop(struct bench_link *link)
{
	struct many_link *l = many_of(link);

	chan_set_destroy(l->set);
	for (unsigned i = 0; i < l->n && l->ch; i++)
		chan_detach(l->ch[i]);
	many_seal(link);
	bench_buffers_free(&l->buffers);
	free(l->cases);
	free(l->ch);
	free(l);
}

/* Let the workers open as many descriptors as the system allows. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int many_make(struct bench_link **ret, const struct bench_spec *spec)
{
	static unsigned number;
	size_t least = 4 * (spec->size + RECORD), share = spec->capacity / spec->channels;
	struct chan_options opt = {
		.size = sizeof(opt),
		.capacity = share > least ? share : least,
		.max_message = (uint32_t)spec->size,
		.endpoints = spec->channels > READY ? 16 : 1024,
	};
	struct many_link *l;
	char name[64];
	int r = 0;

	if (spec->size > UINT32_MAX)
		return -EMSGSIZE;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->number = number++;
	l->n = spec->channels;
	l->named = true;
	raise_limit();
	for (; l->made < l->n && r == 0; l->made += r == 0) {
		many_name(l, l->made, name);
		r = chan_create(name, &opt);
	}
	if (r < 0) {
		many_drop(&l->link);
		return r;
	}
	*ret = &l->link;
	return 0;
}

static int many_prepare_select(struct many_link *l)
{
	l->cases = calloc(l->n, sizeof(*l->cases));
	if (!l->cases)
		return -ENOMEM;
	for (unsigned i = 0; i < l->n; i++)
		l->cases[i] = (struct chan_case){
			.size = sizeof(*l->cases),
			.op = CHAN_OP_RECV,
			.ch = l->ch[i],
			.data = l->buffers.iov->iov_base,
			.len = l->buffers.size,
		};
	l->cases_left = l->n;
	return 0;
}

static int many_prepare_set(struct many_link *l)
{
	int r = chan_set_create(&l->set);

	for (unsigned i = 0; i < l->n && r == 0; i++)
		r = chan_set_add(l->set, l->ch[i], CHAN_RECV, NULL);
	l->cases_left = l->n;
	return r;
}

static int many_attach(struct bench_link *link)
{
	const struct bench_spec *spec = link->spec;
	unsigned flags =
		(link->sending ? CHAN_SEND : CHAN_RECV) | (spec->exclusive ? CHAN_EXCLUSIVE : 0u);
	struct many_link *l = many_of(link);
	char name[64];
	int r;

	l->named = false; /* the parent removes them */
	l->ch = calloc(l->n, sizeof(*l->ch));
	r = l->ch ? bench_buffers_make(&l->buffers, 1, spec->size) : -ENOMEM;
	for (unsigned i = 0; i < l->n && r == 0; i++) {
		many_name(l, i, name);
		r = chan_open(&l->ch[i], name, flags, NULL);
	}
	if (r < 0 || link->sending)
		return r;
	return spec->via == BENCH_SET ? many_prepare_set(l) : many_prepare_select(l);
}

static int many_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct many_link *l = many_of(link);
	unsigned used = l->n < link->spec->in_turn ? l->n : link->spec->in_turn;
	unsigned which = l->turn++ % used * l->n / used;
	int r;

	(void)n;
	bench_buffers_stamp(&l->buffers, stamp, 1);
	r = chan_send(l->ch[which], l->buffers.iov->iov_base, l->buffers.size, CHAN_WAIT);
	return r < 0 ? r : 1;
}

/* Receive by select; a channel that ended is no case any more. */
static ssize_t select_recv(struct many_link *l)
{
	ssize_t r = -EPIPE;
	int which;

	while (l->cases_left > 0) {
		which = chan_select(l->cases, l->cases_left, CHAN_WAIT, 0);
		if (which < 0)
			return which;
		r = l->cases[which].result;
		if (r != -EPIPE)
			break;
		l->cases[which] = l->cases[--l->cases_left];
	}
	return r;
}

/* Receive from those that the set gave, as long as there is something, and then ask it
 * again. */
static ssize_t set_recv(struct many_link *l)
{
	ssize_t r;

	for (;;) {
		while (l->ready_at < l->ready_n) {
			chan_t *ch = l->ready[l->ready_at].ch;

			r = chan_recv(ch, l->buffers.iov->iov_base, l->buffers.size, 0);
			if (r == -EPIPE && --l->cases_left > 0)
				chan_set_remove(l->set, ch, CHAN_RECV);
			else if (r != -EAGAIN && r != -EBUSY)
				return r;
			l->ready_at++;
		}
		r = chan_set_wait(l->set, l->ready, READY, CHAN_WAIT);
		if (r < 0)
			return r;
		l->ready_n = (unsigned)r;
		l->ready_at = 0;
	}
}

static int many_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct many_link *l = many_of(link);
	ssize_t r = link->spec->via == BENCH_SET ? set_recv(l) : select_recv(l);

	(void)n;
	if (r < 0)
		return (int)r;
	if ((size_t)r != l->buffers.size)
		return -EBADMSG;
	bench_buffers_read(&l->buffers, stamp, 1);
	return 1;
}

static void many_end(struct bench_link *link)
{
	struct many_link *l = many_of(link);

	for (unsigned i = 0; i < l->n; i++)
		chan_close(l->ch[i], CHAN_DRAIN);
}

const struct bench_peer bench_many = {
	.name = "shmchan",
	.streams = true,
	.sleeps = true,
	.many = true,
	.make = many_make,
	.attach = many_attach,
	.seal = many_seal,
	.send = many_send,
	.recv = many_recv,
	.end = many_end,
	.drop = many_drop,
};
