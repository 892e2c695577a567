/* SPDX-License-Identifier: MIT */
/* shmchan itself, through its public header and its shared library, as a user would. */
#include <errno.h>
#include <shmchan.h>
#include <stdlib.h>

#include "peer.h"

struct peer_end {
	const struct peer *peer;
	chan_t *ch;
	size_t size;
	char channel[CHAN_NAME_MAX + 1];
};

static _Noreturn void fail(const char *what, long err)
{
	peer_fail("%s: %s", what, chan_strerror((int)err));
}

static struct peer_end *open_with(
	const struct peer *peer, const char *channel, size_t size, bool sending, unsigned flags)
{
	struct chan_options opt = {.size = sizeof(opt), .capacity = PEER_ROOM};
	struct peer_end *end = calloc(1, sizeof(*end));
	int r;

	if (!end)
		peer_fail("no memory");
	end->peer = peer;
	end->size = size;
	strncpy(end->channel, channel, CHAN_NAME_MAX);
	flags |= sending ? CHAN_SEND : CHAN_RECV | (peer->publishes ? 0u : CHAN_CREATE);
	r = chan_open(&end->ch, channel, flags, &opt);
	if (r < 0)
		fail("chan_open", r);
	return end;
}

static struct peer_end *open_shared(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	return open_with(peer, channel, size, sending, 0);
}

/* Each subscriber makes the sender wait, as what it is compared with does. */
static struct peer_end *open_broadcast(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	struct chan_options opt = {
		.size = sizeof(opt), .capacity = PEER_ROOM, .kind = CHAN_KIND_BROADCAST};
	int r = chan_create(channel, &opt);

	if (r < 0 && r != -EEXIST)
		fail("chan_create", r);
	return open_with(peer, channel, size, sending, 0);
}

static struct peer_end *open_exclusive(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	return open_with(peer, channel, size, sending, CHAN_EXCLUSIVE);
}

static void send_copy(struct peer_end *end, const void *msg)
{
	int r = chan_send(end->ch, msg, end->size, CHAN_WAIT);

	if (r < 0)
		fail("chan_send", r);
}

static void receive_copy(struct peer_end *end, void *buf)
{
	ssize_t r = chan_recv(end->ch, buf, end->size, CHAN_WAIT);

	if (r < 0)
		fail("chan_recv", r);
}

static void send_in_place(struct peer_end *end, const void *msg)
{
	void *place;
	int r = chan_reserve(end->ch, &place, end->size, CHAN_WAIT);

	if (r < 0)
		fail("chan_reserve", r);
	peer_copy(true, place, msg, end->size);
	r = chan_commit(end->ch, end->size);
	if (r < 0)
		fail("chan_commit", r);
}

static void receive_in_place(struct peer_end *end, void *buf)
{
	struct chan_lease lease;
	int r = chan_take(end->ch, &lease, 1, CHAN_WAIT);

	if (r < 0)
		fail("chan_take", r);
	peer_copy(true, buf, lease.data, end->size);
	r = chan_ack(end->ch, &lease, 1);
	if (r < 0)
		fail("chan_ack", r);
}

static void close_end(struct peer_end *end)
{
	chan_detach(end->ch);
	chan_remove(end->channel);
	free(end);
}

#define WAITS "polls up to 50 us, then sleeps"

const struct peer peers[] = {
	{.name = "shmchan",
		.uses = "chan_send(), chan_recv(); ring of 1 MiB",
		.waits = WAITS,
		.open = open_shared,
		.send = send_copy,
		.receive = receive_copy,
		.close = close_end},
	{.name = "shmchan exclusive",
		.uses = "the same, CHAN_EXCLUSIVE",
		.waits = WAITS,
		.open = open_exclusive,
		.send = send_copy,
		.receive = receive_copy,
		.close = close_end},
	{.name = "shmchan in place",
		.uses = "chan_reserve(), chan_commit(), chan_take(), chan_ack(); ring of 1 MiB",
		.waits = WAITS,
		.in_place = true,
		.open = open_shared,
		.send = send_in_place,
		.receive = receive_in_place,
		.close = close_end},
	{.name = "shmchan exclusive in place",
		.uses = "the same, CHAN_EXCLUSIVE",
		.waits = WAITS,
		.in_place = true,
		.open = open_exclusive,
		.send = send_in_place,
		.receive = receive_in_place,
		.close = close_end},
	{.name = "shmchan broadcast",
		.uses = "chan_send(), chan_recv(); kind broadcast, subscribers that block, ring of "
			"1 MiB",
		.waits = WAITS,
		.publishes = true,
		.open = open_broadcast,
		.send = send_copy,
		.receive = receive_copy,
		.close = close_end},
	{.name = NULL},
};
