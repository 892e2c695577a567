/* SPDX-License-Identifier: MIT */
/* Leaving a channel. */
#include "channel/detach.h"

#include "channel/attach.h"
#include "channel/call.h"
#include "channel/collect.h"
#include "channel/dead.h"
#include "channel/grow.h"
#include "channel/serve.h"
#include "channel/side.h"
#include "channel/steal.h"
#include "channel/subscriber.h"
#include "channel/wake.h"
#include "segment/endpoint.h"

#include <stdlib.h>

bool channel_detached(const struct chan *ch, const struct chan_endpoint *gone)
{
	return gone->id < ch->segment.geometry.endpoints &&
	       atomic_load_explicit(
		       &ch->segment.layout->endpoint[gone->id].pid, memory_order_relaxed) == 0;
}

static bool not_mine(uint32_t holder, void *arg)
{
	return (int)holder == ((struct chan *)arg)->slot;
}

/* Release this endpoint's leases, wake a receiver for them, and free what is done. */
static void give_back_leases(struct chan *ch)
{
	bool freed;

	if (!atomic_load_explicit(&ch->leases, memory_order_relaxed) ||
		receivers_visit(ch, NULL) < 0)
		return; /* others will, as for a dead one */
	ch->kind->reclaim(&ch->ring, not_mine, ch);
	freed = ch->kind->free(&ch->ring);
	receivers_leave(ch);
	channel_signal(ch, &ch->control->not_empty);
	if (freed)
		channel_freed(ch);
}

/* Return true if this endpoint was of the side `role` and no other one is. */
static bool was_last(const struct chan *ch, unsigned role)
{
	bool any;

	return ch->roles & role && endpoint_any(&ch->segment.own, role, &any) == 0 && !any;
}

/* Wake the other side if this was the last endpoint that it waits for. */
static void notify_last_leave(struct chan *ch)
{
	uint32_t options = ch->segment.header.options;

	if (options & CHAN_END_WITH_SENDERS && was_last(ch, CHAN_SEND))
		channel_broadcast(ch, &ch->control->not_empty);
	if (options & CHAN_NEED_RECEIVERS && was_last(ch, CHAN_RECV))
		channel_broadcast(ch, &ch->control->not_full);
}

/* Give back what a channel has grown by: at once if nobody is left that would do it later. */
static void leave_small(struct chan *ch)
{
	bool sends = true, receives = true;

	if (!channel_has_grown(ch))
		return;
	endpoint_any(&ch->segment.own, CHAN_SEND, &sends);
	endpoint_any(&ch->segment.own, CHAN_RECV, &receives);
	channel_give_back(ch, !sends && !receives);
}

/* Returns true if another thread owns a lock of this endpoint: that thread's list of
 * robust mutexes then leads into the mapping. */
static bool lock_elsewhere(struct chan *ch)
{
	uint64_t reserver = atomic_load_explicit(&lanes_home(ch)->reserver, memory_order_relaxed);

	return (ch->roles & CHAN_EXCLUSIVE && ch->thread != thread_self()) ||
	       (reserver && reserver != thread_self());
}

void chan_detach(chan_t *ch)
{
	struct segment_path path;
	bool blind = false; /* the program closed the descriptor */
	struct chan *const *lane;
	uint32_t n;

	if (!ch)
		return;
	path = ch->segment.path;
	calls_free(ch);
	replies_free(ch);
	dead_free(ch);
	pollable_close(&ch->to_receive, is_orphan(ch));
	pollable_close(&ch->to_send, is_orphan(ch));
	if (!is_orphan(ch) && ch->slot >= 0) {
		blind = !descriptor_ours(&ch->segment.own);
		chan_abort(ch);
		lane = lanes_of(&ch, &n);
		for (uint32_t i = 0; ch->roles & CHAN_RECV && i < n; i++)
			give_back_leases(lane[i]);
		leave_small(ch);
		sides_release(ch);
		endpoint_detach(&ch->segment.own, ch->segment.layout, (uint32_t)ch->slot);
		notify_last_leave(ch);
		collect_now(&ch->segment);
	}
	/* In a child it is not mapped.  And a thread that still owns a lock in it needs the
	 * mapping, so that its end releases the lock: then the mapping stays. */
	if (is_orphan(ch) || lock_elsewhere(ch))
		ch->segment.layout = NULL;
	lanes_free(ch);
	segment_close(&ch->segment);
	/* A set that still has it finds that its calls fail. */
	atomic_store_explicit(&ch->orphan, true, memory_order_relaxed);
	handle_release(ch);
	if (blind) /* its locks went with the mapping */
		collect_at(&path, false);
}
