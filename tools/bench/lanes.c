/* SPDX-License-Identifier: MIT */
/*
 * Lanes by key, beside one queue: senders whose messages have a header and, with lanes, a key of
 * each sender's own; receivers that take messages under leases and acknowledge them, as workers
 * do.  The keys are chosen so that the senders' lanes are different ones, or all the same.
 */
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "bench/board.h"
#include "shmchan.h"

struct lanes_link {
	struct bench_link link;
	char name[64]; /* empty once removed */
	chan_t *ch;
	struct chan_meta meta;
	char *buf;
	struct chan_lease *lease;
};

static struct lanes_link *lanes_link_of(struct bench_link *link)
{
	return (struct lanes_link *)(void *)link;
}

static void lanes_link_seal(struct bench_link *link)
{
	struct lanes_link *l = lanes_link_of(link);

	if (l->name[0])
		chan_unlink(l->name);
	l->name[0] = '\0';
}

static void lanes_link_drop(struct bench_link *link)
{
	struct lanes_link *l = lanes_link_of(link);

	chan_detach(l->ch);
	lanes_link_seal(link);
	free(l->buf);
	free(l->lease);
	free(l);
}

static int lanes_link_make(struct bench_link **ret, const struct bench_spec *spec)
{
	static unsigned number;
	struct chan_options opt = {
		.size = sizeof(opt),
		.flags = CHAN_META,
		.capacity = spec->capacity,
		.max_message = (uint32_t)spec->size,
		.endpoints = 1024,
		.lanes = spec->lanes,
		.lane_by = spec->lanes ? CHAN_BY_KEY : 0,
	};
	struct lanes_link *l;
	int r;

	if (spec->size > UINT32_MAX)
		return -EMSGSIZE;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	snprintf(l->name, sizeof(l->name), "chanbench-lanes.%ld.%u", (long)getpid(), number++);
	r = chan_create(l->name, &opt);
	if (r < 0)
		l->name[0] = '\0';
	else
		r = chan_open(&l->ch, l->name, 0, NULL);
	if (r < 0) {
		lanes_link_drop(&l->link);
		return r;
	}
	*ret = &l->link;
	return 0;
}

static int lanes_link_attach(struct bench_link *link)
{
	struct lanes_link *l = lanes_link_of(link);
	int r;

	chan_detach(l->ch);
	l->ch = NULL;
	r = chan_open(&l->ch, l->name, link->sending ? CHAN_SEND : CHAN_RECV, NULL);
	l->name[0] = '\0'; /* the parent removes it */
	if (r < 0)
		return r;
	chan_meta_init(&l->meta);
	l->buf = calloc(1, link->spec->size);
	l->lease = calloc(link->spec->recv_batch, sizeof(*l->lease));
	return l->buf && l->lease ? 0 : -ENOMEM;
}

/* Find a key for messages of that sender: the first one of its lane. */
static void choose_key(struct lanes_link *l, unsigned sender)
{
	const struct bench_spec *spec = l->link.spec;
	uint32_t lane = spec->one_lane ? 0 : sender % spec->lanes;

	l->meta.flags = CHAN_META_HAS_KEY;
	for (unsigned i = 0;; i++) {
		l->meta.key_length =
			(uint32_t)snprintf(l->meta.key, sizeof(l->meta.key), "%u.%u", sender, i);
		if (hash_of(l->meta.key, l->meta.key_length) % spec->lanes == lane)
			return;
	}
}

static int lanes_link_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct lanes_link *l = lanes_link_of(link);
	int r;

	(void)n;
	if (link->spec->lanes && !l->meta.flags)
		choose_key(l, (unsigned)(*stamp >> BENCH_NUMBER_BITS));
	memcpy(l->buf, stamp, BENCH_STAMP);
	r = chan_send_meta(l->ch, l->buf, link->spec->size, &l->meta, CHAN_WAIT);
	return r < 0 ? r : 1;
}

static int lanes_link_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct lanes_link *l = lanes_link_of(link);
	int r = chan_take(l->ch, l->lease, n, CHAN_WAIT), acked;

	if (r < 0)
		return r;
	for (int i = 0; i < r; i++)
		memcpy(&stamp[i], l->lease[i].data, BENCH_STAMP);
	acked = chan_ack(l->ch, l->lease, (unsigned)r);
	return acked < 0 ? acked : acked < r ? -EBADMSG : r;
}

static void lanes_link_end(struct bench_link *link)
{
	chan_close(lanes_link_of(link)->ch, CHAN_DRAIN);
}

const struct bench_peer bench_lanes = {
	.name = "lanes",
	.streams = true,
	.sleeps = true,
	.many = true,
	.batches = true,
	.make = lanes_link_make,
	.attach = lanes_link_attach,
	.seal = lanes_link_seal,
	.send = lanes_link_send,
	.recv = lanes_link_recv,
	.end = lanes_link_end,
	.drop = lanes_link_drop,
};
