/* SPDX-License-Identifier: MIT */
/* The model is in overflow.h. */
#include "channel/overflow.h"

#include "channel/reclaim.h"
#include "channel/side.h"

/* Drop the message at hand, and count it.  That store is the commit of a drop. */
static int drop_this(_Atomic uint64_t *dropped)
{
	atomic_store_explicit(dropped, atomic_load_explicit(dropped, memory_order_relaxed) + 1,
		memory_order_relaxed);
	return CHAN_DROPPED;
}

static int drop_newest(struct chan *ch, bool in_place)
{
	/* In place there is no message yet. */
	return in_place ? -EAGAIN : drop_this(&ch->control->senders.dropped);
}

static int drop_oldest(struct chan *ch, struct limit *limit, bool in_place)
{
	int err, given_back;

	if (in_place) /* nothing is dropped for what may be aborted */
		return -EAGAIN;
	err = receivers_visit(ch, limit);
	if (err < 0)
		return err;
	err = ch->kind->drop(&ch->ring);
	if (err == KIND_LEASED) {
		/* The send that follows wakes receivers for what is given back. */
		given_back = reclaim_front(ch);
		if (given_back)
			err = given_back < 0 ? given_back : ch->kind->drop(&ch->ring);
	}
	receivers_leave(ch);
	if (err == 0)
		limit->slept = true; /* it passes on what it does not need */
	/* What a living receiver has leased can't be dropped, and what is behind it
	 * frees nothing. */
	return err == KIND_LEASED ? drop_this(&ch->control->senders.dropped_leased) : err;
}

int overflow_apply(struct chan *ch, uint32_t policy, struct limit *limit, bool in_place)
{
	switch (policy) {
	case CHAN_DROP_NEWEST:
		return drop_newest(ch, in_place);
	case CHAN_DROP_OLDEST:
		return drop_oldest(ch, limit, in_place);
	default:
		return -EAGAIN;
	}
}
