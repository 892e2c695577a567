/* SPDX-License-Identifier: MIT */
/* The model is in grow.h. */
#include "channel/grow.h"

#include "channel/reclaim.h"
#include "channel/side.h"
#include "kind/broadcast.h"

#include <unistd.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static struct layout_ladder *ladder(const struct chan *ch)
{
	return &ch->control->ladder;
}

static uint64_t capacity_of(const struct chan *ch, unsigned rung)
{
	return ch->ring.ladder->rung[rung].capacity;
}

static struct layout_rung *rung_of(const struct chan *ch, unsigned rung)
{
	return &ladder(ch)->rung[rung];
}

static uint64_t taken(const struct chan *ch)
{
	return ladder_taken(ch->ring.ladder, ladder(ch));
}

/* ---- memory ---- */

/* The most that a sender takes at once, unless its message needs more: as much as the caches
 * hold, so that what the kernel clears is copied to at once. */
#define PIECE (UINT64_C(1) << 20)

static uint64_t in_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* Return how many bytes of a rung to have at least, if more are needed than the `have`.  Of a
 * broadcast, all: what holds it up is not in this rung. */
static uint64_t enough(const struct chan *ch, uint64_t have, uint64_t bytes, uint64_t all)
{
	uint64_t piece = have + in_pages(all / 4 < PIECE ? all / 4 : PIECE);

	if (ch->kind->subscribed || bytes >= all || piece >= all)
		return all;
	return bytes > piece ? in_pages(bytes) : piece;
}

/* Take memory of the rung, so that at least its first `bytes` have it: 0, or an error. */
static int take(struct chan *ch, unsigned rung, uint64_t bytes)
{
	uint64_t have = ladder_memory(ch->ring.ladder, ladder(ch), rung);
	uint64_t all = capacity_of(ch, rung), to = enough(ch, have, bytes, all);
	_Atomic uint64_t *memory = &rung_of(ch, rung)->memory;
	int err;

	if (have >= bytes || have >= all)
		return 0;
	store(memory, have | RUNG_UNKNOWN);
	err = segment_take_rung(&ch->segment, rung, have, to);
	if (err < 0 && in_pages(bytes) < to && !ch->kind->subscribed) {
		to = in_pages(bytes); /* the last of what there is */
		err = segment_take_rung(&ch->segment, rung, have, to);
	}
	store(memory, err < 0 ? have : to);
	if (taken(ch) > load(&ladder(ch)->peak))
		store(&ladder(ch)->peak, taken(ch));
	return err;
}

/* Give back the memory of a rung that is free. */
static void give(struct chan *ch, unsigned rung)
{
	struct layout_rung *g = rung_of(ch, rung);

	if (rung == 0 || load(&g->memory) == 0 || !descriptor_ours(&ch->segment.own))
		return;
	/* First nothing leads there any more. */
	atomic_store_explicit(&g->limit, 0, memory_order_release);
	store(&g->memory, RUNG_UNKNOWN);
	segment_give_rung(&ch->segment, rung);
	store(&g->memory, 0);
}

static void give_free(struct chan *ch)
{
	uint64_t head = ch->kind->subscribed ? broadcast_untouched(&ch->ring, slot_abandoned, ch)
					     : ring_head(&ch->ring);

	for (unsigned i = 1; i < ch->ring.ladder->n; i++)
		if (ladder_is_free(rung_of(ch, i), head))
			give(ch, i);
}

/* ---- growing ---- */

/* Find the rung to grow into, for a record that needs `need`, none of those in `tried`: the
 * smallest that is larger than this one, else the largest.  Returns -1 if there is none. */
static int choose(const struct chan *ch, uint64_t need, uint64_t tried)
{
	uint64_t now = ch->ring.tx.capacity, head = ring_head(&ch->ring);
	int best = -1;

	for (unsigned i = 0; i < ch->ring.ladder->n; i++) {
		uint64_t size = capacity_of(ch, i),
			 chosen = best < 0 ? 0 : capacity_of(ch, (unsigned)best);

		if (tried >> i & 1 || size < need || i == ch->ring.tx.rung ||
			!ladder_is_free(rung_of(ch, i), head))
			continue;
		if (best < 0 || (size > now ? chosen <= now || size < chosen
					    : chosen <= now && size > chosen))
			best = (int)i;
	}
	return best;
}

/* Take more memory of the ring where the senders are, if it is only that of which there is not
 * enough: 0; -EAGAIN if it is not; or an error. */
static int take_piece(struct chan *ch, uint64_t need)
{
	struct ring *r = &ch->ring;
	uint64_t pos = load(&r->control->senders.position);
	int err;

	if (need > r->tx.capacity || pos - r->tx.seen > r->tx.capacity - need ||
		ring_has_memory(r, pos, need))
		return -EAGAIN;
	err = take(ch, r->tx.rung, pos - r->tx.start + need);
	ring_learn_memory(r);
	return err;
}

int channel_grow(struct chan *ch, uint64_t length, bool waits)
{
	struct layout_ladder *l = ladder(ch);
	uint64_t need = ring_least_capacity(length), tried = 0;
	bool large = need > ch->ring.tx.capacity;
	int rung, err = take_piece(ch, need), why = err;

	if (err == 0) {
		store(&l->needed, clock_coarse());
		return 0;
	}
	while ((rung = choose(ch, need, tried)) >= 0) {
		err = take(ch, (unsigned)rung, need);
		if (err == 0)
			break;
		why = err;
		tried |= UINT64_C(1) << rung;
	}
	store(&l->needed, clock_coarse());
	if (rung < 0) {
		if (why != -EAGAIN)
			store(&l->refused, -why);
		return waits && !large ? -EAGAIN : why;
	}
	ring_step(&ch->ring, (unsigned)rung);
	store(&l->refused, 0);
	store(&l->grown, load(&l->grown) + 1);
	store(&l->grown_at, clock_real());
	store(&l->grown_by, getpid());
	store(&l->why, large ? CHAN_GROWN_LARGE : CHAN_GROWN_FULL);
	return 0;
}

/* ---- giving back ---- */

bool channel_has_grown(const struct chan *ch)
{
	const struct ring *r = &ch->ring;

	return r->ladder &&
	       (load(&rung_of(ch, 0)->limit) != LADDER_OPEN || taken(ch) > r->capacity);
}

/* Find the rung to go back to, which holds twice what is in this one, of those that end before
 * `head`: the first, whose memory stays (the last one may be as small), else the smallest that
 * is smaller.  Returns -1 if there is none. */
static int choose_smaller(const struct chan *ch, uint64_t used, uint64_t head)
{
	uint64_t least = ch->ring.tx.capacity;
	int best = -1;

	if (ch->ring.tx.rung == 0)
		return -1;
	for (unsigned i = 0; i < ch->ring.ladder->n && best != 0; i++)
		if ((i == 0 || capacity_of(ch, i) < least) && capacity_of(ch, i) >= 2 * used &&
			ladder_is_free(rung_of(ch, i), head)) {
			best = (int)i;
			least = capacity_of(ch, i);
		}
	return best;
}

/* Returns true if more than a smaller ring holds was not needed for a while. */
static bool quiet(const struct chan *ch)
{
	int64_t now = clock_coarse(), needed = load(&ladder(ch)->needed);

	if (needed > now) /* of another time namespace */
		store(&ladder(ch)->needed, now);
	return needed <= now && now - needed >= GROW_QUIET;
}

/*
 * Go back to a smaller ring and give memory back, the senders' lock held; and the receivers'
 * lock if there are subscribers.  Returns true if the senders' position moved.
 *
 * What subscribers hold is needed, and what is kept beside that for those who come later is
 * not: after a quiet while what lies in older rungs goes.  It stays for another such while after
 * a step back, for those that lose and are a little late.
 */
static bool shrink(struct chan *ch, bool at_once)
{
	struct ring *r = &ch->ring;
	bool subscribed = ch->kind->subscribed, moves;
	uint64_t pos = load(&r->control->senders.position), head, used;
	int rung;

	if (pos - r->tx.lap >= r->tx.capacity)
		ring_come_to(r, pos);
	head = subscribed ? broadcast_held(r, slot_abandoned, ch) : ring_head(r);
	used = pos - head;
	/* A busy ring, or receivers that are still behind it, need it. */
	rung = used <= r->tx.capacity
		       ? choose_smaller(ch, used, subscribed ? broadcast_rung(r, head) : head)
		       : -1;
	if (!at_once && !quiet(ch)) {
		if (rung < 0 && r->tx.rung != 0)
			store(&ladder(ch)->needed, clock_coarse());
		return false;
	}
	if (subscribed)
		broadcast_let_go(r, head);
	moves = rung >= 0 && !(subscribed && channel_state(ch) & LAYOUT_ENDED) &&
		take(ch, (unsigned)rung, RING_ALIGN) == 0;
	if (moves && subscribed)
		store(&ladder(ch)->needed, clock_coarse());
	if (moves)
		ring_step(r, (unsigned)rung);
	give_free(ch);
	return moves;
}

/* Do the same among subscribers, the senders' lock held.  To ask about each of them is not
 * done at each pause. */
static bool shrink_among_subscribers(struct chan *ch, bool at_once)
{
	struct limit limit = {.timeout = 0, .ignores_end = true, .only_tries = true};
	int64_t rested = clock_coarse() - load(&ladder(ch)->needed);
	bool moved;

	if ((!at_once && rested >= 0 && rested < GROW_QUIET / 2) || receivers_enter(ch, &limit) < 0)
		return false;
	moved = shrink(ch, at_once);
	if (at_once && moved) /* and let go of what is before that */
		shrink(ch, at_once);
	receivers_leave(ch);
	return moved;
}

bool channel_settle(struct chan *ch)
{
	if (!channel_has_grown(ch))
		return false;
	return ch->kind->subscribed ? shrink_among_subscribers(ch, false) : shrink(ch, false);
}

void channel_give_back(struct chan *ch, bool at_once)
{
	struct limit limit = {.timeout = 0, .ignores_end = true, .only_tries = true};
	struct layout_receivers *rx = &ch->control->receivers;
	uint64_t pos, head;

	if (!channel_has_grown(ch) || !(at_once || quiet(ch)) || !ch->segment.writable ||
		senders_visit(ch) < 0)
		return;
	if (ch->kind->subscribed) {
		shrink_among_subscribers(ch, at_once);
	} else if (receivers_enter(ch, &limit) == 0) {
		/* Out of a ring that is done with: else this one can't go back to it, and would
		 * be left with its memory. */
		ring_follow(&ch->ring);
		pos = load(&ch->control->senders.position);
		head = ring_head(&ch->ring);
		shrink(ch, at_once && ladder_used(ch->ring.ladder, ladder(ch), head, pos) == 0);
		if (load(&ch->control->senders.position) != pos && load(&rx->deliver) == pos)
			store(&rx->deliver, load(&ch->control->senders.position));
		ring_follow(&ch->ring);
		if (ring_head(&ch->ring) != head)
			shrink(ch, at_once);
		receivers_leave(ch);
	}
	senders_leave(ch);
}

/* ---- looking ---- */

/* Returns true if there is no room for a record of `need` bytes, and no ring to grow into. */
static bool full_up(const struct chan *ch, uint64_t head, uint64_t tail, uint64_t need)
{
	const struct ring *r = &ch->ring;
	struct ring_end end = {0};

	ring_at(r, &end, tail);
	if (tail - (head > end.start ? head : end.start) + need <= end.capacity)
		return false;
	for (unsigned i = 0; i < r->ladder->n; i++)
		if (capacity_of(ch, i) >= need && ladder_is_free(rung_of(ch, i), head))
			return false;
	return true;
}

void channel_growth(const struct chan *ch, struct chan_stat *st)
{
	const struct ring *r = &ch->ring;
	const struct layout_ladder *l = ladder(ch);
	uint64_t head, end;

	if (!r->ladder)
		return;
	end = ring_limit(r);
	head = ch->kind->subscribed ? broadcast_least(r, end) : ring_head(r);
	st->capacity = taken(ch) - RING_ALIGN;
	st->start_capacity = r->capacity;
	st->max_capacity = r->ladder->total;
	st->peak_capacity = load(&l->peak) > r->capacity ? load(&l->peak) : r->capacity;
	st->grown = load(&l->grown);
	st->grown_at = load(&l->grown_at);
	st->grown_by = load(&l->grown_by);
	st->grown_why = load(&l->why);
	st->grow_error = (uint32_t)load(&l->refused);
	st->segment = segment_memory(&ch->segment);
	st->full = full_up(ch, head, end, ring_least_capacity(r->max_message));
}
