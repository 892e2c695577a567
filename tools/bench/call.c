/* SPDX-License-Identifier: MIT */
/*
 * A call: a request and its reply (chan_request(), chan_reply()).  To a round trip it looks like
 * two links: on the first one requests go, on the second one replies.  Both are one channel, and
 * what a process knows of the call under way is the same for its two ends.
 */
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmchan.h"

struct call_link {
	struct bench_link link;
	char name[64]; /* empty in a worker: the parent removes it */
	bool replies;  /* it is the second one */
	bool client;
};

/* Of this process, which is the client or the server. */
static struct {
	chan_t *ch;
	unsigned users;
	char *buf;
	struct chan_lease request;
	uint64_t number;
} call;

static char shared_name[64]; /* of the first link, for the second one */

static struct call_link *call_of(struct bench_link *link)
{
	return (struct call_link *)(void *)link;
}

static void call_seal(struct bench_link *link)
{
	struct call_link *l = call_of(link);

	if (l->name[0] && !l->replies)
		chan_unlink(l->name);
	l->name[0] = '\0';
}

static void call_drop(struct bench_link *link)
{
	call_seal(link);
	if (call.users && --call.users == 0) {
		chan_detach(call.ch);
		free(call.buf);
		call.ch = NULL;
		call.buf = NULL;
	}
	free(link);
}

static int call_make(struct bench_link **ret, const struct bench_spec *spec)
{
	static unsigned number;
	struct chan_options opt = {.size = sizeof(opt),
		.flags = CHAN_META,
		.max_message = (uint32_t)spec->size,
		.capacity = spec->capacity};
	struct call_link *l;
	int r = 0;

	if (spec->size > UINT32_MAX)
		return -EMSGSIZE;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->replies = shared_name[0];
	if (l->replies) {
		memcpy(l->name, shared_name, sizeof(l->name));
		shared_name[0] = '\0';
	} else {
		snprintf(l->name, sizeof(l->name), "chanbench.%ld.call-%u", (long)getpid(),
			number++);
		r = chan_create(l->name, &opt);
		memcpy(shared_name, l->name, sizeof(l->name));
	}
	if (r < 0) {
		free(l);
		shared_name[0] = '\0';
		return r;
	}
	*ret = &l->link;
	return 0;
}

static int call_attach(struct bench_link *link)
{
	struct call_link *l = call_of(link);
	int r = 0;

	/* Who sends on the first one receives on the second. */
	l->client = link->sending != l->replies;
	if (!call.ch) {
		r = chan_open(&call.ch, l->name, l->client ? CHAN_SEND : CHAN_RECV, NULL);
		call.buf = calloc(1, link->spec->size);
		if (r == 0 && !call.buf)
			r = -ENOMEM;
	}
	call.users++;
	l->name[0] = '\0';
	return r;
}

static int call_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	size_t size = link->spec->size;
	int r;

	(void)n;
	memcpy(call.buf, stamp, BENCH_STAMP);
	r = call_of(link)->client
		    ? chan_request(call.ch, call.buf, size, NULL, CHAN_WAIT, &call.number)
		    : chan_reply(call.ch, &call.request, call.buf, size, NULL, CHAN_WAIT);
	return r < 0 ? r : 1;
}

static int call_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	ssize_t r;

	(void)n;
	if (call_of(link)->client) {
		r = chan_response(
			call.ch, call.number, call.buf, link->spec->size, NULL, CHAN_WAIT);
		if (r < 0)
			return (int)r;
		memcpy(stamp, call.buf, BENCH_STAMP);
		return 1;
	}
	r = chan_take(call.ch, &call.request, 1, CHAN_WAIT);
	if (r > 0)
		memcpy(stamp, call.request.data, BENCH_STAMP);
	return (int)r;
}

static void call_end(struct bench_link *link)
{
	if (call_of(link)->client)
		chan_close(call.ch, CHAN_DRAIN);
}

const struct bench_peer bench_call = {
	.name = "call",
	.sleeps = true,
	.make = call_make,
	.attach = call_attach,
	.seal = call_seal,
	.send = call_send,
	.recv = call_recv,
	.end = call_end,
	.drop = call_drop,
};
