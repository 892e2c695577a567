/* SPDX-License-Identifier: MIT */
/*
 * What is compared, behind one interface.  Each peer is one file, linked with the
 * harness to a program of its own; it says in a table in which ways it is used.
 *
 * A channel has one sending and one receiving end, in two processes, or many receiving
 * ends in a process each, if the way publishes.  The harness
 * opens the receiving end first.  A peer takes all bytes of a message from the
 * caller's buffer, and gives all of them to the caller's buffer.  The exception is a
 * way that is marked `in_place`: there the message is written where the receiver will
 * read it, and of its bytes only the first and the last eight, in which the harness
 * keeps what it checks, are touched.  peer_copy() does either.
 */
#ifndef SHMCHAN_BENCH_PEERS_PEER_H
#define SHMCHAN_BENCH_PEERS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room that a channel should have for messages, where it can be asked for, in bytes. */
#define PEER_ROOM ((size_t)1 << 20)

/* The least size of a message: the harness keeps a number at both ends of it. */
#define PEER_LEAST (2 * sizeof(uint64_t))

/* One end of a channel: each peer has its own. */
struct peer_end;

/* A way in which a peer is used: a row of the table. */
struct peer {
	const char *name;
	const char *uses;  /* which calls, and what room there is */
	const char *waits; /* how a receiver waits for a message, and a sender for room */
	bool in_place;
	bool publishes; /* each of `peer_subscribers` receiving ends gets every message */

	/* Opens the sending or receiving end of the channel of that name, for messages of
	 * `size` bytes.  Does not return if that is not possible (peer_fail()). */
	struct peer_end *(*open)(
		const struct peer *peer, const char *channel, size_t size, bool sending);
	/* Waits until the receiving end gets what is sent from now on; NULL: it does once both
	 * are open. */
	void (*join)(struct peer_end *end);
	/* Sends one message, and waits while there is no room. */
	void (*send)(struct peer_end *end, const void *msg);
	/* Receives one message, and waits while there is none. */
	void (*receive)(struct peer_end *end, void *buf);
	/* Closes the end, when both sides are done; removes the channel's name. */
	void (*close)(struct peer_end *end);
};

/* The ways of the peer that this program is linked with; the last has no name. */
extern const struct peer peers[];

/* How many receiving ends a way that publishes has. */
extern unsigned peer_subscribers;

/* Prints why this peer can't go on, as printf() does, and ends the process. */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
__attribute__((format(printf, 1, 2))) void
peer_fail(const char *format, ...);

/* Returns how many messages of `size` bytes the room is for. */
static inline size_t peer_room(size_t size)
{
	return PEER_ROOM / size;
}

/* Copies a message, or only what is checked of it. */
static inline void peer_copy(bool in_place, void *to, const void *from, size_t size)
{
	if (!in_place) {
		memcpy(to, from, size);
		return;
	}
	memcpy(to, from, sizeof(uint64_t));
	memcpy((char *)to + size - sizeof(uint64_t), (const char *)from + size - sizeof(uint64_t),
		sizeof(uint64_t));
}

/* One turn of a wait that polls. */
static inline void peer_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#ifdef __cplusplus
}
#endif

#endif
