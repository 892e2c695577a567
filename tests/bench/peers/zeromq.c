/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ: PUSH and PULL, and PUB and SUB, over ipc://, that is, a Unix socket (an abstract
 * one, which leaves no file).  The publisher is told to wait for room and not to drop, and
 * it learns who has subscribed, as XPUB.  Debian: libzmq3-dev.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "peer.h"

struct peer_end {
	void *context, *socket;
	size_t size;
};

static struct peer_end *zeromq_open(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	struct peer_end *end = calloc(1, sizeof(*end));
	char address[96];

	(void)peer;
	if (!end)
		peer_fail("no memory");
	end->size = size;
	end->context = zmq_ctx_new();
	end->socket = zmq_socket(end->context, sending ? ZMQ_PUSH : ZMQ_PULL);
	snprintf(address, sizeof(address), "ipc://@%s", channel);
	if (!end->socket ||
		(sending ? zmq_connect(end->socket, address) : zmq_bind(end->socket, address)) < 0)
		peer_fail("%s: %s", address, zmq_strerror(zmq_errno()));
	return end;
}

static struct peer_end *zeromq_open_published(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	struct peer_end *end = calloc(1, sizeof(*end));
	char address[96], subscription[8];
	int one = 1;

	(void)peer;
	if (!end)
		peer_fail("no memory");
	end->size = size;
	end->context = zmq_ctx_new();
	end->socket = zmq_socket(end->context, sending ? ZMQ_XPUB : ZMQ_SUB);
	snprintf(address, sizeof(address), "ipc://@%s", channel);
	if (!end->socket ||
		(sending ? zmq_setsockopt(end->socket, ZMQ_XPUB_NODROP, &one, sizeof(one))
			 : zmq_setsockopt(end->socket, ZMQ_SUBSCRIBE, "", 0)) < 0 ||
		(sending ? zmq_setsockopt(end->socket, ZMQ_XPUB_VERBOSE, &one, sizeof(one)) : 0) <
			0 ||
		(sending ? zmq_bind(end->socket, address) : zmq_connect(end->socket, address)) < 0)
		peer_fail("%s: %s", address, zmq_strerror(zmq_errno()));
	for (unsigned i = 0; sending && i < peer_subscribers; i++)
		if (zmq_recv(end->socket, subscription, sizeof(subscription), 0) < 0)
			peer_fail("zmq_recv: %s", zmq_strerror(zmq_errno()));
	return end;
}

static void zeromq_send(struct peer_end *end, const void *msg)
{
	if (zmq_send(end->socket, msg, end->size, 0) < 0)
		peer_fail("zmq_send: %s", zmq_strerror(zmq_errno()));
}

static void zeromq_receive(struct peer_end *end, void *buf)
{
	if (zmq_recv(end->socket, buf, end->size, 0) < 0)
		peer_fail("zmq_recv: %s", zmq_strerror(zmq_errno()));
}

static void zeromq_close(struct peer_end *end)
{
	zmq_close(end->socket);
	zmq_ctx_term(end->context);
	free(end);
}

const struct peer peers[] = {
	{.name = "ZeroMQ",
		.uses = "PUSH, PULL over ipc://; high-water marks of 1000 messages (default)",
		.waits = "sleeps; an I/O thread in each process",
		.open = zeromq_open,
		.send = zeromq_send,
		.receive = zeromq_receive,
		.close = zeromq_close},
	{.name = "ZeroMQ PUB",
		.uses = "XPUB, which waits for room (ZMQ_XPUB_NODROP), SUB over ipc://; "
			"high-water marks of 1000 messages (default)",
		.waits = "sleeps; an I/O thread in each process",
		.publishes = true,
		.open = zeromq_open_published,
		.send = zeromq_send,
		.receive = zeromq_receive,
		.close = zeromq_close},
	{.name = NULL},
};
