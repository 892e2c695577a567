/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues, which the kernel keeps: of as many messages as an ordinary
 * process may have, or fewer where they are long and RLIMIT_MSGQUEUE is too low.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>

#include "peer.h"

/* The kernel's default of /proc/sys/fs/mqueue/msg_max. */
#define MOST 10

struct peer_end {
	mqd_t queue;
	size_t size;
	char name[64];
};

static struct peer_end *mqueue_open(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	struct peer_end *end = calloc(1, sizeof(*end));
	struct mq_attr attr = {.mq_maxmsg = MOST, .mq_msgsize = (long)size};

	(void)peer;
	if (!end)
		peer_fail("no memory");
	end->size = size;
	end->name[0] = '/';
	strncpy(end->name + 1, channel, sizeof(end->name) - 2);
	if (sending) {
		end->queue = mq_open(end->name, O_WRONLY);
	} else {
		do
			end->queue = mq_open(end->name, O_RDONLY | O_CREAT, 0600, &attr);
		while (end->queue < 0 && errno == EMFILE && (attr.mq_maxmsg /= 2) > 0);
	}
	if (end->queue < 0)
		peer_fail("mq_open: %s", strerror(errno));
	return end;
}

static void mqueue_send(struct peer_end *end, const void *msg)
{
	if (mq_send(end->queue, msg, end->size, 0) < 0)
		peer_fail("mq_send: %s", strerror(errno));
}

static void mqueue_receive(struct peer_end *end, void *buf)
{
	if (mq_receive(end->queue, buf, end->size, NULL) < 0)
		peer_fail("mq_receive: %s", strerror(errno));
}

static void mqueue_close(struct peer_end *end)
{
	mq_close(end->queue);
	mq_unlink(end->name);
	free(end);
}

const struct peer peers[] = {
	{.name = "POSIX mq",
		.uses = "mq_send(), mq_receive(); 10 messages (the default limit), 5 of 64 KiB "
			"where two queues are open",
		.waits = "sleeps",
		.open = mqueue_open,
		.send = mqueue_send,
		.receive = mqueue_receive,
		.close = mqueue_close},
	{.name = NULL},
};
