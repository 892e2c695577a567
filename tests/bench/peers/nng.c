/* SPDX-License-Identifier: MIT */
/*
 * nng: push and pull over its ipc transport, that is, a Unix socket (an abstract one, which
 * leaves no file).  A message is handed over with
 * nng_sendmsg(), which copies nothing more.  Debian: libnng-dev.
 */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>
#include <stdlib.h>

#include "peer.h"

struct peer_end {
	nng_socket socket;
	size_t size;
};

static void must(const char *what, int err)
{
	if (err)
		peer_fail("%s: %s", what, nng_strerror(err));
}

static struct peer_end *open_with(const char *channel, size_t size, bool sending, int buffer)
{
	struct peer_end *end = calloc(1, sizeof(*end));
	char address[96];

	if (!end)
		peer_fail("no memory");
	end->size = size;
	snprintf(address, sizeof(address), "abstract://%s", channel);
	if (sending) {
		must("nng_push0_open", nng_push0_open(&end->socket));
		if (buffer > 0)
			must("NNG_OPT_SENDBUF",
				nng_socket_set_int(end->socket, NNG_OPT_SENDBUF, buffer));
		must(address, nng_dial(end->socket, address, NULL, 0));
	} else {
		must("nng_pull0_open", nng_pull0_open(&end->socket));
		must(address, nng_listen(end->socket, address, NULL, 0));
	}
	return end;
}

static struct peer_end *open_default(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	(void)peer;
	return open_with(channel, size, sending, 0);
}

static struct peer_end *open_buffered(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	size_t room = peer_room(size);

	(void)peer;
	return open_with(channel, size, sending, room < 1024 ? (int)room : 1024);
}

static void send_one(struct peer_end *end, const void *msg)
{
	nng_msg *m;

	must("nng_msg_alloc", nng_msg_alloc(&m, end->size));
	memcpy(nng_msg_body(m), msg, end->size);
	must("nng_sendmsg", nng_sendmsg(end->socket, m, 0));
}

static void receive_one(struct peer_end *end, void *buf)
{
	nng_msg *m;

	must("nng_recvmsg", nng_recvmsg(end->socket, &m, 0));
	if (nng_msg_len(m) != end->size)
		peer_fail("a message of %zu bytes", nng_msg_len(m));
	memcpy(buf, nng_msg_body(m), end->size);
	nng_msg_free(m);
}

static void close_end(struct peer_end *end)
{
	nng_close(end->socket);
	free(end);
}

#define WAITS "sleeps; threads of its own in each process"

const struct peer peers[] = {
	{.name = "nng",
		.uses = "push, pull over ipc, nng_sendmsg(), nng_recvmsg(); no send buffer "
			"(default)",
		.waits = WAITS,
		.open = open_default,
		.send = send_one,
		.receive = receive_one,
		.close = close_end},
	{.name = "nng buffered",
		.uses = "the same; NNG_OPT_SENDBUF for 1 MiB, at most 1024 messages",
		.waits = WAITS,
		.open = open_buffered,
		.send = send_one,
		.receive = receive_one,
		.close = close_end},
	{.name = NULL},
};
