/* SPDX-License-Identifier: MIT */
/*
 * Lanes: a channel that is several queues, each with its ring and its two locks, in one segment.
 *
 * Each lane is a whole queue, and the endpoint has a handle of its own for each: what a message
 * goes through, and what a death leaves, is the queue's in all.  What is here only decides which
 * lane: where a message goes (by its key or its priority), and where a receiver looks.
 *
 * A receiver has a home, by its place among the receivers, and looks there first, so that
 * receivers seldom meet (where it is among all endpoints would not do: with senders between them,
 * two receivers would often have the same home, and other lanes none); but now and then with
 * another one out of which nothing was taken since, so that none starves where there are fewer
 * receivers than lanes.  If there is
 * nothing, it takes from another lane, in that lane's own way and in its own name: a lease is a
 * lease, whoever has it, and nothing is copied.  It sleeps only when nothing is in any lane, on all
 * of their conditions, and then owes each what a waiter owes (wait.h).
 *
 * By key, a lane in which another endpoint has a lease is as good as empty, so that no message
 * overtakes one of its key.  Whoever ends its leases there wakes one for what is left.
 *
 * The end of the channel is that of its first lane.  If a process is killed while it ends them,
 * whoever looks into the first one ends the others.
 */
#ifndef CHAN_LANES_H
#define CHAN_LANES_H

#include "channel/handle.h"

struct lanes {
	uint32_t n;
	uint32_t home; /* where it sends what has no key; it stays the same */
	bool by_key;
	_Atomic uint32_t first; /* where it looks first */
	_Atomic uint32_t turn;	/* counts looks at all lanes */
	_Atomic uint32_t last;	/* where something was found the last time; n: nowhere */
	_Atomic uint64_t front[LAYOUT_LANES_MAX]; /* of each lane, when it was last looked at */
	struct spin spin;
	struct chan *lane[LAYOUT_LANES_MAX];
};

/* Return the handles that do an endpoint's work, and set *n: the lanes', or its own. */
static inline struct chan *const *lanes_of(struct chan *const *ch, uint32_t *n)
{
	*n = (*ch)->lanes ? (*ch)->lanes->n : 1;
	return (*ch)->lanes ? (*ch)->lanes->lane : ch;
}

/* Return the handle of the lane where an endpoint sends what has neither key nor priority, and
 * where it reserves. */
static inline struct chan *lanes_home(struct chan *ch)
{
	return likely(!ch->lanes) ? ch : ch->lanes->lane[ch->lanes->home];
}

/* Check what the caller gave (or NULL) for a message to a channel with these lanes (NULL: none):
 * 0, or -EINVAL and the detail. */
static inline int lanes_check_given(const struct lanes *lanes, const struct chan_meta *meta)
{
	int err = envelope_check_given(meta);

	if (err < 0 || !meta || meta->flags & CHAN_META_KEEP)
		return err;
	if (meta->flags & CHAN_META_HAS_KEY && !(lanes && lanes->by_key))
		return error_because(-EINVAL,
			"meta: a key decides nothing here: the channel has no lanes by key");
	if (meta->flags & CHAN_META_HAS_PRIORITY && !(lanes && !lanes->by_key))
		return error_because(-EINVAL,
			"meta: a priority decides nothing here: the channel has no lanes by "
			"priority");
	return 0;
}

/* Where the number of the lane is in the position of a lease and of a cursor. */
#define LANE_SHIFT 58
#define LANE_MASK (UINT64_C(63) << LANE_SHIFT)

/* Return the handle of the lane that a lease is of, or NULL, and make of *pos and *seq what they
 * are there.  Without lanes, that is the endpoint's own. */
static inline struct chan *lanes_at(struct chan *ch, uint64_t *pos, uint64_t *seq)
{
	uint64_t i = *pos >> LANE_SHIFT;

	if (likely(!ch->lanes))
		return ch;
	*pos &= ~LANE_MASK;
	*seq /= ch->lanes->n;
	return i < ch->lanes->n ? ch->lanes->lane[i] : NULL;
}

#endif
