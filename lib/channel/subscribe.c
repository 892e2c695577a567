/* SPDX-License-Identifier: MIT */
/* How to subscribe to a broadcast, and who does. */
#include "base/names.h"
#include "channel/reclaim.h"
#include "channel/side.h"
#include "channel/subscriber.h"
#include "channel/wake.h"
#include "segment/endpoint.h"

#include <inttypes.h>
#include <string.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)

/* ---- what is asked for ---- */

static bool group_name_valid(const char *name)
{
	return name_valid(name) && strlen(name) <= CHAN_GROUP_MAX;
}

static int group_name_bad(void)
{
	return error_because(-EINVAL,
		"group: is not 1 to %d of [A-Za-z0-9._-] with no dot in front", CHAN_GROUP_MAX);
}

int subscription_resolve(const struct chan_subscription *how, struct chan_subscription *full)
{
	memset(full, 0, sizeof(*full));
	full->size = sizeof(*full);
	if (!how)
		return 0;
	if (how->size < offsetof(struct chan_subscription, start) || how->size > 4096)
		return error_because(-EINVAL,
			"size: is %u, not sizeof(struct chan_subscription), which is %zu here",
			how->size, sizeof(*full));
	for (size_t i = sizeof(*full); i < how->size; i++)
		if (((const char *)how)[i])
			return error_because(
				-EINVAL, "size: byte %zu is one that this version doesn't have", i);
	memcpy(full, how, how->size < sizeof(*full) ? how->size : sizeof(*full));
	full->size = sizeof(*full);
	if (full->flags & ~(uint32_t)(CHAN_OR_OLDEST | CHAN_RENEW_GROUP))
		return error_because(
			-EINVAL, "flags: 0x%" PRIx32 " has bits that are no flags", full->flags);
	if (full->from > CHAN_FROM_TIME)
		return error_because(-EINVAL, "from: there is no place %" PRIu32, full->from);
	if (full->start && full->from < CHAN_FROM_LAST)
		return error_because(-EINVAL, "start: says nothing with this `from`");
	if (full->from == CHAN_FROM_SEQ && full->start == 0)
		return error_because(-EINVAL, "start: the first message has the number 1");
	if (full->on_lag > CHAN_LAG_EVICT)
		return error_because(-EINVAL, "on_lag: there is no policy %" PRIu32, full->on_lag);
	if (full->patience && full->on_lag != CHAN_LAG_EVICT)
		return error_because(-EINVAL, "patience: is for CHAN_LAG_EVICT only");
	if (full->patience > INT64_MAX || full->group_age > INT64_MAX)
		return error_because(-EINVAL, "patience or group_age: is above INT64_MAX");
	if (full->group && !group_name_valid(full->group))
		return group_name_bad();
	if (!full->group && (full->group_age || full->flags & CHAN_RENEW_GROUP))
		return error_because(
			-EINVAL, "group_age and CHAN_RENEW_GROUP are for a group only");
	return 0;
}

bool subscription_reads_only(const struct chan *ch)
{
	const struct chan_subscription *how = ch->how;
	uint32_t asked = how ? how->on_lag : (uint32_t)CHAN_LAG_DEFAULT;

	if (how && how->group)
		return false;
	return (asked != CHAN_LAG_DEFAULT ? asked : ch->segment.header.on_lag) == CHAN_LAG_LOSE;
}

int subscription_settle(const struct chan *ch, struct chan_subscription *how)
{
	const struct layout_header *h = &ch->segment.header;
	uint64_t most = h->on_lag == CHAN_LAG_EVICT ? (uint64_t)h->patience : 0;

	if (how->on_lag == CHAN_LAG_DEFAULT) {
		how->on_lag = h->on_lag;
		how->patience = most;
	} else if (how->on_lag == CHAN_LAG_EVICT && how->patience == 0) {
		how->patience = most;
		if (!most)
			return error_because(-EINVAL,
				"patience: CHAN_LAG_EVICT needs one, and the channel has none");
	}
	if (!(h->options & CHAN_FORBID_BLOCK))
		return 0;
	if (how->on_lag == CHAN_LAG_BLOCK)
		return error_because(-EPERM, "on_lag: the channel forbids subscribers that block");
	if (how->on_lag == CHAN_LAG_EVICT && how->patience > most)
		return error_because(-EPERM,
			"patience: the channel allows subscribers to block for %.3f s at most",
			(double)most / 1e9);
	return 0;
}

/* ---- looking ---- */

uint64_t chan_lost(const chan_t *ch)
{
	return ch->subscription ? load(&ch->subscription->told) : 0;
}

/* Return the number of the message at `pos`, or of the oldest that is kept if that is behind
 * it; 0 if the tail does not stand still. */
static uint64_t next_seq(const struct ring *r, uint64_t pos, struct broadcast_place *oldest)
{
	uint64_t seq;

	for (int i = 0; i < 100; i++) {
		if (broadcast_oldest(r, oldest) < 0)
			return 0;
		if (pos <= oldest->pos)
			return oldest->seq;
		seq = broadcast_seq(r, pos);
		if (broadcast_kept(r, pos))
			return seq;
	}
	return 0;
}

/* Show one entry, whose state is not 0. */
static void show(const struct chan *ch, uint32_t i, uint32_t state, struct chan_subscriber *to)
{
	const struct layout_subscriber *e = &ch->ring.subscriber[i];
	uint32_t endpoints = ch->segment.geometry.endpoints;
	uint64_t pos = load(&e->position), head = ring_limit(&ch->ring), name[6];
	int64_t slot = i < endpoints ? (int64_t)i : (int64_t)load(&e->user) - 1;
	struct broadcast_place oldest = {.pos = pos};
	uint64_t next = next_seq(&ch->ring, pos, &oldest), last;
	bool alive = false;

	last = broadcast_seq(&ch->ring, head);
	if (slot >= 0 && slot < endpoints) {
		alive = slot == ch->slot;
		if (!alive && endpoint_receives(&ch->segment.own, (uint32_t)slot, &alive) < 0)
			alive = true;
	}
	*to = (struct chan_subscriber){
		.size = sizeof(*to),
		.state = state == SUBSCRIBER_EVICTED   ? CHAN_SUBSCRIBER_EVICTED
			 : state == SUBSCRIBER_EXPIRED ? CHAN_SUBSCRIBER_EXPIRED
						       : CHAN_SUBSCRIBER_ACTIVE,
		.on_lag = load(&e->on_lag),
		.id = alive ? (uint32_t)slot : UINT32_MAX,
		.pid = alive ? load(&ch->segment.layout->endpoint[slot].pid) : 0,
		.seq = next,
		.lag = last >= next && next ? last - next : 0,
		.lag_bytes = broadcast_bytes(&ch->ring, pos > oldest.pos ? pos : oldest.pos, head),
		.lost = load(&e->lost),
		.patience = (uint64_t)load(&e->patience),
		.group_age = (uint64_t)load(&e->age),
	};
	if (i < endpoints)
		return;
	for (unsigned w = 0; w < sizeof(name) / sizeof(*name); w++)
		name[w] = load(&e->name[w]);
	memcpy(to->group, name, sizeof(name));
	to->group[CHAN_GROUP_MAX] = 0;
	if (!group_name_valid(to->group)) /* a peer wrote into it */
		memcpy(to->group, "?", 2);
}

int chan_subscribers(const chan_t *ch, struct chan_subscriber *ret, unsigned n)
{
	uint32_t endpoints = ch->segment.geometry.endpoints;
	unsigned found = 0;
	bool alive;
	int err;

	if (is_orphan(ch))
		return -ENOTCONN;
	if (!descriptor_ours(&ch->segment.own))
		return -EBADFD;
	for (uint32_t i = 0; i < ch->ring.subscribers; i++) {
		uint32_t state =
			atomic_load_explicit(&ch->ring.subscriber[i].state, memory_order_acquire);

		if (!state)
			continue;
		alive = (int)i == ch->slot || i >= endpoints;
		err = alive ? 0 : endpoint_receives(&ch->segment.own, i, &alive);
		if (err < 0)
			return err;
		if (alive && found++ < n)
			show(ch, i, state, &ret[found - 1]);
	}
	return (int)found;
}

int chan_remove_group(chan_t *ch, const char *group)
{
	int err, entry;

	error_forget();
	if (!group || !group_name_valid(group))
		return group_name_bad();
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!ch->kind->subscribed)
		return error_because(-EINVAL, "the channel is no broadcast: it has no groups");
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	err = receivers_visit(ch, NULL);
	if (err < 0)
		return err;
	entry = broadcast_find_group(&ch->ring, ch->segment.geometry.endpoints, group);
	err = entry < 0 ? error_because(entry, "the channel has no such group")
			: broadcast_remove_group(&ch->ring, (uint32_t)entry, slot_abandoned, ch);
	receivers_leave(ch);
	if (err == 0) /* it may have held the ring */
		channel_broadcast(ch, &ch->control->not_full);
	return err;
}
