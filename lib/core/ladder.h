/* SPDX-License-Identifier: MIT */
/*
 * A ring that may grow: a ladder of rings.
 *
 * The segment has several rings, its rungs: the first has the capacity that the channel
 * starts with, each further one twice as much as the one before, the last one the rest of
 * the maximum.  Only the first has its memory all the time.  Senders work in one rung.  If
 * that is full, the sender that has the lock takes the memory of another rung that is free
 * and moves over; after a quiet while it moves back to a small one.  Receivers follow:
 *
 *      rung 1   [start ........ limit)
 *      rung 2             skipped     [start ......          LADDER_OPEN)
 *      positions  ----R--------P- - - -P'-----S------------------------->
 *
 * Each use of a rung has positions of its own, from its start on, and a record lies in one
 * rung.  The step is a jump of the senders' position, from P, where the old rung ends, to P'
 * with which the new one begins.  What lies between them is nothing.
 *
 * Why the hot path needs no word of this.  P' - P is more than the old rung holds.  So
 * whoever still works in an older rung finds any later position outside its lap, or further
 * away than its ring is large; it then looks here (ring_turn(), ring_cross(),
 * ring_room_beyond()), as at each lap.
 *
 * Rules, each with its mutant in tests/model/growing.pml:
 *
 * - Before the step, the new rung has its memory, its start and limit, and at its start
 *   the seq of the next message; and the old one has its limit.  The one store to the
 *   senders' position commits.  If the sender is killed before that, the repair opens the
 *   old rung again and clears what begins behind the senders' position.
 * - A rung may be used again, and its memory given back, when the receivers' position is
 *   behind its limit.  (At its end does not do: it is how receivers find the next one.)
 * - Start is stored before limit and read after it, since receivers look for their rung
 *   while a sender takes another one for its next use.
 * - What is known of a rung's memory is marked as unknown before it is taken or given back,
 *   and true after that.
 *
 * A large rung's memory is taken in pieces, as senders come to them in its first lap: so no
 * sender takes long, and no more is taken than is used.  Where the memory ends, the horizon
 * of the senders does (ring_set_horizon()).  To take a piece is to take a rung's memory, as
 * above, without a step.
 *
 * Senders change all of this under their lock.  Receivers only read it.
 */
#ifndef CHAN_LADDER_H
#define CHAN_LADDER_H

#include "core/layout.h"

#include <stdbool.h>

/* What each process knows of the rungs: their places, from the header, and the table. */
struct ladder {
	unsigned n;
	uint64_t total;
	struct {
		uint64_t offset; /* its first byte in the file, behind ring_offset */
		uint64_t capacity;
	} rung[LADDER_RUNGS];
};

/* Lay out rungs, whole pages each, with `total` bytes in all; the first has `start`. */
void ladder_make(struct ladder *l, uint64_t start, uint64_t total);

/* Return the capacity of the largest rung, and of the smallest. */
uint64_t ladder_largest(const struct ladder *l);
uint64_t ladder_smallest(const struct ladder *l);

/* Return the most that positions of live records can be apart. */
uint64_t ladder_most(const struct ladder *l);

/* Return the rung in which `pos` is, or -1. */
int ladder_find(const struct ladder *l, const struct layout_ladder *t, uint64_t pos);

/* Return where the rung of `pos` ends, or `limit` if that comes first; 0 if there is no such
 * rung. */
uint64_t ladder_end(
	const struct ladder *l, const struct layout_ladder *t, uint64_t pos, uint64_t limit);

/* Return where the next rung after `pos` begins; 0 if there is none. */
uint64_t ladder_next(const struct ladder *l, const struct layout_ladder *t, uint64_t pos);

/* Return the bytes between two positions, and those ever sent up to one. */
uint64_t ladder_used(
	const struct ladder *l, const struct layout_ladder *t, uint64_t from, uint64_t to);
uint64_t ladder_sent(const struct ladder *l, const struct layout_ladder *t, uint64_t pos);

/* Return how many bytes of the rung have memory for sure, from its start on. */
uint64_t ladder_memory(const struct ladder *l, const struct layout_ladder *t, unsigned rung);

/* Return the bytes of all rungs that may have memory. */
uint64_t ladder_taken(const struct ladder *l, const struct layout_ladder *t);

/* Returns true if no receiver at `head` or behind it needs the rung, and senders are not
 * in it. */
bool ladder_is_free(const struct layout_rung *rung, uint64_t head);

/* The senders' position is `pos`, before the step: let `to` begin at `next`, and `from` end.
 * The store of `next` to the senders' position has to follow. */
void ladder_prepare(struct layout_rung *from, struct layout_rung *to, uint64_t pos, uint64_t next);

/* Undo what a sender prepared that died, and whose position stayed `pos`: 0 or -EBADMSG. */
int ladder_repair(const struct ladder *l, struct layout_ladder *t, uint64_t pos);

#endif
