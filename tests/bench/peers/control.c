/* SPDX-License-Identifier: MIT */
/*
 * Not a peer, but the harness's own test: one message at a time through shared memory,
 * once right and then wrong in each way that the harness has to find.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "peer.h"

/* The message that goes wrong: the first after the warm-up, which is sent for sure.  (The
 * byte in the middle goes wrong before that.) */
#define WRONG 256

struct slot {
	atomic_bool full;
	char bytes[PEER_ROOM / 4];
};

struct peer_end {
	const struct peer *peer;
	struct slot *slot;
	size_t size;
	uint64_t n;
	char name[64];
};

static struct peer_end *control_open(
	const struct peer *peer, const char *channel, size_t size, bool sending)
{
	struct peer_end *end = calloc(1, sizeof(*end));
	int fd;

	if (!end)
		peer_fail("no memory");
	end->peer = peer;
	end->size = size;
	end->name[0] = '/';
	strncpy(end->name + 1, channel, sizeof(end->name) - 2);
	fd = shm_open(end->name, O_RDWR | (sending ? 0 : O_CREAT), 0600);
	if (fd < 0 || (!sending && ftruncate(fd, sizeof(*end->slot)) < 0))
		peer_fail("shm_open");
	end->slot = mmap(NULL, sizeof(*end->slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (end->slot == MAP_FAILED)
		peer_fail("mmap");
	/* Both sides have it now.  One that fails has nothing to clear away. */
	if (sending)
		shm_unlink(end->name);
	return end;
}

static bool is(const struct peer_end *end, const char *way)
{
	return strcmp(end->peer->name, way) == 0;
}

static void control_send(struct peer_end *end, const void *msg)
{
	uint64_t n = end->n++;

	if (n == WRONG && is(end, "loses"))
		return;
	if (n == WRONG && is(end, "hangs"))
		pause();
	while (atomic_load(&end->slot->full))
		usleep(10);
	if (n == WRONG && is(end, "tears"))
		memcpy(end->slot->bytes, msg, end->size / 2);
	else if (n != WRONG || !is(end, "repeats"))
		memcpy(end->slot->bytes, msg, end->size);
	if (n == 1 && is(end, "spoils"))
		end->slot->bytes[end->size / 2] += 1;
	atomic_store(&end->slot->full, true);
}

static void control_receive(struct peer_end *end, void *buf)
{
	while (!atomic_load(&end->slot->full))
		usleep(10);
	memcpy(buf, end->slot->bytes, end->size);
	atomic_store(&end->slot->full, false);
}

static void control_close(struct peer_end *end)
{
	munmap(end->slot, sizeof(*end->slot));
	free(end);
}

#define WAY(NAME, WHAT)                                                                            \
	{                                                                                          \
		.name = (NAME), .uses = (WHAT), .waits = "sleeps and looks", .open = control_open, \
		.send = control_send, .receive = control_receive, .close = control_close           \
	}

const struct peer peers[] = {
	WAY("right", "a slot in shared memory"),
	WAY("loses", "a message is not sent"),
	WAY("repeats", "a message is the one before it"),
	WAY("tears", "a message is half the one before it"),
	WAY("spoils", "a byte in the middle of a message is changed"),
	WAY("hangs", "a message is never sent"),
	{.name = NULL},
};
