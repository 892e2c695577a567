/* SPDX-License-Identifier: MIT */
/*
 * What the storms share: messages in which their sender stands and which show whether
 * they are whole, and random numbers that a seed repeats.
 */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MESSAGE_MAX 1000

/* A message: its sender, its number, its length, and a sum over all of it. */
struct message {
	uint32_t magic, lane, seq, length;
	uint64_t sum;
	unsigned char body[];
};

/* Fill `to` (MESSAGE_MAX bytes) with the message `seq` of `lane`; returns its length,
 * which follows from the two, as its bytes do. */
size_t message_make(void *to, uint32_t lane, uint32_t seq);

/* Returns true if it is a whole message, of exactly `len` bytes. */
bool message_whole(const void *data, size_t len);

/* The message in a buffer of MESSAGE_MAX bytes, if there is a whole one. */
const struct message *message_in(const void *buf);

uint64_t random_next(uint64_t *state);

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(random_next(state) >> 33) % n;
}

#endif
