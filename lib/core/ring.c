/* SPDX-License-Identifier: MIT */
/* The parts of the ring that are not on the path of every message; the model is
 * in ring.h. */
#include "core/ring.h"

#define get(p) atomic_load_explicit((p), memory_order_relaxed)
#define set(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static struct layout_receivers *rx(const struct ring *r)
{
	return &r->control->receivers;
}

/* From one state to another, unless a rendezvous sender withdrew the record in
 * between: nobody else writes a published state without the receivers' lock.
 * Release: what was read from the record was read before. */
static bool change(struct layout_record *rec, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(
		&rec->state, &from, to, memory_order_acq_rel, memory_order_relaxed);
}

void ring_init(struct ring *r)
{
	set(&ring_at(r, &r->tx, 0)->seq, 1);
}

/* ---- the end of a closed channel ----
 *
 * A close is one bit in `state`, set without a lock, so a send may publish
 * without having seen it.  What is inside the channel is then decided by `seal`,
 * set once, by anybody who has seen the bit: to the senders' position as it reads
 * then.
 *
 * A send looks for the bit after it has published, with a full fence in between
 * (or fence.h's).  Not there: it published before the bit was set, so every seal,
 * which is read after the bit, is behind its records.  There: it asks the seal,
 * and sets it first if nobody has.  A receiver that reads a position and then
 * finds no bit may take what is before that position: every seal is behind it.
 * One that finds the bit but no seal takes nothing more until there is one
 * (ring_reload()).  So both sides always agree. */

void ring_seal(const struct ring *r)
{
	uint64_t open = 0;
	uint64_t end = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);

	atomic_compare_exchange_strong_explicit(
		&r->control->seal, &open, end | 1, memory_order_acq_rel, memory_order_acquire);
}

bool ring_settle(struct ring *r, uint64_t pos)
{
	ring_seal(r);
	/* What lies behind the seal stays there, and nobody looks. */
	return (atomic_load_explicit(&r->control->seal, memory_order_acquire) & ~UINT64_C(1)) >=
	       pos;
}

/* ---- rendezvous ---- */

bool ring_handed_over(struct ring *r, uint64_t pos)
{
	/* The sender holds its lock until we return true, so nothing is written
	 * over the record and its state can be looked at even when freed. */
	uint32_t state =
		atomic_load_explicit(&ring_at(r, &r->tx, pos)->state, memory_order_acquire);

	return state != record_state(RECORD_READY, 0, 0);
}

static uint32_t purged_state(void)
{
	return record_state(RECORD_DONE, RECORD_PURGED, 0);
}

bool ring_purged(struct ring *r, uint64_t pos)
{
	return atomic_load_explicit(&ring_at(r, &r->tx, pos)->state, memory_order_acquire) ==
	       purged_state();
}

bool ring_offered(const struct ring *r)
{
	struct ring_end end = {0, 0};
	uint64_t pos = atomic_load_explicit(&rx(r)->position, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);

	while (pos % RING_ALIGN == 0 && tail - pos - 1 < r->capacity) {
		const struct layout_record *rec = ring_at(r, &end, pos);

		if (get(&rec->state) == record_state(RECORD_READY, 0, 0))
			return true;
		pos += ring_size(get(&rec->length));
	}
	return false;
}

bool ring_withdraw(struct ring *r, uint64_t pos)
{
	return change(ring_at(r, &r->tx, pos), record_state(RECORD_READY, 0, 0),
		record_state(RECORD_DONE, 0, 0));
}

/* ---- consuming ---- */

bool ring_free(struct ring *r)
{
	uint64_t head = get(&rx(r)->position), pos = head;
	struct ring_item it;

	while ((r->rendezvous || pos < get(&rx(r)->frontier)) && ring_look(r, pos, &it) == 0 &&
		record_kind(it.state) == RECORD_DONE)
		pos = it.end;
	if (pos == head)
		return false;
	atomic_store_explicit(
		&rx(r)->position, pos, memory_order_release); /* as in ring_consume() */
	return true;
}

static void raise_frontier(struct ring *r, uint64_t pos)
{
	if (get(&rx(r)->frontier) < pos)
		set(&rx(r)->frontier, pos);
}

uint64_t ring_consume_slow(struct ring *r, uint64_t from, uint64_t end)
{
	uint64_t n = 0;
	struct ring_item it;

	raise_frontier(r, end);
	for (uint64_t pos = from; pos < end && ring_next(r, pos, &it) == 0 && it.end <= end;
		pos = it.end)
		n += change(it.record, it.state,
			record_state(RECORD_DONE, 0, record_attempts(it.state)));
	set(&rx(r)->deliver, end);
	ring_free(r);
	return n;
}

bool ring_exhausted(struct ring *r)
{
	if (get(&rx(r)->deliver) != r->rx.seen)
		set(&rx(r)->deliver, r->rx.seen);
	return ring_free(r);
}

/* ---- leases ---- */

bool ring_lease(struct ring *r, struct ring_item *it, uint32_t holder)
{
	uint32_t attempts = record_attempts(it->state);
	uint32_t to = record_state(
		RECORD_LEASED, holder, attempts < RECORD_ATTEMPTS_MAX ? attempts + 1 : attempts);

	raise_frontier(r, it->end);
	set(&rx(r)->deliver, it->end);
	if (!change(it->record, it->state, to))
		return false;
	it->state = to;
	return true;
}

/* Find the record of a claim, and make sure that it is the claimant's. */
static int held(struct ring *r, const struct ring_claim *claim, struct ring_item *it)
{
	uint64_t head = get(&rx(r)->position);

	if (claim->pos - head >= r->capacity || ring_look(r, claim->pos, it) < 0)
		return -ESTALE;
	if (it->seq != claim->seq ||
		it->state != record_state(RECORD_LEASED, claim->holder, claim->attempt))
		return -ESTALE;
	return 0;
}

int ring_ack(struct ring *r, const struct ring_claim *claim)
{
	struct ring_item it;
	int err = held(r, claim, &it);

	if (err < 0)
		return err;
	change(it.record, it.state, record_state(RECORD_DONE, 0, claim->attempt));
	return 0;
}

static void give_back(struct ring *r, const struct ring_item *it, uint32_t attempts)
{
	if (it->pos < get(&rx(r)->deliver))
		set(&rx(r)->deliver, it->pos);
	set(&rx(r)->redelivered, get(&rx(r)->redelivered) + 1);
	change(it->record, it->state, record_state(RECORD_READY, 0, attempts));
}

int ring_release(struct ring *r, const struct ring_claim *claim)
{
	struct ring_item it;
	int err = held(r, claim, &it);

	if (err < 0)
		return err;
	give_back(r, &it, claim->attempt);
	return 0;
}

int ring_untake(struct ring *r, const struct ring_claim *claim)
{
	struct ring_item it;
	int err = held(r, claim, &it);
	/* At the most it is not known how many there were. */
	bool counted = claim->attempt > 0 && claim->attempt < RECORD_ATTEMPTS_MAX;

	if (err < 0)
		return err;
	give_back(r, &it, claim->attempt - counted);
	return 0;
}

bool ring_leased(const struct ring *r)
{
	return get(&rx(r)->frontier) > get(&rx(r)->position);
}

int ring_reclaim(struct ring *r, bool (*gone)(uint32_t holder, void *arg), void *arg)
{
	uint32_t last = UINT32_MAX;
	bool last_gone = false;
	struct ring_item it;
	int n = 0, err;

	for (uint64_t pos = get(&rx(r)->position); pos < get(&rx(r)->frontier); pos = it.end) {
		err = ring_look(r, pos, &it);
		if (err < 0)
			return err == -EAGAIN ? n : err;
		if (record_kind(it.state) != RECORD_LEASED)
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

/* ---- dropping, with an exact count ----
 *
 * A drop is two facts, the record's and the count's, and one store commits only
 * one.  So the count to come and the record it depends on are noted first; if
 * the owner dies, the repair looks whether the record is gone. */

static void drop_prepare(struct ring *r, uint64_t pos, uint64_t n)
{
	set(&rx(r)->drop_position, pos);
	set(&rx(r)->drop_count, get(&rx(r)->dropped) + n);
}

static void drop_finish(struct ring *r)
{
	set(&rx(r)->dropped, get(&rx(r)->drop_count));
}

static void drop_cancel(struct ring *r)
{
	set(&rx(r)->drop_count, get(&rx(r)->dropped));
}

static void drop_repair(struct ring *r)
{
	uint64_t pos = get(&rx(r)->drop_position);
	struct ring_item it;

	if (get(&rx(r)->drop_count) == get(&rx(r)->dropped))
		return;
	/* Done, and not purged: a rendezvous sender withdrew it first. */
	if (pos < get(&rx(r)->position) ||
		(ring_look(r, pos, &it) == 0 && it.state == purged_state()))
		drop_finish(r);
	else
		drop_cancel(r);
}

int ring_drop(struct ring *r)
{
	uint64_t head = get(&rx(r)->position);
	struct ring_item it;
	int err;

	if (ring_free(r))
		return 0;
	err = ring_look(r, head, &it);
	if (err == -EAGAIN) /* receivers emptied it meanwhile */
		return 0;
	if (err < 0)
		return err;
	if (record_kind(it.state) != RECORD_READY)
		return RING_LEASED;
	drop_prepare(r, head, 1);
	atomic_store_explicit(&rx(r)->position, it.end, memory_order_release);
	drop_finish(r);
	ring_free(r);
	return 0;
}

int64_t ring_purge(struct ring *r)
{
	uint64_t head = get(&rx(r)->position), pos = ring_first(r);
	bool simple = !ring_leased(r) && !r->rendezvous;
	struct ring_item it;
	int64_t n = 0;
	int err;

	for (; (err = ring_next(r, pos, &it)) == 0; pos = it.end, n++) {
		if (simple)
			continue;
		raise_frontier(r, it.end);
		drop_prepare(r, it.pos, 1);
		if (change(it.record, it.state, purged_state())) {
			drop_finish(r);
		} else {
			drop_cancel(r);
			n--;
		}
	}
	if (err != -EAGAIN)
		return err;
	if (simple && n > 0) {
		drop_prepare(r, head, (uint64_t)n);
		atomic_store_explicit(&rx(r)->position, pos, memory_order_release);
		drop_finish(r);
	}
	ring_exhausted(r);
	return n;
}

/* ---- after a death ---- */

int ring_repair_senders(struct ring *r)
{
	uint64_t tail = get(&r->control->senders.position);
	uint64_t head = atomic_load_explicit(&rx(r)->position, memory_order_acquire);
	uint64_t seal = atomic_load_explicit(&r->control->seal, memory_order_acquire);

	if (tail % RING_ALIGN || head % RING_ALIGN || tail - head > r->capacity - RING_ALIGN)
		return -EBADMSG;
	/* Published behind the end. */
	if (seal && tail > (seal & ~UINT64_C(1))) {
		if ((seal & ~UINT64_C(1)) < head)
			return -EBADMSG;
		atomic_store_explicit(
			&r->control->senders.position, seal & ~UINT64_C(1), memory_order_release);
	}
	/* Died waiting for a receiver: nobody has the message, nobody sent it. */
	if (r->rendezvous) {
		struct ring_end end = r->tx;
		uint64_t size;

		tail = get(&r->control->senders.position);
		for (uint64_t pos = head; pos < tail; pos += size) {
			struct layout_record *rec = ring_at(r, &end, pos);

			size = ring_size(get(&rec->length));
			if (size > tail - pos)
				return -EBADMSG;
			change(rec, record_state(RECORD_READY, 0, 0),
				record_state(RECORD_DONE, 0, 0));
		}
	}
	return 0;
}

int ring_repair_receivers(struct ring *r)
{
	uint64_t head = get(&rx(r)->position), pos = head, frontier = head;
	struct ring_item it;
	int err = 0;

	/* To the end as it is, closed or not, so that no lease is overlooked; who
	 * delivers looks anew. */
	r->rx.seen = ring_limit(r);
	if (r->rx.seen - head > r->capacity)
		return -EBADMSG;
	while (pos != r->rx.seen && (err = ring_look(r, pos, &it)) == 0) {
		pos = it.end;
		if (record_kind(it.state) != RECORD_READY)
			frontier = pos;
	}
	r->rx.seen = head;
	set(&rx(r)->deliver, head);
	set(&rx(r)->frontier, frontier);
	if (err < 0)
		return err;
	drop_repair(r);
	ring_free(r);
	return 0;
}

int ring_valid(struct ring *r)
{
	uint64_t head = get(&rx(r)->position), pos = head, deliver = get(&rx(r)->deliver);
	uint64_t frontier = get(&rx(r)->frontier), seq = 0;
	struct ring_item it;
	int err;

	if (get(&r->control->senders.position) - head > r->capacity - RING_ALIGN)
		return -EBADMSG;
	r->rx.seen = head;
	for (; (err = ring_look(r, pos, &it)) == 0; pos = it.end) {
		if (seq && it.seq != seq + 1)
			return -EBADMSG;
		seq = it.seq;
		if (record_kind(it.state) == RECORD_READY ? pos < deliver && !r->rendezvous
							  : pos >= frontier && !r->rendezvous)
			return -EBADMSG;
	}
	if (err == -EAGAIN && seq && get(&ring_at(r, &r->rx, pos)->seq) != seq + 1)
		return -EBADMSG;
	return err == -EAGAIN ? 0 : err;
}
