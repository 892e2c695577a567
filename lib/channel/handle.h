/* SPDX-License-Identifier: MIT */
/*
 * The handle: one endpoint of one channel, as its process has it, and the states of the
 * channel.  What each file of channel/ does:
 *
 *   create, open, attach, detach, collect   a channel's and an endpoint's life
 *   close, name, remove             the channel's end
 *   wait, spin, lag                 sleep, look again and again, stay away for a moment
 *   limit, waiters                  time limits; the calls that wait
 *   pollable, listener, rest, fd    descriptors for event loops
 *   futex                           sleeping outside, in the program's own io_uring
 *   select, set                     waiting for one of several cases, or of many
 *   watched, cover                  longer sleeps while chand watches over the channel
 *   watch                           looking on from outside
 *   side, reclaim                   the two locks, what a dead owner or holder left
 *   wake                            which sleepers are woken
 *   sender, overflow                finding room;  send, reserve: the calls
 *   grow                            rings that grow and give their memory back
 *   receive, lease                  finding a message, and the calls
 *   value, subscriber               the same for a kind that keeps a value, or that has
 *                                   subscribers;  receiver: what all have
 *   headed, meta                    messages with a header;  the header as callers have it
 *   delay, aside, dead              messages that are delayed; or buried; or expired
 *   subscribe                       joining, groups, the list of subscribers
 *   call, serve, inbox              requests: the client's side, the server's, where replies come
 *   outstanding                     what is asked and not answered, by number
 *   lanes, steal                    a channel that is several queues; which one is used
 *   inspect, recover                stat and peek; purge and recover
 *   settings                        policy, interruption
 *
 * Lock order: senders before receivers.  Nobody is woken with a lock held, except by a
 * rendezvous sender, and by whoever finds the name gone.
 */
#ifndef CHAN_HANDLE_H
#define CHAN_HANDLE_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/errors.h"
#include "channel/limit.h"
#include "channel/pollable.h"
#include "channel/spin.h"
#include "channel/waiters.h"
#include "channel/watched.h"
#include "core/backoff.h"
#include "core/ids.h"
#include "kind/delivery.h"
#include "kind/envelope.h"
#include "segment/segment.h"
#include "shmchan.h"

/* What a receiver took last, if it ends where `held` does.  This message is acknowledged,
 * and by an exclusive receiver the next one taken, without another look at what is known of
 * it.  It is written under the receivers' lock, `thread` last, and 0 first. */
struct taken {
	_Atomic uint64_t thread; /* whose it is, or 0: nothing is known */
	_Atomic uint64_t pos, end, seq;
	_Atomic uint32_t attempt;
};

/* Where a message was sent to. */
struct headed_place {
	uint64_t pos, seq;
};

struct chan {
	struct ring ring;
	const struct kind *kind;
	const struct receiving *receiving;   /* NULL: by the ring (receiver.h) */
	const struct sending_calls *sending; /* NULL: records as they are (sender.h) */
	/* Not the queue whose messages are all there is in a record: that one's hot path is
	 * compiled in. */
	bool indirect;
	bool headed;		    /* messages have a header: headed.h */
	struct ids ids;		    /* those of the last ones, if they are remembered */
	struct envelope_sender who; /* what it says of this endpoint */
	struct lanes *lanes;	    /* NULL: it has none but itself (lanes.h) */
	bool ordered;		    /* it is a lane in which one endpoint at a time has leases */
	struct segment segment;
	struct layout_control *control;
	unsigned roles;	     /* CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE */
	unsigned ring_roles; /* those of them in which it works on records: see value.h, receiver.h
			      */
	int slot;	     /* in the endpoint table, -1 for an observer and a reader */
	_Atomic uint32_t overflow;
	_Atomic bool orphan;	  /* the parent's, in a forked child */
	_Atomic bool interrupted; /* chan_interrupt() */
	_Atomic bool leases;	  /* false: no lease is this endpoint's */
	_Atomic uint64_t ack_lap; /* as ring_end.lap, where no lock is held */
	struct taken taken;
	struct spin send_spin, recv_spin;
	struct backoff send_backoff, recv_backoff;
	uint64_t thread;	   /* an exclusive endpoint's: see thread.h */
	bool light;		   /* exclusive, and its peers make its fences */
	_Atomic bool acks_lightly; /* they make those of its acknowledgements */
	uint64_t sender;	   /* `thread`, if it may reserve and commit the short way; or 0 */
	bool sends_near;	   /* the same, of a shared endpoint */

	/* The reservation.  The senders' lock guards it, except for the question whose
	 * it is: a thread that ended has left the lock, and its number is nobody's. */
	_Atomic uint64_t reserver; /* thread, 0 none */
	struct ring_cursor reserve_at;
	struct layout_record *reserve_record;
	uint64_t reserve_length;
	struct limit reserve_limit;

	/* When the name was last looked for (name.c); when a sender last paused, and
	 * after how many messages it does the next time (sender.c). */
	_Atomic int64_t name_seen;
	int64_t paused;
	uint32_t pace;
	/* Of a kind with subscribers: what a sender knows of the time (sender_stamp()), and the
	 * subscriber that one waits for. */
	struct {
		uint32_t left; /* messages until the next look at the clock */
		uint32_t sent; /* since it last moved */
		bool streams;
		int64_t at;
	} stamp;
	const struct layout_subscriber *_Atomic holder;
	bool close; /* it had to stop right behind one */

	/* When a sender was last found close behind the receivers, and where they were. */
	struct {
		int64_t since;
		uint64_t freed;
		uint32_t rest, left; /* how often it does not keep away, and is not to yet */
	} away;

	/* CHAN_NEED_RECEIVERS: when receivers were last looked for. */
	_Atomic int64_t receivers_seen;

	/* Drop-oldest: the leased front whose holder was last looked for, and when.  The
	 * receivers' lock guards them. */
	uint64_t front;
	int64_t front_seen;

	/* Of a kind that keeps a value: the position of the last one that was received; a
	 * sender's last look for readers, and what it found; and a reader's view (value.h):
	 * since when the channel was seen to have ended undecided, LAYOUT_REMOVED if the
	 * name is gone, and from when on senders know of it. */
	_Atomic uint64_t value_seen;
	_Atomic int64_t readers_seen;
	_Atomic bool readers;
	_Atomic int64_t end_seen;
	_Atomic uint32_t nameless;
	int64_t known_at;

	/* Of the kind latest, what chan_peek() needs; `control` is NULL in another kind. */
	struct {
		const struct layout_control *control;
		const struct layout_slot *slot[LAYOUT_SLOTS];
		_Atomic uint32_t length; /* of the last value that was not short */
	} look;

	/* Of a kind with subscribers: how it was asked to subscribe, while it opens; and what
	 * it is then, or NULL. */
	const struct chan_subscription *how;
	struct subscription *subscription;

	/* What it asked, and where it replied: made when they are needed (call.h). */
	struct calls *_Atomic calls;
	struct replies *_Atomic replies;
	struct letters *_Atomic letters; /* where expired messages go (dead.h) */

	struct waiters waiters;
	_Atomic unsigned holders; /* the endpoint itself, until it is detached, and sets */
	struct pollable to_receive, to_send;
	struct watched watched;
};

/* How often, in ns of clock_coarse(), a busy sender asks the kernel which endpoints are
 * there. */
#define LOOK_EVERY INT64_C(1000000)

static inline bool is_orphan(const struct chan *ch)
{
	return atomic_load_explicit(&ch->orphan, memory_order_relaxed);
}

static inline uint32_t channel_state(const struct chan *ch)
{
	/* Acquire: pairs with the RMWs in channel_mark(): whoever sees a bit sees what
	 * its setter saw. */
	return atomic_load_explicit(&ch->control->state, memory_order_acquire);
}

static inline void channel_mark(struct chan *ch, uint32_t bits)
{
	atomic_fetch_or_explicit(&ch->control->state, bits, memory_order_seq_cst);
}

/* Returns true if receivers find nothing because the channel is paused.  One that was removed
 * is not: nobody would find it to let it go on. */
static inline bool channel_paused(uint32_t state)
{
	return (state & (LAYOUT_PAUSED | LAYOUT_REMOVED)) == LAYOUT_PAUSED;
}

/* Return `err`, and mark the channel if it says that the segment is damaged. */
static inline int channel_checked(struct chan *ch, int err)
{
	if (unlikely(err == -EBADMSG) && ch->segment.writable)
		channel_mark(ch, LAYOUT_DAMAGED);
	return err;
}

/* Return 0; or -EINVAL and the detail, if the channel's messages have no header. */
static inline int headed_check(const struct chan *ch)
{
	return likely(ch->headed)
		       ? 0
		       : error_because(-EINVAL,
				 "the channel's messages have no header: it was made without "
				 "CHAN_META");
}

/* Why an endpoint of a channel that ended gets nothing more.  A channel that was closed
 * and then removed ended as a closed one: the removal only tidies up. */
static inline int channel_over(uint32_t state)
{
	return (state & LAYOUT_ENDED) == LAYOUT_REMOVED ? -EIDRM : -EPIPE;
}

#endif
