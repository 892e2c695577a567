/* SPDX-License-Identifier: MIT */
/*
 * What all that receive have in common; and the calls of those that don't consume records
 * (receive.h), because their kind keeps a value (value.c) or has subscribers (subscriber.c), or
 * because messages have a header (headed.c).
 *
 * The queue's hot path knows nothing of the latter: such an endpoint has not the role CHAN_RECV
 * in chan.ring_roles, and so its calls find out that they are for the table where they would
 * have failed.
 */
#ifndef CHAN_RECEIVER_H
#define CHAN_RECEIVER_H

#include "channel/close.h"
#include "channel/handle.h"
#include "channel/limit.h"

/* Each does as the call of its name, but for the check of the endpoint and of the arguments,
 * and within a limit that other calls may share. */
struct receiving {
	/* Begin, as chan.how says, when the endpoint is attached: 0 or an error.  NULL: there
	 * is nothing to do. */
	int (*begin)(struct chan *ch);

	ssize_t (*recv)(struct chan *ch, void *buf, size_t size, struct limit *limit);
	ssize_t (*recv_meta)(struct chan *ch, void *buf, size_t size, struct chan_meta *ret,
		struct limit *limit); /* NULL: messages have no header */
	int (*recv_batch)(struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit);
	int (*ready)(struct chan *ch, struct limit *limit); /* as receiver_ready() */

	/* This one also for an endpoint that does not receive.  NULL: by the ring. */
	ssize_t (*peek)(struct chan *ch, void *buf, size_t size, struct chan_cursor *at,
		struct chan_meta *meta);

	/* NULL, all four: there is nothing to take. */
	int (*take)(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit);
	int (*ack)(struct chan *ch, const struct chan_lease *lease, unsigned n);
	int (*give_back)(struct chan *ch, const struct chan_lease *lease, unsigned n);
	int (*untake)(struct chan *ch, const struct chan_lease *lease, unsigned n);

	const char *lacks; /* why a call is refused that the kind has not */
};

extern const struct receiving receiving_values, receiving_subscribed, receiving_headed,
	receiving_headed_subscribed, receiving_lanes;

/* Returns true if the endpoint receives by this table. */
static inline bool receives_otherwise(const struct chan *ch)
{
	return ch->roles & ~ch->ring_roles & CHAN_RECV;
}

/* Return why a call of such an endpoint fails at once, or 0. */
static inline int receiving_check(const struct chan *ch, int64_t timeout)
{
	if (unlikely(is_orphan(ch)))
		return -ENOTCONN;
	return unlikely(timeout < CHAN_WAIT) ? error_of_timeout(timeout) : 0;
}

/* Return -EINVAL, and set the detail: the kind has not this call. */
int receiving_refused(const struct chan *ch) OUT_OF_LINE;

/* Find out whether the channel ends with its last sender and that one is gone: 0 and *ret,
 * or -EBADFD. */
int receiver_senders_gone(struct chan *ch, bool *ret);

/* Do as condition.abandoned, for a receiver. */
bool receiver_abandoned(struct chan *ch);

/* Returns true if the channel ended, and it is not decided where. */
bool receiver_undecided(struct chan *ch) OUT_OF_LINE;

/* Return the senders' position, and set *state to the channel's, for a receiver that takes no
 * lock.  The order of the loads matters: see ring_seal(). */
ALWAYS_INLINE uint64_t receiver_newest(struct chan *ch, uint32_t *state)
{
	/* Acquire: pairs with the commit of a send. */
	uint64_t pos = atomic_load_explicit(&ch->control->senders.position, memory_order_acquire);

	*state = channel_state(ch) | atomic_load_explicit(&ch->nameless, memory_order_relaxed);
	if (unlikely(*state & LAYOUT_ENDED)) {
		if (receiver_undecided(ch))
			*state &= ~(uint32_t)LAYOUT_ENDED;
		else
			pos = ring_limit(&ch->ring);
	}
	return pos;
}

struct condition;

/* Wait for a message, without a lock: as channel_wait(), or 0 (look again) in a channel that has
 * grown, whose memory is given back meanwhile. */
int receiver_sleep(struct chan *ch, const struct condition *message, struct limit *limit);

/* Wait, without a lock, until the senders' position is above `seen`: 0 (look again), or an
 * error of chan_recv().  `lags`: as condition.lags. */
int receiver_await_newer(struct chan *ch, uint64_t seen, bool lags, struct limit *limit);

/* Return -EMSGSIZE, and set the detail. */
int receive_too_long(uint64_t length, size_t size) OUT_OF_LINE;

#endif
