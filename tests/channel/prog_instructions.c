/* SPDX-License-Identifier: MIT */
/*
 * prog_instructions CHANNEL SIZE shared|exclusive: what instructions.sh counts in.  It
 * makes the channel, sends a message and receives it CALLS times, copying and then in
 * place, and removes the channel; the counts begin with repeat().  Status 0, or 1 after
 * an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "shmchan.h"

#define CALLS 4096
#define SIZE_MAX_BYTES 65536

/* Returns `got`; ends the process if that is not `wanted`. */
static int64_t expect(const char *call, int64_t got, int64_t wanted)
{
	if (got == wanted)
		return got;
	fprintf(stderr, "prog_instructions: %s: %lld, not %lld\n", call, (long long)got,
		(long long)wanted);
	exit(1);
}

static void copy_once(chan_t *sender, chan_t *receiver, char *message, size_t size)
{
	expect("chan_send", chan_send(sender, message, size, 0), 0);
	expect("chan_recv", chan_recv(receiver, message, SIZE_MAX_BYTES, 0), (int64_t)size);
}

static void place_once(chan_t *sender, chan_t *receiver, size_t size)
{
	struct chan_lease lease;
	void *place;

	expect("chan_reserve", chan_reserve(sender, &place, size, 0), 0);
	expect("chan_commit", chan_commit(sender, size), 0);
	expect("chan_take", chan_take(receiver, &lease, 1, 0), 1);
	expect("chan_ack", chan_ack(receiver, &lease, 1), 1);
}

/* The name by which callgrind knows where to begin: not compiled into main(). */
__attribute__((noinline)) void repeat(chan_t *sender, chan_t *receiver, char *message, size_t size);

void repeat(chan_t *sender, chan_t *receiver, char *message, size_t size)
{
	for (int i = 0; i < CALLS; i++)
		copy_once(sender, receiver, message, size);
	for (int i = 0; i < CALLS; i++)
		place_once(sender, receiver, size);
}

int main(int argc, char **argv)
{
	static char message[SIZE_MAX_BYTES];
	struct chan_options opt = {.size = sizeof(opt), .capacity = 1 << 20};
	chan_t *sender, *receiver;
	unsigned flags;
	uint64_t size;

	if (argc != 4 || cli_parse_count(argv[2], &size) < 0 || size > SIZE_MAX_BYTES)
		return 1;
	flags = !strcmp(argv[3], "exclusive") ? CHAN_EXCLUSIVE : 0;
	opt.max_message = (uint32_t)size;
	expect("chan_create", chan_create(argv[1], &opt), 0);
	expect("chan_open", chan_open(&sender, argv[1], CHAN_SEND | flags, NULL), 0);
	expect("chan_open", chan_open(&receiver, argv[1], CHAN_RECV | flags, NULL), 0);
	/* First calls cost more: they are made before. */
	copy_once(sender, receiver, message, size);
	place_once(sender, receiver, size);
	repeat(sender, receiver, message, size);
	chan_detach(sender);
	chan_detach(receiver);
	expect("chan_remove", chan_remove(argv[1]), 0);
	printf("%d\n", CALLS);
	return 0;
}
