/* SPDX-License-Identifier: MIT */
/* What a handle knows from the start. */
#include "channel/attach.h"

#include "channel/create.h"
#include "channel/receiver.h"
#include "channel/reclaim.h"
#include "channel/sender.h"
#include "channel/side.h"
#include "channel/subscriber.h"
#include "channel/wake.h"

#include <stdlib.h>
#include <unistd.h>

struct chan *handle_new(const struct segment_path *path, unsigned roles)
{
	struct chan *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->roles = roles;
	ch->slot = -1;
	ch->segment.own.fd = -1;
	ch->segment.own.orphan = &ch->orphan;
	ch->segment.path = *path;
	atomic_init(&ch->holders, 1);
	waiters_init(&ch->waiters);
	pollable_init(&ch->to_receive, &ch->orphan);
	pollable_init(&ch->to_send, &ch->orphan);
	watched_init(&ch->watched);
	spin_init(&ch->send_spin);
	spin_init(&ch->recv_spin);
	return ch;
}

/* Choose the tables by which the endpoint sends and receives, and take the roles that these are
 * for from the hot paths. */
static void choose_calls(struct chan *ch)
{
	bool lanes = ch->segment.geometry.lanes > 1;

	ch->sending = ch->kind->read ? &sending_values
		      : lanes	     ? &sending_lanes
		      : ch->headed   ? &sending_headed
				     : NULL;
	ch->receiving = ch->kind->read	       ? &receiving_values
			: ch->kind->subscribed ? (ch->headed ? &receiving_headed_subscribed
							     : &receiving_subscribed)
			: lanes		       ? &receiving_lanes
			: ch->headed	       ? &receiving_headed
					       : NULL;
	ch->ring_roles = ch->roles;
	if (ch->sending)
		ch->ring_roles &= ~(unsigned)CHAN_SEND;
	if (ch->receiving)
		ch->ring_roles &= ~(unsigned)CHAN_RECV;
}

int handle_begin(struct chan *ch)
{
	struct segment *s = &ch->segment;

	ch->ring = ring_in(s);
	ch->ids = ids_at((char *)s->layout + geometry_ids(&s->geometry), s->geometry.dedup,
		s->header.dedup_age, (uint64_t)s->header.created);
	ch->kind = kind_of(s->header.kind);
	ch->headed = s->header.options & CHAN_META;
	ch->indirect = ch->headed || ch->kind != &kind_queue;
	if (ch->kind->refuse_overflow(s->header.overflow) ||
		(ch->kind->least_capacity &&
			ch->kind->least_capacity(s->header.max_message) > s->header.capacity))
		return -EBADMSG;
	choose_calls(ch);
	ch->control = &s->layout->control;
	ch->who = (struct envelope_sender){.pid = getpid(), .uid = geteuid()};
	if (ch->headed)
		ch->who.clock = clock_namespace();
	if (ch->kind == &kind_latest) {
		ch->look.control = ch->control;
		for (unsigned i = 0; i < LAYOUT_SLOTS; i++)
			ch->look.slot[i] = latest_slot_at(&ch->ring, i);
	}
	ring_pause(&ch->ring, 0, 0); /* the first send pauses: see sender_paced() */
	atomic_store_explicit(&ch->overflow, s->header.overflow, memory_order_relaxed);
	if (s->writable && !fence_can_heavy())
		channel_mark(ch, LAYOUT_HEAVY_MISSING);
	return 0;
}

int handle_succeed(struct chan *ch)
{
	int err;

	if (!(ch->roles & CHAN_RECV) || !ch->kind->lease)
		return 0;
	err = receivers_visit(ch, NULL);
	if (err < 0)
		return err;
	err = reclaim_leases(ch);
	if (err == -EBADMSG) /* receivers may have what is sound */
		err = 0;
	receivers_leave(ch);
	if (err > 0)
		channel_signal(ch, &ch->control->not_empty);
	return 0;
}

void handle_release(struct chan *ch)
{
	/* Release and acquire: the last one comes after what the others did. */
	if (atomic_fetch_sub_explicit(&ch->holders, 1, memory_order_acq_rel) > 1)
		return;
	waiters_destroy(&ch->waiters);
	watched_destroy(&ch->watched, !is_orphan(ch));
	subscription_free(ch->subscription);
	free(ch);
}
