/* SPDX-License-Identifier: MIT */
/* See storm.h. */
#include "storm.h"

#define MAGIC 0x53746f72u

uint64_t random_next(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t sum_of(const struct message *m)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ m->lane ^ (uint64_t)m->seq << 32 ^ m->length;

	for (size_t i = 0; i < m->length - sizeof(*m); i++)
		sum = (sum ^ m->body[i]) * UINT64_C(0x100000001b3);
	return sum;
}

size_t message_make(void *to, uint32_t lane, uint32_t seq)
{
	struct message *m = to;
	uint64_t state = (uint64_t)lane << 32 | seq;

	m->magic = MAGIC;
	m->lane = lane;
	m->seq = seq;
	/* Most are small; some are as long as may be. */
	m->length =
		(uint32_t)sizeof(*m) +
		random_below(&state, random_below(&state, 8) ? 64 : MESSAGE_MAX - sizeof(*m) + 1);
	for (size_t i = 0; i < m->length - sizeof(*m); i++)
		m->body[i] = (unsigned char)random_next(&state);
	m->sum = sum_of(m);
	return m->length;
}

const struct message *message_in(const void *buf)
{
	const struct message *m = buf;

	if (m->magic != MAGIC || m->length < sizeof(*m) || m->length > MESSAGE_MAX ||
		m->sum != sum_of(m))
		return NULL;
	return m;
}

bool message_whole(const void *data, size_t len)
{
	return len >= sizeof(struct message) && len <= MESSAGE_MAX &&
	       ((const struct message *)data)->length == len && message_in(data);
}
