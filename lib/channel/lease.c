/* SPDX-License-Identifier: MIT */
/* Leases: messages taken, read in place, acknowledged or given back. */
#include "channel/receive.h"
#include "channel/value.h"

#include <limits.h>

static void lease_of(const struct ring_item *it, struct chan_lease *ret)
{
	*ret = (struct chan_lease){
		.data = ring_payload(it->record),
		.len = it->length,
		.seq = it->seq,
		.pos = it->pos,
		.attempt = record_attempts(it->state),
	};
}

int channel_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	struct ring_item it;
	unsigned got = 0;
	int err;

	do {
		err = receiver_find(ch, limit, &it);
		if (err < 0)
			return err;
		atomic_store_explicit(&ch->leases, true, memory_order_relaxed);
		do
			if (ch->kind->lease(&ch->ring, &it, (uint32_t)ch->slot))
				lease_of(&it, &ret[got++]);
		while (got < n && ring_next(&ch->ring, it.end, &it) == 0);
		/* The sender that hands over may go. */
		receiver_done(ch, limit, ch->kind->hands_over);
	} while (got == 0);
	return (int)got;
}

int chan_take(chan_t *ch, struct chan_lease *ret, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int err = receiver_check(ch, timeout);

	if (err < 0 || n == 0 || n > INT_MAX)
		return err < 0 ? value_checked(ch, CHAN_RECV, err)
			       : error_because(-EINVAL, "n: is 0 or above INT_MAX");
	return channel_take(ch, ret, n, &limit);
}

/* Call `end_one` for each lease, until the first one that is not held. */
static int end_leases(struct chan *ch, const struct chan_lease *lease, unsigned n,
	int (*end_one)(struct ring *, const struct ring_claim *))
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true};
	unsigned done;
	uint64_t head;
	int err = receiver_check(ch, CHAN_WAIT);
	bool freed;

	if (err < 0 || n > INT_MAX)
		return err < 0 ? value_checked(ch, CHAN_RECV, err)
			       : error_because(-EINVAL, "n: is above INT_MAX");
	err = receivers_enter(ch, &limit);
	if (err < 0)
		return err;
	head = ring_head(&ch->ring);
	for (done = 0; done < n; done++) {
		struct ring_claim claim = {.pos = lease[done].pos,
			.seq = lease[done].seq,
			.holder = (uint32_t)ch->slot,
			.attempt = lease[done].attempt};

		err = end_one(&ch->ring, &claim);
		if (err < 0)
			break;
	}
	ch->kind->free(&ch->ring);
	freed = ring_head(&ch->ring) != head;
	receivers_leave(ch);
	if (freed)
		channel_freed(ch);
	if (done && end_one != ch->kind->ack)
		channel_signal(ch, &ch->control->not_empty);
	return done ? (int)done : err;
}

int chan_ack(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	return end_leases(ch, lease, n, ch->kind->ack);
}

int chan_release(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	return end_leases(ch, lease, n, ch->kind->release);
}

int chan_untake(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	return end_leases(ch, lease, n, ch->kind->untake);
}
