/* SPDX-License-Identifier: MIT */
/*
 * The ring: variable-length records in a buffer.  No lock, no system call, no
 * knowledge of sleepers: what is here runs on any memory, so it is tested on an
 * array.
 *
 * The model.  Two positions that only grow:
 *
 *     receivers' position             senders' position
 *     (next to free)                  (next to write)
 *          |  held  done leased ready ready |  free
 *          +------+--------+---------+------+------- ...
 *               held    deliver   frontier
 *
 * A send writes records after the senders' position and publishes them all with
 * one store to it.  What receivers do with a record is the kind's (kind/delivery.h):
 * it changes the state in the record's header, or moves the receivers' position, or
 * `held`: what is before that is leased to one endpoint, and no header says so.
 * `deliver` and `frontier` are derived: short cuts for looking.
 *
 * Trust.  The buffer may hold anything: each length, position and state is read
 * once, checked, and then used.  A violation is -EBADMSG.  No function leaves
 * the buffer, and every loop ends within capacity / RING_ALIGN steps.
 *
 * Locking is the caller's: functions named under "senders" need the senders'
 * lock, those under "receivers" the receivers'; the rest need none.
 */
#ifndef CHAN_RING_H
#define CHAN_RING_H

#include "base/compiler.h"
#include "core/cpu.h"
#include "core/ladder.h"
#include "core/layout.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

/* What one process knows of one side.  That side's lock guards it.  All zero is good: the
 * first look fills it in. */
struct ring_end {
	uint64_t lap;	     /* position of data[0] in the current lap */
	uint64_t seen;	     /* the other side's position when last looked at */
	unsigned char *data; /* where the side works: a rung of the ladder, or the ring */
	uint64_t capacity;   /* bytes there, and the same again behind them */
	uint64_t start;	     /* the position with which that rung began */
	uint64_t memory;     /* of senders: bytes there that have their memory, as far as known */
	unsigned rung;
};

struct ring {
	unsigned char *data; /* capacity bytes, and the same again behind them */
	uint64_t capacity;
	uint64_t max_message; /* ring_size() of it + RING_ALIGN <= capacity, or a rung's */
	/* The longest message that every rung takes, or max_message if that is less. */
	uint64_t fits_always;
	const struct ladder *ladder; /* of a ring that may grow, or NULL: see ladder.h */
	/* Of one whose rungs may lose their memory while they are looked at: reads the file of
	 * its segment (window.h).  `window`: of a view by which that is done. */
	bool (*fetch)(const void *file, uint64_t offset, void *to, size_t n);
	const void *file;
	struct ring_window *window;
	bool pausing;
	struct layout_control *control;
	uint32_t fresh;	 /* the state of a record that is sent */
	bool sets_aside; /* LAYOUT_BURIED and LAYOUT_DELAYED are no endpoints */

	/* Of kind broadcast: the table of subscribers, and its size. */
	uint32_t subscribers;
	struct layout_subscriber *subscriber;

	/* Where a sender counts room from: tx.seen; or, if `pausing`, as much earlier
	 * as makes the check for room also the check whether a record ends behind
	 * `pause_at`.  Then ring_room() says RING_PAUSED. */
	uint64_t horizon;
	struct ring_end tx, rx;
	uint64_t pause_at;
	uint64_t freed; /* the receivers' position, as a sender without room last saw it */
};

static inline uint64_t ring_size(uint64_t length)
{
	return (length + sizeof(struct layout_record) + RING_ALIGN - 1) &
	       ~(uint64_t)(RING_ALIGN - 1);
}

/* What a ring must hold for a message of `length` to pass: it and the next seq. */
static inline uint64_t ring_least_capacity(uint64_t length)
{
	return ring_size(length) + RING_ALIGN;
}

/* Return where a rung is mapped: its bytes, and the same again. */
static inline unsigned char *ring_rung(const struct ring *r, unsigned rung)
{
	return r->data + 2 * r->ladder->rung[rung].offset;
}

/* Let `end` begin the lap, and the rung, in which `pos` is.  Returns its offset there. */
uint64_t ring_turn(const struct ring *r, struct ring_end *end, uint64_t pos) OUT_OF_LINE;

/* The record at `pos`; `end` remembers the lap, which saves a division. */
static inline struct layout_record *ring_at(
	const struct ring *r, struct ring_end *end, uint64_t pos)
{
	uint64_t offset = pos - end->lap;

	if (unlikely(offset >= end->capacity))
		offset = ring_turn(r, end, pos);
	return (struct layout_record *)(void *)(end->data + offset);
}

/* How far ahead to fetch, two records of this size or more: a locked instruction a
 * message keeps the processor from running ahead by itself.  (Fetching outside
 * the mapping would be harmless.)  The first two lines are fetched with every
 * record; the rest only for those that copy, and only so many lines: behind them the
 * processor has found out by itself. */
#define RING_FETCH_FIRST 128
#define RING_FETCH_MOST 4096

static inline uint64_t ring_ahead(uint64_t size)
{
	return size > 256 ? 2 * size : 512;
}

static inline uint64_t ring_fetched(uint64_t size)
{
	return size < RING_FETCH_MOST ? size : RING_FETCH_MOST;
}

static inline void *ring_payload(struct layout_record *rec)
{
	return rec + 1;
}

/* ---- senders ---- */

/* Where the next record goes: a private copy until it is published. */
struct ring_cursor {
	uint64_t pos, seq;
};

/* Let tx begin the lap, and the rung, in which `pos` is. */
void ring_come_to(struct ring *r, uint64_t pos) OUT_OF_LINE;

static inline int ring_begin(struct ring *r, struct ring_cursor *at)
{
	uint64_t pos = atomic_load_explicit(&r->control->senders.position, memory_order_relaxed);

	if (unlikely(pos % RING_ALIGN))
		return -EBADMSG;
	if (unlikely(pos - r->tx.lap >= r->tx.capacity))
		ring_come_to(r, pos);
	at->pos = pos;
	at->seq = atomic_load_explicit(&ring_at(r, &r->tx, pos)->seq, memory_order_relaxed);
	return 0;
}

/* Do the same, but return -EAGAIN where a lap or a rung begins: this calls nothing. */
static inline int ring_begin_near(const struct ring *r, struct ring_cursor *at)
{
	uint64_t pos = atomic_load_explicit(&r->control->senders.position, memory_order_relaxed);
	const struct layout_record *rec;

	if (unlikely(pos - r->tx.lap >= r->tx.capacity || pos % RING_ALIGN))
		return -EAGAIN;
	rec = (const void *)(r->tx.data + (pos - r->tx.lap));
	at->pos = pos;
	at->seq = atomic_load_explicit(&rec->seq, memory_order_relaxed);
	return 0;
}

static inline void ring_set_horizon(struct ring *r)
{
	uint64_t for_pause = r->pause_at - r->tx.capacity;
	uint64_t for_memory = r->tx.start + r->tx.memory - r->tx.capacity;

	r->horizon = r->pausing && (int64_t)(for_pause - r->tx.seen) < 0 ? for_pause : r->tx.seen;
	if (unlikely(r->tx.memory < r->tx.capacity) && (int64_t)(for_memory - r->horizon) < 0)
		r->horizon = for_memory;
}

/* Let ring_room() say RING_PAUSED when `after` bytes behind `pos` are used. */
static inline void ring_pause(struct ring *r, uint64_t pos, uint64_t after)
{
	r->pausing = true;
	r->pause_at = pos + after;
	ring_set_horizon(r);
}

#define RING_PAUSED 1
#define RING_CLOSE 2

/* Of the ring, so much is free at most where a sender is close behind the receivers. */
#define RING_CLOSE_PART 8

/* Return how many bytes are free behind `pos`, as far as is known without a look. */
static inline uint64_t ring_room_left(const struct ring *r, uint64_t pos)
{
	return r->tx.capacity - (pos - r->tx.seen);
}

/* Returns true if a record of `need` bytes at `pos` has memory, as far as known. */
static inline bool ring_has_memory(const struct ring *r, uint64_t pos, uint64_t need)
{
	return r->tx.memory >= r->tx.capacity || pos - r->tx.start + need <= r->tx.memory;
}

/* Look how much memory the rung has, in which the senders are. */
void ring_learn_memory(struct ring *r);

/* Look at the receivers' position, when `pos` is beyond the horizon: as ring_room(). */
int ring_room_beyond(struct ring *r, uint64_t pos, uint64_t need);

/* Returns true if a record of `length` (at most fits_always) fits at `at`, and no pause is
 * due, as far as is known without a look. */
static inline bool ring_room_known(
	const struct ring *r, const struct ring_cursor *at, uint64_t length)
{
	uint64_t need = ring_size(length) + RING_ALIGN; /* the next one's seq must fit too */

	return at->pos - r->horizon <= r->tx.capacity - need;
}

/*
 * Check that a record of `length` (at most fits_always, or what tx.capacity takes) fits at `at`.
 * Returns 0, RING_PAUSED (it fits, and a pause is due), RING_CLOSE (it fits, and a look found
 * hardly more), or
 *
 *   -EAGAIN   there is no room, or no memory yet
 *   -EBADMSG  the positions make no sense
 */
static inline int ring_room(struct ring *r, const struct ring_cursor *at, uint64_t length)
{
	if (likely(ring_room_known(r, at, length)))
		return 0;
	return ring_room_beyond(r, at->pos, ring_size(length) + RING_ALIGN);
}

/* Return where the record at `at` goes, of `length` bytes.  There must be room. */
static inline struct layout_record *ring_place(
	struct ring *r, const struct ring_cursor *at, uint64_t length)
{
	/* ring_begin() found the lap; a batch may be in the next one, which is there twice. */
	struct layout_record *rec =
		(struct layout_record *)(void *)(r->tx.data + (at->pos - r->tx.lap));
	char *next = (char *)rec + ring_ahead(ring_size(length));

	for (uint64_t i = 0; i < RING_FETCH_FIRST; i += CPU_LINE)
		cpu_prefetch_write(next + i);
	return rec;
}

/* Write the header of that record, which nobody sees yet, and move the cursor behind it. */
static inline void ring_finish(
	const struct ring *r, struct layout_record *rec, struct ring_cursor *at, uint32_t length)
{
	atomic_store_explicit(&rec->length, length, memory_order_relaxed);
	atomic_store_explicit(&rec->state, r->fresh, memory_order_relaxed);
	at->pos += ring_size(length);
	at->seq++;
	/* Behind the record it is there twice, so no lap matters. */
	rec = (struct layout_record *)(void *)((char *)rec + ring_size(length));
	atomic_store_explicit(&rec->seq, at->seq, memory_order_relaxed);
}

/* Do both.  Returns where the `length` bytes go. */
static inline void *ring_append(struct ring *r, struct ring_cursor *at, uint32_t length)
{
	struct layout_record *rec = ring_place(r, at, length);

	ring_finish(r, rec, at, length);
	return ring_payload(rec);
}

/* As many bytes as this record's are about to be written two records on, too. */
static inline void ring_fetch_room(const void *payload, uint64_t length)
{
	uint64_t size = ring_size(length);
	char *next = (char *)(uintptr_t)payload + ring_ahead(size);

	for (uint64_t i = RING_FETCH_FIRST; i < ring_fetched(size); i += CPU_LINE)
		cpu_prefetch_write(next + i);
}

/* The commit of a send.  Release: pairs with the acquire in ring_limit(), so whoever
 * sees the position sees the records before it, whole. */
static inline void ring_publish(struct ring *r, const struct ring_cursor *at)
{
	atomic_store_explicit(&r->control->senders.position, at->pos, memory_order_release);
}

/* Move to another rung, which is free and has its memory; tx is where the senders are. */
void ring_step(struct ring *r, unsigned to);

/* Returns true if records up to `pos`, which were published before the channel was found
 * to have ended, are inside its end.  Decides the end if nobody has, see ring_seal().
 * Needs no lock. */
bool ring_inside_end(struct ring *r, uint64_t pos);

/* Repair the senders' side after a dead owner of their lock: 0 or -EBADMSG. */
int ring_repair_senders(struct ring *r);

/* ---- receivers ---- */

/* A record as found: copies, checked. */
struct ring_item {
	uint64_t pos, end; /* it is [pos, end) */
	uint64_t seq;
	uint32_t length;
	uint32_t state;
	struct layout_record *record;
};

/* Where the channel ends, at this moment, for those that only look. */
static inline uint64_t ring_limit(const struct ring *r)
{
	/* Acquire: pairs with ring_publish(). */
	uint64_t limit = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);
	uint64_t seal = atomic_load_explicit(&r->control->seal, memory_order_acquire);

	return seal && limit > (seal & ~UINT64_C(1)) ? seal & ~UINT64_C(1) : limit;
}

/* See how far the senders are: 0, or -EAGAIN if the channel is closed and not yet
 * sealed.  The order of the loads matters: see ring_seal(). */
static inline int ring_reload(struct ring *r)
{
	/* Acquire: pairs with ring_publish(). */
	uint64_t limit = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);

	if (unlikely(atomic_load_explicit(&r->control->state, memory_order_acquire) &
		     LAYOUT_ENDED)) {
		if (!atomic_load_explicit(&r->control->seal, memory_order_acquire))
			return -EAGAIN;
		limit = ring_limit(r);
	}
	r->rx.seen = limit;
	return 0;
}

/* What ring_cross() returns in place of a position. */
#define RING_NOTHING 1
#define RING_BROKEN 3

/* The senders are further from `pos` than its ring is large: find the next rung, or the end of
 * this one.  Returns where the record is, and sets rx.seen to the end of what may be read
 * there. */
uint64_t ring_cross(struct ring *r, uint64_t pos) OUT_OF_LINE;

/* Check and read the record at `pos`, which is it->record: 0 or -EBADMSG.  The senders are
 * `there` bytes further. */
ALWAYS_INLINE int ring_read_here(
	const struct ring *r, uint64_t pos, uint64_t there, struct ring_item *it)
{
	uint64_t size;

	it->pos = pos;
	it->length = atomic_load_explicit(&it->record->length, memory_order_relaxed);
	it->state = atomic_load_explicit(&it->record->state, memory_order_relaxed);
	it->seq = atomic_load_explicit(&it->record->seq, memory_order_relaxed);
	size = ring_size(it->length);
	it->end = pos + size;
	if (there > ring_ahead(size) + RING_FETCH_FIRST) /* not what is being written */
		for (uint64_t i = 0; i < RING_FETCH_FIRST; i += CPU_LINE)
			cpu_prefetch((char *)it->record + ring_ahead(size) + i);
	if (unlikely(it->length > r->max_message || it->end - pos > there))
		return -EBADMSG;
	if (unlikely(record_kind(it->state) != RECORD_READY) &&
		record_kind(it->state) - RECORD_READY > RECORD_DONE - RECORD_READY)
		return -EBADMSG;
	return 0;
}

/* Find the record at `pos`, or where the next rung begins if it ends there: 0 and it->record,
 * *at and how far the senders are from it, or an error of ring_read(). */
ALWAYS_INLINE int ring_seek(
	struct ring *r, uint64_t pos, struct ring_item *it, uint64_t *at, uint64_t *there)
{
	*at = pos;
	if (unlikely(pos % RING_ALIGN))
		return -EBADMSG;
	it->record = ring_at(r, &r->rx, pos); /* first: another rung has another `seen` */
	*there = r->rx.seen - pos;
	if (unlikely(*there - 1 >= r->rx.capacity)) {
		int err = ring_reload(r);

		*there = r->rx.seen - pos;
		if (err < 0 || *there == 0)
			return -EAGAIN;
		if (unlikely(*there > r->rx.capacity)) {
			pos = ring_cross(r, pos);
			if (pos % 2)
				return pos == RING_NOTHING ? -EAGAIN : -EBADMSG;
			*at = pos;
			it->record = ring_at(r, &r->rx, pos);
			*there = r->rx.seen - pos;
		}
	}
	return 0;
}

/* Check and read the record at `pos`, or where the next rung begins if it ends there, and
 * wherever it stands: 0, -EAGAIN at the end, -EBADMSG.  Any state. */
ALWAYS_INLINE int ring_read(struct ring *r, uint64_t pos, struct ring_item *it)
{
	uint64_t at, there;
	int err = ring_seek(r, pos, it, &at, &there);

	return unlikely(err) ? err : ring_read_here(r, at, there, it);
}

/* Do the same, but return -EAGAIN where a lap or a rung begins: this calls nothing. */
ALWAYS_INLINE int ring_read_near(struct ring *r, uint64_t pos, struct ring_item *it)
{
	uint64_t there = r->rx.seen - pos;

	if (unlikely(pos - r->rx.lap >= r->rx.capacity || pos % RING_ALIGN))
		return -EAGAIN;
	it->record = (struct layout_record *)(void *)(r->rx.data + (pos - r->rx.lap));
	if (unlikely(there - 1 >= r->rx.capacity)) {
		int err = ring_reload(r);

		there = r->rx.seen - pos;
		if (err < 0 || there - 1 >= r->rx.capacity)
			return -EAGAIN;
	}
	return ring_read_here(r, pos, there, it);
}

/* As many bytes as the item's are about to be read two records on, if they are
 * published. */
static inline void ring_fetch(const struct ring *r, const struct ring_item *it)
{
	uint64_t size = it->end - it->pos, ahead = ring_ahead(size), most = ring_fetched(size);

	if (most > RING_FETCH_FIRST && r->rx.seen - it->pos > ahead + most)
		for (uint64_t i = RING_FETCH_FIRST; i < most; i += CPU_LINE)
			cpu_prefetch((char *)it->record + ahead + i);
}

/* Return the receivers' position: what is before it is free.  It moves under the
 * receivers' lock; but while something is held at the front, it is moved by the holder only,
 * which needs no lock. */
static inline uint64_t ring_head(const struct ring *r)
{
	/* Acquire: whoever moves it on has what the holder read happen before. */
	return atomic_load_explicit(&r->control->receivers.position, memory_order_acquire);
}

/* Return where what is held at the front ends: `head`, if it is nothing.  The holder may
 * free what is before that at any moment: only the holder reads it. */
static inline uint64_t ring_held(const struct ring *r, uint64_t head)
{
	uint64_t held = atomic_load_explicit(&r->control->receivers.held, memory_order_relaxed);

	return held > head ? held : head;
}

/* Return to whom. */
static inline uint32_t ring_holder(const struct ring *r)
{
	return atomic_load_explicit(&r->control->receivers.held_by, memory_order_relaxed) &
	       RECORD_HOLDER_MAX;
}

/* Return the item's state, as `held` changes what its header says. */
static inline uint32_t ring_state(const struct ring *r, const struct ring_item *it)
{
	if (record_kind(it->state) != RECORD_READY || it->pos >= ring_held(r, it->pos))
		return it->state;
	return record_leased(it->state, ring_holder(r));
}

/* Return where delivery starts. */
static inline uint64_t ring_first(const struct ring *r)
{
	const struct layout_receivers *rx = &r->control->receivers;
	uint64_t head = ring_head(r);
	uint64_t deliver = atomic_load_explicit(&rx->deliver, memory_order_relaxed);

	return likely(deliver <= head) ? head : deliver;
}

/* Find the first ready record at or after `pos`, which is not before ring_first(): 0, or an
 * error of ring_read(). */
ALWAYS_INLINE int ring_next(struct ring *r, uint64_t pos, struct ring_item *it)
{
	for (;; pos = it->end) {
		int err = ring_read(r, pos, it);

		if (unlikely(err) || likely(record_kind(it->state) == RECORD_READY))
			return err;
	}
}

/* Returns true if nothing new is ready since a receiver noted (kind.note_end) that it found
 * nothing up to `end`: the senders' position and `deliver` are still there. */
static inline bool ring_still_empty(const struct ring *r, uint64_t end)
{
	return atomic_load_explicit(&r->control->senders.position, memory_order_acquire) == end &&
	       atomic_load_explicit(&r->control->receivers.deliver, memory_order_relaxed) == end;
}

/* A lease as its holder remembers it. */
struct ring_claim {
	uint64_t pos, seq;
	uint32_t holder, attempt;
};

/* Returns false only if nothing is ready. */
static inline bool ring_any(const struct ring *r)
{
	return ring_first(r) != ring_limit(r);
}

/* Returns false only if no lease is outstanding. */
static inline bool ring_leased(const struct ring *r)
{
	uint64_t head = ring_head(r);

	return atomic_load_explicit(&r->control->receivers.frontier, memory_order_relaxed) > head ||
	       ring_held(r, head) != head;
}

/* Change the state of a published record from `from` to `to`.  Returns false if the state
 * was not `from` any more: only a rendezvous sender that withdraws its ready record changes
 * it without the receivers' lock.  Release: what was read from the record was read before. */
static inline bool ring_change(struct layout_record *rec, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(
		&rec->state, &from, to, memory_order_acq_rel, memory_order_relaxed);
}

/* Decide, once for all, where the channel ends; the caller has seen that it ended.  Until
 * that is done, ring_next() may return -EAGAIN too early.  Needs no lock. */
void ring_seal(const struct ring *r);

/* See no further than `end` again, up to which nothing was found: a look into other rungs
 * since then has seen newer records, which nobody has looked at. */
static inline void ring_back_to(struct ring *r, uint64_t end)
{
	ring_at(r, &r->rx, end);
	r->rx.seen = end;
}

/* Return where a position goes on: at the start of the next rung, if it is where one ends and
 * `limit` is behind that. */
uint64_t ring_onward(const struct ring *r, uint64_t pos, uint64_t limit);

/* If receivers are at the end of a rung and senders in another one, move receivers on to the
 * start of the next one, so that the first becomes free. */
void ring_follow(struct ring *r);

/* ---- anybody ---- */

/* Return how far the senders can be ahead of the receivers' position. */
uint64_t ring_most(const struct ring *r);

/* Make a new ring, all zero, empty. */
void ring_init(struct ring *r);

#endif
