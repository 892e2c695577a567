/* SPDX-License-Identifier: MIT */
#include "kind/delivery.h"

#include <stddef.h>

static const struct kind *const kinds[] = {
	[CHAN_KIND_QUEUE] = &kind_queue,
	[CHAN_KIND_RENDEZVOUS] = &kind_rendezvous,
	[CHAN_KIND_LATEST] = &kind_latest,
	[CHAN_KIND_BROADCAST] = &kind_broadcast,
};

const struct kind *kind_of(uint32_t value)
{
	return value < sizeof(kinds) / sizeof(*kinds) ? kinds[value] : NULL;
}

bool kind_consume_slow(const struct kind *const *kind, struct ring *r, uint64_t from, uint64_t end)
{
	return (*kind)->consume(r, from, end) > 0;
}
