/* SPDX-License-Identifier: MIT */
/*
 * Broadcast: each message goes to each subscriber.
 *
 * The ring and its senders are the queue's.  The receivers' position is the start of what is
 * kept, the *tail*: what lies behind it is kept whether it was received or not.  A sender that
 * finds no room moves the tail on, both locks held, but never past the position of a live
 * subscriber that holds the ring.  It moves it by an eighth of the ring if it can, so that this
 * is rare: what a send costs does not grow with the subscribers.
 *
 * A subscriber is an entry of the table (struct layout_subscriber): that of the number of
 * its endpoint's slot, or a group's.  It joins and leaves under the receivers' lock, where
 * the tail stands still.  Its receive takes no lock: the store to its position is the commit.
 *
 *   holds    senders don't pass it.  If it may be evicted, the sender that made it wait for
 *            so long stores `evicted`, and then passes it.
 *   loses    senders pass it.  It copies, and looks afterwards whether the tail has passed
 *            what it copied; if so, the copy is thrown away and it goes on at the tail.
 *
 * Growing.  If holders leave no room, a ring that may grow does that, up to its maximum, and
 * only then anybody is evicted or waited for.  Those that lose never make it grow.  The rungs
 * (ladder.h) are free before the tail; it is moved to the start of the rung in which the
 * smallest holder stands, before another rung is sought and after a quiet while.  Whoever the
 * tail may pass doesn't touch the mapping of a rung but the first: see window.h.  One that was
 * evicted may be about to, so that memory is not given back before it has moved on or died.
 *
 * Deaths.  An entry whose slot has no live receiver any more is free.  Whoever would have to
 * stop at it asks the kernel, and frees it; a new endpoint in that slot frees it before
 * anything else, since that would be taken for the dead one.  A group outlives its users.
 *
 * Model-checked in tests/model/broadcast.pml, holders.pml and outgrow.pml.
 */
#ifndef CHAN_BROADCAST_H
#define CHAN_BROADCAST_H

#include "core/ring.h"

struct chan_subscription;

/* ---- when a message was sent ---- */

/* A stamp counts units of 2^24 ns, which are 17 ms, of CLOCK_REALTIME; in 52 days it comes
 * round. */
#define STAMP_SHIFT 24
#define STAMP_MASK 0x0fffffffu

static inline uint32_t broadcast_stamp(int64_t real)
{
	return (uint32_t)((uint64_t)real >> STAMP_SHIFT) & STAMP_MASK;
}

/* Return the state of a record that is sent at that time. */
static inline uint32_t broadcast_fresh(int64_t real)
{
	return (uint32_t)RECORD_READY << 28 | broadcast_stamp(real);
}

/* ---- making room ---- */

/* A subscriber that a sender has to wait for. */
struct broadcast_holder {
	const struct layout_subscriber *entry; /* NULL: there is none */
	uint64_t position;
	int64_t left;  /* of its patience, or another one's, ns; INT64_MAX: no end */
	bool close;    /* the tail is right behind a holder now */
	bool released; /* an entry was freed, evicted or expired: all that wait look again */
};

/*
 * Move the tail on, so that a message of `length` has room at `pos`, which is at or behind the
 * senders' position; both locks are held.  gone(slot, arg): no receiver has the slot.
 * `patient`: nobody is evicted for that, since the ring may grow.
 * Returns 0 (there is room), or
 *
 *   -EAGAIN   there is none; the smallest holder is in *ret, and senders.wanted says so.
 *             Rungs in which no holder stands are free now
 *   -EBADMSG  the positions make no sense
 */
int broadcast_make_room(struct ring *r, uint64_t pos, uint64_t length, bool patient,
	bool (*gone)(uint32_t slot, void *arg), void *arg, struct broadcast_holder *ret);

/* ---- giving memory back; both locks are held, but for broadcast_least() ---- */

/* Return where the smallest holder stands, or the end; the dead among them are freed. */
uint64_t broadcast_held(struct ring *r, bool (*gone)(uint32_t slot, void *arg), void *arg);

/* Do the same as far as it is known without asking. */
uint64_t broadcast_least(const struct ring *r, uint64_t end);

/* Return the start of the rung in which `pos` is, 0 if there is none. */
uint64_t broadcast_rung(const struct ring *r, uint64_t pos);

/* Let go of what lies before that. */
void broadcast_let_go(struct ring *r, uint64_t pos);

/* Return up to where no endpoint touches the mapping: the tail, or before it what one reads
 * that was just evicted. */
uint64_t broadcast_untouched(struct ring *r, bool (*gone)(uint32_t slot, void *arg), void *arg);

/* ---- the table; the receivers' lock is held ---- */

/* Where a subscriber stands. */
struct broadcast_place {
	uint64_t pos, seq;
};

/* Free what names this slot: a dead predecessor left it.  Returns true if that may have held
 * the ring. */
bool broadcast_clear_slot(struct ring *r, uint32_t slot);

/* Find where a subscription begins: 0, or an error of chan_subscribe(); or -EBUSY, if the lock
 * is not held, and the tail passed that. */
int broadcast_find_start(
	struct ring *r, const struct chan_subscription *how, struct broadcast_place *ret);

/* Fill in the entry of that number and make it active. */
void broadcast_join(struct ring *r, uint32_t entry, const struct chan_subscription *how,
	const struct broadcast_place *at);

/* Make `slot` the user of the group, from the endpoints' entries on, or make the group where
 * *at says.  Sets *entry, and *at to where it goes on.  Errors as chan_subscribe(). */
int broadcast_use_group(struct ring *r, uint32_t endpoints, uint32_t slot,
	const struct chan_subscription *how, bool (*gone)(uint32_t slot, void *arg), void *arg,
	uint32_t *entry, struct broadcast_place *at);

/* Find the group of that name: its entry, or -ENOENT. */
int broadcast_find_group(const struct ring *r, uint32_t endpoints, const char *name);

/* Remove a group: 0, or -EBUSY if it has a user. */
int broadcast_remove_group(
	struct ring *r, uint32_t entry, bool (*gone)(uint32_t slot, void *arg), void *arg);

/* Returns true if that is a group's, and it was unused for longer than it may be. */
bool broadcast_too_old(struct layout_subscriber *e, bool used);

/* ---- no lock is held ---- */

/* Find the tail and the number of the message there, or of the next one if that is the end:
 * 0, or -EBADMSG. */
int broadcast_oldest(const struct ring *r, struct broadcast_place *ret);

/* Return the number at `pos`, where a record begins or the rung ends. */
uint64_t broadcast_seq(const struct ring *r, uint64_t pos);

/* Return how many bytes lie between two positions. */
uint64_t broadcast_bytes(const struct ring *r, uint64_t from, uint64_t to);

/* Returns true if what was read at or behind `pos` was not overwritten meanwhile. */
ALWAYS_INLINE bool broadcast_kept(const struct ring *r, uint64_t pos)
{
	/* Pairs with the release fence in broadcast_make_room(): whoever read a byte that was
	 * written over the record sees the tail behind it. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&r->control->receivers.position, memory_order_relaxed) <= pos;
}

/* Store that a subscriber has received what is before `at`: the commit. */
ALWAYS_INLINE void broadcast_advance(
	struct layout_subscriber *e, bool group, const struct broadcast_place *at)
{
	if (unlikely(group)) {
		/* The mark that is not of the present position. */
		uint64_t is = atomic_load_explicit(&e->position, memory_order_relaxed);
		int other = atomic_load_explicit(&e->mark[0].position, memory_order_relaxed) == is;

		atomic_store_explicit(&e->mark[other].position, at->pos, memory_order_relaxed);
		atomic_store_explicit(&e->mark[other].seq, at->seq, memory_order_relaxed);
	}
	/* Release: pairs with the acquire in broadcast_make_room(); our reading is over. */
	atomic_store_explicit(&e->position, at->pos, memory_order_release);
}

#endif
