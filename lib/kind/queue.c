/* SPDX-License-Identifier: MIT */
/* The model is in queue.h. */
#include "kind/queue.h"

#include "core/fence.h"
#include "kind/delivery.h"

#include <limits.h>

/* For how long begin_fencing() is good. */
#define FENCED_LAPS 4
#define FENCED_LEAST (UINT64_C(64) << 10)

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static struct layout_receivers *rx(const struct ring *r)
{
	return &r->control->receivers;
}

/* ---- consuming ---- */

bool queue_free_up_to(struct ring *r, uint64_t bound)
{
	uint64_t head = ring_head(r), pos = head;
	struct ring_item it;

	if (head >= bound)
		return false;
	/* Whoever holds the front may just be ending that, without the lock.  Either we see
	 * the position that the holder stored, or the holder sees the frontier that we did,
	 * after its own fence, and comes here (queue_may_free()).  It makes that fence, since
	 * it has seen `fenced`; or it ended the front before begin_fencing() was through. */
	atomic_thread_fence(memory_order_seq_cst);
	head = pos = ring_head(r);
	while (pos < bound && ring_read(r, pos, &it) == 0 && record_kind(it.state) == RECORD_DONE)
		pos = it.end;
	/* What was read at the front is a record if it is still the front; and if that is
	 * done, nobody holds it. */
	atomic_thread_fence(memory_order_acquire);
	if (pos == head || ring_head(r) != head)
		return false;
	atomic_store_explicit(
		&rx(r)->position, pos, memory_order_release); /* as in queue_consume_front() */
	return true;
}

/* Free what is done at the front; behind the frontier nothing is done. */
static bool queue_free(struct ring *r)
{
	return queue_free_up_to(r, load(&rx(r)->frontier));
}

/* Receivers begin to work behind the front, as far as `pos`: from now on its holder makes a
 * full fence when it ends that, and what it did before is visible.  This costs microseconds,
 * so it is good for some laps. */
static void begin_fencing(struct ring *r, uint64_t pos) OUT_OF_LINE;
static void begin_fencing(struct ring *r, uint64_t pos)
{
	uint64_t lap = r->capacity > FENCED_LEAST ? r->capacity : FENCED_LEAST;

	store(&rx(r)->fenced, pos + FENCED_LAPS * lap);
	if (load(&r->control->state) & (LAYOUT_LIGHT | LAYOUT_LIGHT_ACK))
		fence_heavy();
}

static void raise_frontier(struct ring *r, uint64_t pos)
{
	if (load(&rx(r)->frontier) >= pos)
		return;
	if (unlikely(load(&rx(r)->fenced) < pos))
		begin_fencing(r, pos);
	store(&rx(r)->frontier, pos);
}

uint64_t queue_mark_done(struct ring *r, uint64_t from, uint64_t end)
{
	uint64_t n = 0;
	struct ring_item it;

	raise_frontier(r, end);
	for (uint64_t pos = from; pos < end && ring_next(r, pos, &it) == 0 && it.end <= end;
		pos = it.end)
		n += ring_change(it.record, it.state,
			record_state(RECORD_DONE, 0, record_attempts(it.state)));
	store(&rx(r)->deliver, end);
	return n;
}

static uint64_t queue_consume(struct ring *r, uint64_t from, uint64_t end)
{
	uint64_t n = queue_mark_done(r, from, end);

	queue_free(r);
	return n;
}

void queue_set_deliver(struct ring *r)
{
	if (load(&rx(r)->deliver) != r->rx.seen)
		store(&rx(r)->deliver, r->rx.seen);
}

static bool queue_note_end(struct ring *r)
{
	queue_set_deliver(r);
	return queue_free(r);
}

/* ---- leases ---- */

/* Prepare to lease the item: the derived positions first.  Returns its state to come. */
static uint32_t about_to_lease(struct ring *r, const struct ring_item *it, uint32_t holder)
{
	raise_frontier(r, it->end);
	store(&rx(r)->deliver, it->end);
	return record_leased(it->state, holder);
}

bool queue_lease_offered(struct ring *r, struct ring_item *it, uint32_t holder)
{
	uint32_t to = about_to_lease(r, it, holder);

	if (!ring_change(it->record, it->state, to))
		return false;
	it->state = to;
	return true;
}

/* No sender of a queue withdraws a record, and receivers have the lock: a store is enough.
 * (A locked instruction would wait for the line that its sender has.) */
static bool queue_lease(struct ring *r, struct ring_item *it, uint32_t holder)
{
	if (queue_hold(r, it, holder))
		return true;
	it->state = about_to_lease(r, it, holder);
	atomic_store_explicit(&it->record->state, it->state, memory_order_release);
	return true;
}

/* Write what is held from record `from` on into the headers: 0 or -EBADMSG.  Until the
 * last store those say the same as `held` does, so a death may leave any number of them
 * written. */
static int spread(struct ring *r, uint64_t from)
{
	uint64_t end = load(&rx(r)->held);
	struct ring_item it;

	raise_frontier(r, end);
	for (uint64_t pos = from; pos < end; pos = it.end) {
		if (ring_read(r, pos, &it) < 0 || it.end > end)
			return -EBADMSG;
		if (record_kind(it.state) == RECORD_READY)
			atomic_store_explicit(&it.record->state,
				record_leased(it.state, ring_holder(r)), memory_order_release);
	}
	/* Release: after the headers. */
	atomic_store_explicit(&rx(r)->held, from, memory_order_release);
	return 0;
}

const struct layout_record *queue_claimed(const struct ring *r, uint64_t pos, _Atomic uint64_t *lap)
{
	struct ring_end end = {0};
	const struct layout_record *rec = ring_at(r, &end, pos);

	if (!r->ladder)
		atomic_store_explicit(lap, end.lap, memory_order_relaxed);
	return rec;
}

/* Find the record of a claim, and check that the claimant holds it. */
static int find_claimed(struct ring *r, const struct ring_claim *claim, struct ring_item *it)
{
	uint64_t head = ring_head(r);

	if (claim->pos - head >= ring_most(r) || ring_read(r, claim->pos, it) < 0)
		return -ESTALE;
	if (it->seq != claim->seq ||
		ring_state(r, it) != record_state(RECORD_LEASED, claim->holder, claim->attempt))
		return -ESTALE;
	return 0;
}

/* Change the state of a leased record.  Only its holder does that, or, if the holder is
 * gone, whoever has the receivers' lock.  Release: as in ring_change(). */
static void set_state(const struct ring_item *it, uint32_t kind, uint32_t attempts)
{
	atomic_store_explicit(
		&it->record->state, record_state(kind, 0, attempts), memory_order_release);
}

int queue_ack(struct ring *r, const struct ring_claim *claim)
{
	struct ring_item it;
	int err = find_claimed(r, claim, &it);

	if (err < 0 || queue_end_held(r, it.pos, it.end, false)) /* done and freed at once */
		return err;
	raise_frontier(r, it.end); /* it may be a held one */
	set_state(&it, RECORD_DONE, claim->attempt);
	return 0;
}

int queue_holds(struct ring *r, const struct ring_claim *claim)
{
	struct ring_item it;

	return find_claimed(r, claim, &it);
}

static int queue_remove(struct ring *r, uint64_t pos, uint64_t seq, uint32_t least)
{
	struct ring_item it;

	if (pos - ring_head(r) >= ring_most(r) || ring_read(r, pos, &it) < 0 || it.seq != seq)
		return -ESTALE;
	it.state = ring_state(r, &it);
	if (record_kind(it.state) != RECORD_READY || record_attempts(it.state) < least)
		return -ESTALE;
	raise_frontier(r, it.end);
	set_state(&it, RECORD_DONE, record_attempts(it.state));
	return 0;
}

static void give_back(struct ring *r, const struct ring_item *it, uint32_t attempts)
{
	if (it->pos < load(&rx(r)->deliver))
		store(&rx(r)->deliver, it->pos);
	store(&rx(r)->redelivered, load(&rx(r)->redelivered) + 1);
	set_state(it, RECORD_READY, attempts);
}

/* Give a claim's record back with so many attempts: 0, or an error. */
static int end_claim(struct ring *r, const struct ring_claim *claim, uint32_t attempts)
{
	struct ring_item it;
	int err = find_claimed(r, claim, &it);

	if (err == 0 && it.pos < load(&rx(r)->held))
		err = spread(r, it.pos);
	if (err == 0)
		give_back(r, &it, attempts);
	return err;
}

int queue_release(struct ring *r, const struct ring_claim *claim)
{
	return end_claim(r, claim, claim->attempt);
}

int queue_untake(struct ring *r, const struct ring_claim *claim)
{
	/* At the limit it is not known how many there were. */
	bool counted = claim->attempt > 0 && claim->attempt < RECORD_ATTEMPTS_MAX;

	return end_claim(r, claim, claim->attempt - counted);
}

/* Returns true if nobody has the record, and nobody gets it. */
static bool is_aside(const struct ring *r, uint32_t state)
{
	return r->sets_aside && record_kind(state) == RECORD_LEASED &&
	       record_holder(state) >= LAYOUT_ENDPOINTS_HEADED;
}

int queue_reclaim(struct ring *r, bool (*gone)(uint32_t holder, void *arg), void *arg)
{
	uint64_t head = ring_head(r), first = ring_held(r, head);
	uint32_t last = UINT32_MAX;
	bool last_gone = false;
	struct ring_item it;
	int n = 0, err;

	if (first != head && gone(ring_holder(r), arg)) {
		err = spread(r, head);
		if (err < 0)
			return err;
		first = head;
	}
	for (uint64_t pos = first; pos < load(&rx(r)->frontier); pos = it.end) {
		err = ring_read(r, pos, &it);
		if (err < 0)
			return err == -EAGAIN ? n : err;
		if (record_kind(it.state) != RECORD_LEASED || is_aside(r, it.state))
			continue;
		if (record_holder(it.state) != last) {
			last = record_holder(it.state);
			last_gone = gone(last, arg);
		}
		if (last_gone) {
			give_back(r, &it, record_attempts(it.state));
			n++;
		}
	}
	return n;
}

static uint32_t queue_other_holder(struct ring *r, uint32_t me)
{
	uint64_t head = ring_head(r), pos = ring_held(r, head);
	struct ring_item it;

	if (pos != head && ring_holder(r) != me)
		return ring_holder(r);
	for (; pos < load(&rx(r)->frontier) && ring_read(r, pos, &it) == 0; pos = it.end)
		if (record_kind(it.state) == RECORD_LEASED && record_holder(it.state) != me &&
			record_holder(it.state) < LAYOUT_ENDPOINTS_HEADED)
			return record_holder(it.state);
	return UINT32_MAX;
}

/* ---- set aside ----
 *
 * A record that is set aside is leased, by its header, to a number that no endpoint has.  The
 * store to its state commits that, and its end. */

/* Count one more or less of the holder's. */
static void count_aside(const struct ring *r, uint32_t holder, uint32_t change)
{
	_Atomic uint32_t *n = holder == LAYOUT_DELAYED ? &rx(r)->delayed : &rx(r)->buried;

	store(n, load(n) + change);
}

static void put_aside(
	struct ring *r, const struct ring_item *it, uint32_t attempts, uint32_t holder)
{
	raise_frontier(r, it->end);
	count_aside(r, holder, 1);
	atomic_store_explicit(&it->record->state, record_state(RECORD_LEASED, holder, attempts),
		memory_order_release);
}

static void queue_set_aside(struct ring *r, const struct ring_item *it, uint32_t holder)
{
	put_aside(r, it, record_attempts(it->state), holder);
}

static void queue_set_first_aside(struct ring *r, const struct ring_item *it, uint32_t holder)
{
	queue_set_aside(r, it, holder);
	store(&rx(r)->deliver, it->end);
}

static int queue_end_aside(struct ring *r, const struct ring_claim *claim, uint32_t holder)
{
	struct ring_item it;
	int err = find_claimed(r, claim, &it);

	if (err == 0 && it.pos < load(&rx(r)->held))
		err = spread(r, it.pos);
	if (err == 0)
		put_aside(r, &it, claim->attempt, holder);
	return err;
}

static void bring_back(struct ring *r, const struct ring_item *it, bool anew)
{
	count_aside(r, record_holder(it->state), UINT32_MAX);
	if (it->pos < load(&rx(r)->deliver))
		store(&rx(r)->deliver, it->pos);
	set_state(it, RECORD_READY, anew ? 0 : record_attempts(it->state));
}

static int queue_restore(struct ring *r, uint32_t holder, bool anew,
	bool (*wanted)(const struct ring_item *it, void *arg), void *arg)
{
	struct ring_item it;
	int n = 0, err;

	for (uint64_t pos = ring_held(r, ring_head(r)); pos < load(&rx(r)->frontier);
		pos = it.end) {
		err = ring_read(r, pos, &it);
		if (err < 0)
			return err == -EAGAIN ? n : err;
		if (!is_aside(r, it.state) || record_holder(it.state) != holder ||
			!wanted(&it, arg))
			continue;
		bring_back(r, &it, anew);
		n++;
	}
	return n;
}

/* ---- dropping, with an exact count ----
 *
 * A drop is two facts, the record's and the count's, and one store commits only
 * one.  So the count to come and the record it depends on are noted first; if
 * the owner dies, the repair looks whether the record is gone. */

static _Atomic uint64_t *removed(const struct ring *r, enum kind_removed why)
{
	return why == KIND_DROPPED   ? &rx(r)->dropped
	       : why == KIND_EXPIRED ? &rx(r)->expired.n
				     : &rx(r)->malformed.n;
}

static _Atomic uint64_t *removed_next(const struct ring *r, enum kind_removed why)
{
	return why == KIND_DROPPED   ? &rx(r)->drop_count
	       : why == KIND_EXPIRED ? &rx(r)->expired.next
				     : &rx(r)->malformed.next;
}

static void drop_prepare(struct ring *r, enum kind_removed why, uint64_t pos, uint64_t n)
{
	store(&rx(r)->drop_position, pos);
	store(removed_next(r, why), load(removed(r, why)) + n);
}

static void drop_finish(struct ring *r, enum kind_removed why)
{
	store(removed(r, why), load(removed_next(r, why)));
}

static void drop_cancel(struct ring *r, enum kind_removed why)
{
	store(removed_next(r, why), load(removed(r, why)));
}

static void drop_repair(struct ring *r, enum kind_removed why)
{
	uint64_t pos = load(&rx(r)->drop_position);
	struct ring_item it;

	if (load(removed_next(r, why)) == load(removed(r, why)))
		return;
	/* Done, and not purged: its sender withdrew it first. */
	if (pos < ring_head(r) || (ring_read(r, pos, &it) == 0 &&
					  it.state == record_state(RECORD_DONE, RECORD_PURGED, 0)))
		drop_finish(r, why);
	else
		drop_cancel(r, why);
}

static int queue_drop(struct ring *r)
{
	uint64_t head = ring_head(r);
	struct ring_item it;
	int err;

	if (queue_free(r))
		return 0;
	/* Out of a ring that is done with: that may be room enough. */
	ring_follow(r);
	if (ring_head(r) != head)
		return 0;
	if (ring_held(r, head) != head)
		return KIND_LEASED;
	err = ring_read(r, head, &it);
	if (err == -EAGAIN) /* receivers emptied it meanwhile */
		return 0;
	if (err < 0)
		return err;
	if (is_aside(r, it.state) && record_holder(it.state) == LAYOUT_DELAYED)
		bring_back(r, &it, false);
	else if (record_kind(it.state) != RECORD_READY)
		return KIND_LEASED;
	drop_prepare(r, KIND_DROPPED, head, 1);
	atomic_store_explicit(&rx(r)->position, it.end, memory_order_release);
	drop_finish(r, KIND_DROPPED);
	queue_free(r);
	return 0;
}

static bool queue_discard(struct ring *r, const struct ring_item *it, enum kind_removed why)
{
	uint64_t head = ring_head(r);

	raise_frontier(r, it->end);
	drop_prepare(r, why, it->pos, 1);
	atomic_store_explicit(&it->record->state, record_state(RECORD_DONE, RECORD_PURGED, 0),
		memory_order_release);
	drop_finish(r, why);
	store(&rx(r)->deliver, it->end);
	queue_free(r);
	return ring_head(r) != head;
}

/* The same of a leased one, which is not the first: `deliver` stays. */
static int queue_expire(struct ring *r, const struct ring_claim *claim)
{
	struct ring_item it;
	int err = find_claimed(r, claim, &it);

	if (err == 0 && it.pos < load(&rx(r)->held))
		err = spread(r, it.pos);
	if (err < 0)
		return err;
	drop_prepare(r, KIND_EXPIRED, it.pos, 1);
	atomic_store_explicit(&it.record->state, record_state(RECORD_DONE, RECORD_PURGED, 0),
		memory_order_release);
	drop_finish(r, KIND_EXPIRED);
	return 0;
}

int64_t queue_purge_each(struct ring *r)
{
	uint64_t pos = ring_first(r);
	struct ring_item it;
	int64_t n = 0;
	int err;

	for (; (err = ring_next(r, pos, &it)) == 0; pos = it.end) {
		raise_frontier(r, it.end);
		drop_prepare(r, KIND_DROPPED, it.pos, 1);
		if (ring_change(it.record, it.state, record_state(RECORD_DONE, RECORD_PURGED, 0))) {
			drop_finish(r, KIND_DROPPED);
			n++;
		} else {
			drop_cancel(r, KIND_DROPPED);
		}
	}
	if (err != -EAGAIN)
		return err;
	queue_set_deliver(r);
	return n;
}

/* Drop all ready records with one store, since nothing is leased: how many, or -EBADMSG. */
static int64_t purge_at_once(struct ring *r)
{
	uint64_t pos = ring_first(r), head = ring_head(r);
	struct ring_item it;
	int64_t n = 0;
	int err;

	for (; (err = ring_next(r, pos, &it)) == 0; pos = it.end)
		n++;
	if (err != -EAGAIN)
		return err;
	if (n > 0) {
		drop_prepare(r, KIND_DROPPED, head, (uint64_t)n);
		atomic_store_explicit(&rx(r)->position, pos, memory_order_release);
		drop_finish(r, KIND_DROPPED);
	}
	queue_set_deliver(r);
	return n;
}

static int64_t queue_purge(struct ring *r)
{
	int64_t n = ring_leased(r) ? queue_purge_each(r) : purge_at_once(r);

	if (n >= 0)
		queue_free(r);
	return n;
}

/* ---- after a death ---- */

/* Do as ring_read(), and decide the end of a channel that has ended, if nobody has: in
 * another rung ring_read() looks for it anew. */
static int read_inside(struct ring *r, uint64_t pos, struct ring_item *it)
{
	int err = ring_read(r, pos, it);

	if (err == -EAGAIN && r->ladder &&
		atomic_load_explicit(&r->control->state, memory_order_acquire) & LAYOUT_ENDED &&
		!atomic_load_explicit(&r->control->seal, memory_order_acquire)) {
		ring_seal(r);
		err = ring_read(r, pos, it);
	}
	return err;
}

int queue_rebuild(struct ring *r)
{
	uint64_t head = ring_head(r), first = ring_held(r, head), pos = first, end;
	uint64_t frontier = first; /* some of what is held may be done */
	struct ring_item it;
	int err = 0;

	/* Up to the end as it is, closed or not, so that no lease is overlooked.  Whoever
	 * delivers looks anew. */
	r->rx.seen = ring_limit(r);
	end = r->rx.seen;
	if (end - head > ring_most(r) || first - head > end - head)
		return -EBADMSG;
	store(&rx(r)->delayed, 0);
	store(&rx(r)->buried, 0);
	while (pos != end && (err = read_inside(r, pos, &it)) == 0) {
		pos = it.end;
		if (is_aside(r, it.state))
			count_aside(r, record_holder(it.state), 1);
		if (record_kind(it.state) != RECORD_READY)
			frontier = pos;
	}
	if (err == -EAGAIN && r->ladder) /* the end is a rung's start, where nothing is yet */
		err = 0;
	r->rx.seen = head;
	store(&rx(r)->deliver, first);
	begin_fencing(r, frontier); /* the dead one may not have come as far */
	store(&rx(r)->frontier, frontier);
	if (err < 0)
		return err;
	store(&rx(r)->due, load(&rx(r)->delayed) > 0); /* long ago: look */
	drop_repair(r, KIND_DROPPED);
	drop_repair(r, KIND_EXPIRED);
	drop_repair(r, KIND_MALFORMED);
	return 0;
}

static int queue_repair_receivers(struct ring *r)
{
	int err = queue_rebuild(r);

	if (err == 0)
		queue_free(r);
	return err;
}

/* ---- looking ---- */

int queue_check(struct ring *r, bool derived)
{
	uint64_t head = ring_head(r), pos = head, deliver = load(&rx(r)->deliver);
	uint64_t frontier = load(&rx(r)->frontier), held = ring_held(r, head), seq = 0;
	struct ring_item it;
	int err;

	if (load(&r->control->senders.position) - head > ring_most(r) - RING_ALIGN)
		return -EBADMSG;
	r->rx.seen = head;
	for (; (err = ring_read(r, pos, &it)) == 0; pos = it.end) {
		if (seq && it.seq != seq + 1)
			return -EBADMSG;
		seq = it.seq;
		if (pos < held && it.end > held)
			return -EBADMSG;
		if (derived &&
			(record_kind(it.state) != RECORD_READY ? pos >= frontier
							       : pos >= held && pos < deliver))
			return -EBADMSG;
	}
	if (derived && held != head && (deliver < held || pos < held))
		return -EBADMSG;
	if (derived && frontier > head && load(&rx(r)->fenced) < frontier)
		return -EBADMSG;
	if (err == -EAGAIN && seq && load(&ring_at(r, &r->rx, pos)->seq) != seq + 1)
		return -EBADMSG;
	return err == -EAGAIN ? 0 : err;
}

static int queue_valid(struct ring *r)
{
	return queue_check(r, true);
}

/* ---- options ---- */

#define DEFAULT_CAPACITY (UINT64_C(1) << 20)

static int queue_resolve_sizes(struct chan_options *o)
{
	uint64_t header = o->flags & CHAN_META ? LAYOUT_META_MOST : 0;
	uint64_t least = 2 * ring_least_capacity(o->max_message + header);

	if (!o->capacity && o->max_capacity) /* a larger message makes it grow */
		o->capacity = DEFAULT_CAPACITY;
	else if (!o->capacity)
		o->capacity = DEFAULT_CAPACITY > least ? DEFAULT_CAPACITY : least;
	return 0;
}

static const char *queue_refuse_overflow(uint32_t policy)
{
	(void)policy;
	return NULL;
}

static uint64_t queue_shown_capacity(const struct ring *r)
{
	return r->capacity - RING_ALIGN;
}

const struct kind kind_queue = {
	.value = CHAN_KIND_QUEUE,
	.receive_most = UINT_MAX,
	.resolve_sizes = queue_resolve_sizes,
	.refuse_overflow = queue_refuse_overflow,
	.shown_capacity = queue_shown_capacity,
	.repair_senders = ring_repair_senders,
	.consume = queue_consume,
	.free = queue_free,
	.note_end = queue_note_end,
	.lease = queue_lease,
	.ack = queue_ack,
	.release = queue_release,
	.untake = queue_untake,
	.holds = queue_holds,
	.remove = queue_remove,
	.other_holder = queue_other_holder,
	.reclaim = queue_reclaim,
	.set_first_aside = queue_set_first_aside,
	.set_aside = queue_set_aside,
	.end_aside = queue_end_aside,
	.restore = queue_restore,
	.drop = queue_drop,
	.discard = queue_discard,
	.expire = queue_expire,
	.purge = queue_purge,
	.repair_receivers = queue_repair_receivers,
	.valid = queue_valid,
};
