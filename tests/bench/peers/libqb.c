/* SPDX-License-Identifier: MIT */
/*
 * libqb's ring buffer, on which its IPC between client and server stands: one writer and
 * one reader, a semaphore for the reader to sleep on.  The writer of a full ring is
 * refused, and tries again.  Debian: libqb-dev.
 */
#include <errno.h>
#include <qb/qbrb.h>
#include <sched.h>
#include <stdlib.h>

#include "peer.h"

struct peer_end {
	qb_ringbuffer_t *ring;
	size_t size;
};

static struct peer_end *libqb_open(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	struct peer_end *end = calloc(1, sizeof(*end));

	(void)peer;
	if (!end)
		peer_fail("no memory");
	end->size = size;
	end->ring = qb_rb_open(channel, PEER_ROOM,
		QB_RB_FLAG_SHARED_PROCESS | (sending ? 0 : QB_RB_FLAG_CREATE), 0);
	if (!end->ring)
		peer_fail("qb_rb_open: %s", strerror(errno));
	return end;
}

static void send_copy(struct peer_end *end, const void *msg)
{
	ssize_t r;

	while ((r = qb_rb_chunk_write(end->ring, msg, end->size)) == -EAGAIN)
		peer_pause();
	if (r != (ssize_t)end->size)
		peer_fail("qb_rb_chunk_write: %s", strerror((int)-r));
}

static void receive_copy(struct peer_end *end, void *buf)
{
	ssize_t r = qb_rb_chunk_read(end->ring, buf, end->size, -1);

	if (r != (ssize_t)end->size)
		peer_fail("qb_rb_chunk_read: %s", strerror((int)-r));
}

static void send_in_place(struct peer_end *end, const void *msg)
{
	void *place;
	int32_t r;

	while (!(place = qb_rb_chunk_alloc(end->ring, end->size)))
		peer_pause();
	peer_copy(true, place, msg, end->size);
	r = qb_rb_chunk_commit(end->ring, end->size);
	if (r < 0)
		peer_fail("qb_rb_chunk_commit: %s", strerror(-r));
}

static void receive_in_place(struct peer_end *end, void *buf)
{
	void *place;
	ssize_t r = qb_rb_chunk_peek(end->ring, &place, -1);

	if (r != (ssize_t)end->size)
		peer_fail("qb_rb_chunk_peek: %s", strerror((int)-r));
	peer_copy(true, buf, place, end->size);
	qb_rb_chunk_reclaim(end->ring);
}

static void close_end(struct peer_end *end)
{
	qb_rb_close(end->ring);
	free(end);
}

#define WAITS "receiver sleeps; sender polls"

const struct peer peers[] = {
	{.name = "libqb",
		.uses = "qb_rb_chunk_write(), qb_rb_chunk_read(); ring of 1 MiB",
		.waits = WAITS,
		.open = libqb_open,
		.send = send_copy,
		.receive = receive_copy,
		.close = close_end},
	{.name = "libqb in place",
		.uses = "qb_rb_chunk_alloc(), _commit(), _peek(), _reclaim(); ring of 1 MiB",
		.waits = WAITS,
		.in_place = true,
		.open = libqb_open,
		.send = send_in_place,
		.receive = receive_in_place,
		.close = close_end},
	{.name = NULL},
};
