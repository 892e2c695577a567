/* SPDX-License-Identifier: MIT */
/* The model is in reclaim.h. */
#include "channel/reclaim.h"

#include "segment/endpoint.h"

bool slot_abandoned(uint32_t slot, void *arg)
{
	struct chan *ch = arg;
	bool alive;

	/* Before the first take, a lease of our slot is a dead predecessor's. */
	if ((int)slot == ch->slot && atomic_load_explicit(&ch->leases, memory_order_relaxed))
		return false;
	/* If the kernel can't be asked, the holder counts as alive. */
	return endpoint_receives(&ch->segment.own, slot, &alive) == 0 && !alive;
}

int reclaim_leases(struct chan *ch)
{
	if (!descriptor_ours(&ch->segment.own))
		return -EBADFD;
	return channel_checked(ch, ch->kind->reclaim(&ch->ring, slot_abandoned, ch));
}

int reclaim_front(struct chan *ch)
{
	uint64_t head = ring_head(&ch->ring);
	int64_t now = clock_coarse();
	struct ring_item it;
	uint32_t holder;

	if (ch->front == head && now - ch->front_seen < LOOK_EVERY)
		return 0;
	ch->front = head;
	ch->front_seen = now;
	if (ring_held(&ch->ring, head) != head)
		holder = ring_holder(&ch->ring);
	else if (ring_read(&ch->ring, head, &it) == 0 && record_kind(it.state) == RECORD_LEASED)
		holder = record_holder(it.state);
	else
		return 0;
	return slot_abandoned(holder, ch) ? reclaim_leases(ch) : 0;
}
