/* SPDX-License-Identifier: MIT */
/* Putting a channel in order from outside. */
#include "channel/close.h"
#include "channel/delay.h"
#include "channel/grow.h"
#include "channel/lanes.h"
#include "channel/name.h"
#include "channel/receiver.h"
#include "channel/reclaim.h"
#include "channel/side.h"
#include "channel/wake.h"

static int64_t purge(struct chan *ch)
{
	int64_t n = receivers_visit(ch, NULL);

	if (n < 0)
		return n;
	n = delay_any(ch) ? delay_forget(ch) : 0;
	if (n == 0)
		n = ch->kind->purge(&ch->ring);
	if (n >= 0 && channel_sealed_anew(ch)) {
		int64_t more = ch->kind->purge(&ch->ring);

		n = more < 0 ? more : n + more;
	}
	receivers_leave(ch);
	channel_freed(ch);
	return n < 0 ? channel_checked(ch, (int)n) : n;
}

int64_t chan_purge(chan_t *ch)
{
	int64_t all = 0, got;
	uint32_t n;
	struct chan *const *lane = lanes_of(&ch, &n);

	if (!ch->kind->purge)
		return receiving_refused(ch);
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	for (uint32_t i = 0; i < n; i++) {
		got = purge(lane[i]);
		if (got < 0)
			return all ? all : got;
		all += got;
	}
	return all;
}

static int recover(struct chan *ch)
{
	bool freed;
	int n, err = senders_visit(ch); /* recovers it, if need be */

	if (err == 0)
		senders_leave(ch);
	channel_notice(ch);
	/* The dead may have owed a wake-up.  Those that sleep are not kept from it by the
	 * receivers' lock, which an exclusive receiver has even while it sleeps itself. */
	channel_wake_all(&ch->segment);
	if (err < 0 && err != -EBUSY && err != -EDEADLK) /* a live owner needs no recovery */
		return err;
	n = receivers_visit(ch, NULL);
	if (n < 0)
		return n;
	n = reclaim_leases(ch);
	freed = ch->kind->free(&ch->ring);
	receivers_leave(ch);
	if (n || freed)
		channel_wake_all(&ch->segment);
	channel_give_back(ch, false);
	return n;
}

int chan_recover(chan_t *ch)
{
	int all = 0, got;
	uint32_t n;
	struct chan *const *lane = lanes_of(&ch, &n);

	if (is_orphan(ch))
		return -ENOTCONN;
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	for (uint32_t i = 0; i < n; i++) {
		got = recover(lane[i]);
		if (got < 0)
			return got;
		all += got;
	}
	return all;
}
