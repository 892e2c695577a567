/* SPDX-License-Identifier: MIT */
/*
 * Kinds of channels: how messages get from the ring to receivers.
 *
 * What differs by kind is a table of operations.  Everything above, channel/ and what
 * uses it, is blind to kinds; ring.h has what they share: records, positions, room,
 * publication.  A kind that keeps a value in place of messages has `write` and `read` in
 * place of what works on records (channel/value.h), and of a ring only the positions.  One
 * with subscribers shares the senders' side, and has a table in place of what is consumed and
 * leased (kind/broadcast.h, channel/subscriber.h).  The
 * operations see the ring only.  They never wait and wake nobody: the channel does, from what they
 * return.  The hot paths of the queue and of the
 * latest are compiled in (kind_consume(), kind_read()).
 *
 * Contracts.  For each operation it is said which lock the caller holds.  All of them may
 * meet a damaged ring: they return -EBADMSG where they can, stay inside the buffer and
 * end.  A process may be killed at any instruction of any of them: what is authoritative
 * changes by one store, and everything else is rebuilt by the repair of the side whose
 * lock was held, which must be repeatable at any point (see lib/RECOVERY.md).
 *
 * A new kind is a file here, a word in base/words.c and an entry in delivery.c; its
 * options' rules, its bytes and its repair are in its own file.
 */
#ifndef CHAN_DELIVERY_H
#define CHAN_DELIVERY_H

#include "core/ring.h"
#include "kind/latest.h"
#include "kind/queue.h"
#include "shmchan.h"

/* kind.drop: the oldest record is leased, and dropping what lies behind it would free
 * nothing. */
#define KIND_LEASED 1

/* Why a record is removed unread. */
enum kind_removed {
	KIND_DROPPED,	/* there was no room, or it was purged */
	KIND_EXPIRED,	/* its time was over */
	KIND_MALFORMED, /* its header makes no sense */
};

struct kind {
	uint32_t value; /* enum chan_kind */

	/* A sender waits, the senders' lock held, until a receiver has its message; the
	 * four operations below are there.  All waiting senders are woken when space is
	 * freed, and a batch is sent one by one. */
	bool hands_over;

	/* Each receiver gets each message: what a sender needs to make room, and receivers to
	 * find theirs, is in kind/broadcast.h.  consume, note_end, the leases' operations, drop
	 * and purge are absent; reclaim ends subscriptions. */
	bool subscribed;

	/* How many messages one receive takes at most. */
	unsigned receive_most;

	/* What chan_stat() adds to the flags: the older way to say the kind. */
	uint32_t shown_flags;

	/* ---- options: there is no ring yet ---- */

	/* Fill in capacity and, if need be, max_message, where they are 0: 0, or -EINVAL
	 * and the error's detail. */
	int (*resolve_sizes)(struct chan_options *o);

	/* Why the kind can't have this overflow policy, or NULL if it can. */
	const char *(*refuse_overflow)(uint32_t policy);

	/* The capacity that chan_stat() shows. */
	uint64_t (*shown_capacity)(const struct ring *r);

	/* The least capacity of a segment with that max_message.  NULL: that of a ring
	 * (ring_least_capacity()), which every segment has. */
	uint64_t (*least_capacity)(uint64_t max_message);

	/* ---- the senders' lock is held ---- */

	/* Repair the senders' side after a dead owner of their lock: 0 or -EBADMSG. */
	int (*repair_senders)(struct ring *r);

	/* Returns true if the record that was published at `pos` has found its receiver, or
	 * was purged. */
	bool (*handed_over)(struct ring *r, uint64_t pos);

	/* Take the record at `pos` back: false if a receiver was faster.  If the sender is
	 * killed before this, repair_senders does it. */
	bool (*withdraw)(struct ring *r, uint64_t pos);

	/* Returns true if the record at `pos` was purged, so that nobody has it.  Call it once
	 * handed_over was true, or withdraw false, the lock still held. */
	bool (*purged)(struct ring *r, uint64_t pos);

	/* Replace the value by these `length` bytes (at most max_message), as the last one of
	 * `count` values that were sent at once: 0 and *pos, its position, or -EBADMSG.  Its
	 * last store commits; before that, receivers find the old value. */
	int (*write)(
		struct ring *r, const void *value, uint32_t length, uint64_t count, uint64_t *pos);

	/* ---- no lock is held ---- */

	/* Copy the value whose position is `pos`, other than 0, to `buf`, which has room for
	 * `size` bytes.  Stores nothing in the segment.  Returns 0 and *ret, or
	 *
	 *   -ESTALE   it was replaced meanwhile: look at the position again.  If that has not
	 *             changed, the channel is damaged
	 *   -EMSGSIZE it is longer than `size`; *ret is set
	 *   -EBADMSG  the position or the length makes no sense */
	int (*read)(
		const struct ring *r, uint64_t pos, void *buf, size_t size, struct kind_value *ret);

	/* Fill in the messages and bytes that chan_stat() shows.  NULL: those of a ring. */
	void (*count)(const struct ring *r, struct chan_stat *st);

	/* Returns true if there is a record that no receiver has taken yet.  This is a hint,
	 * of this moment. */
	bool (*offered)(const struct ring *r);

	/* ---- the receivers' lock is held ---- */

	/* Consume the ready records in [from, end), which ring_next() found from
	 * ring_first() on under the same lock.  Returns how many; fewer only if a sender
	 * withdrew one.  Killed in it: each is consumed or still ready. */
	uint64_t (*consume)(struct ring *r, uint64_t from, uint64_t end);

	/* Free what is done at the front: true if that freed space. */
	bool (*free)(struct ring *r);

	/* ring_next() found nothing up to the end: note where, for ring_still_empty(), and
	 * free.  Returns true if that freed space. */
	bool (*note_end)(struct ring *r);

	/* Lease the item to `holder`, and set it->state: false if its sender withdrew it. */
	bool (*lease)(struct ring *r, struct ring_item *it, uint32_t holder);

	/* End a lease: the message is done; or ready again; or that and one attempt less.
	 * 0, or -ESTALE if the claimant does not hold it. */
	int (*ack)(struct ring *r, const struct ring_claim *claim);
	int (*release)(struct ring *r, const struct ring_claim *claim);
	int (*untake)(struct ring *r, const struct ring_claim *claim);

	/* End a lease: the message is done, and counted as expired.  0, or -ESTALE as above. Absent
	 * where discard is. */
	int (*expire)(struct ring *r, const struct ring_claim *claim);

	/* Set a message aside for `holder`, which is LAYOUT_BURIED or LAYOUT_DELAYED: the ready
	 * record that ring_next() found from ring_first() on; another ready one; or one that is
	 * leased, 0 or -ESTALE.  What it counts as attempts stays.  NULL, all of them, if the
	 * kind can't. */
	void (*set_first_aside)(struct ring *r, const struct ring_item *it, uint32_t holder);
	void (*set_aside)(struct ring *r, const struct ring_item *it, uint32_t holder);
	int (*end_aside)(struct ring *r, const struct ring_claim *claim, uint32_t holder);

	/* Make the records of that holder ready for which wanted(it, arg); `anew`: as if they had
	 * never been delivered.  Returns how many, or -EBADMSG. */
	int (*restore)(struct ring *r, uint32_t holder, bool anew,
		bool (*wanted)(const struct ring_item *it, void *arg), void *arg);

	/* Find out whether the claimant holds the lease: 0 or -ESTALE. */
	int (*holds)(struct ring *r, const struct ring_claim *claim);

	/* Consume the record at `pos`, which need not be the first, if it is ready, has the
	 * number `seq`, and was delivered `least` times or more: 0 or -ESTALE.  Killed in it: it
	 * is consumed or still ready.  NULL if the kind can't. */
	int (*remove)(struct ring *r, uint64_t pos, uint64_t seq, uint32_t least);

	/* Return an endpoint other than `me` that has a lease, or UINT32_MAX. */
	uint32_t (*other_holder)(struct ring *r, uint32_t me);

	/* Release every lease for which gone(holder, arg): how many, or -EBADMSG. */
	int (*reclaim)(struct ring *r, bool (*gone)(uint32_t holder, void *arg), void *arg);

	/* Make room at the front: drop the oldest record if it is ready, and count it.
	 * Returns 0 (look for room again: a record was dropped, a done front was freed, or
	 * the ring is empty), KIND_LEASED, or -EBADMSG.  Killed in it: the count is exact
	 * after the repair.  NULL if refuse_overflow refuses CHAN_DROP_OLDEST. */
	int (*drop)(struct ring *r);

	/* Remove the ready record, which ring_next() found under the same lock, unread, and count
	 * it.  Returns true if that freed space.  Killed in it: as drop.  Only of a kind whose
	 * messages may have a header. */
	bool (*discard)(struct ring *r, const struct ring_item *it, enum kind_removed why);

	/* Drop all ready records, and count them: how many, or -EBADMSG.  NULL if the kind
	 * can't. */
	int64_t (*purge)(struct ring *r);

	/* Repair the receivers' side after a dead owner of their lock: 0; or -EBADMSG, and
	 * as much of the ring as is sound remains readable. */
	int (*repair_receivers)(struct ring *r);

	/* ---- both locks are held, or all is quiet ---- */

	/* Check that everything between the positions is a chain of sound records: 0 or
	 * -EBADMSG. */
	int (*valid)(struct ring *r);
};

extern const struct kind kind_queue, kind_rendezvous, kind_latest, kind_broadcast;

/* Return the kind of that value, or NULL if there is none: a newer version made it. */
const struct kind *kind_of(uint32_t value);

bool kind_consume_slow(
	const struct kind *const *kind, struct ring *r, uint64_t from, uint64_t end) OUT_OF_LINE;

/* Do as kind.consume.  Returns true if any was consumed.  `indirect`: it is not
 * kind_queue.  (`kind` is given by its address, so that it is loaded only when it is
 * needed.) */
ALWAYS_INLINE bool kind_consume(
	const struct kind *const *kind, bool indirect, struct ring *r, uint64_t from, uint64_t end)
{
	if (likely(!indirect && queue_consume_front(r, from, end)))
		return true;
	return kind_consume_slow(kind, r, from, end);
}

/* Do as kind.read. */
ALWAYS_INLINE int kind_read(const struct kind *kind, const struct ring *r, uint64_t pos, void *buf,
	size_t size, struct kind_value *ret)
{
	struct kind_value copy = {.length = 0}; /* `ret` may stay in registers */
	int err;

	if (likely(kind == &kind_latest))
		return latest_copy_out(r, pos, buf, size, ret);
	err = kind->read(r, pos, buf, size, &copy);
	*ret = copy;
	return err;
}

#endif
