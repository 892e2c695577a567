/* SPDX-License-Identifier: MIT */
/*
 * The rendezvous: a queue whose sender waits, the senders' lock held, until a receiver
 * has its message.
 *
 * The sender publishes the record and looks at its state.  A receiver that consumes or
 * leases it changes the state, and so does the sender that takes it back: one
 * compare-and-swap decides between them.  A record that was taken back is done, and may
 * lie behind the frontier: whoever frees looks at all that is done.
 *
 * If the sender is killed while it waits, the repair of its side takes the record back:
 * nobody has the message, and nobody sent it.
 */
#include "kind/delivery.h"
#include "kind/queue.h"

#include "base/errors.h"

#include <inttypes.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)

/* ---- senders ---- */

static bool rendezvous_handed_over(struct ring *r, uint64_t pos)
{
	/* The sender holds its lock until we return true, so nothing is written
	 * over the record and its state can be looked at even when freed. */
	uint32_t state =
		atomic_load_explicit(&ring_at(r, &r->tx, pos)->state, memory_order_acquire);

	return state != record_state(RECORD_READY, 0, 0);
}

static bool rendezvous_purged(struct ring *r, uint64_t pos)
{
	return atomic_load_explicit(&ring_at(r, &r->tx, pos)->state, memory_order_acquire) ==
	       record_state(RECORD_DONE, RECORD_PURGED, 0);
}

static bool rendezvous_offered(const struct ring *r)
{
	struct ring_end end = {0};
	uint64_t pos = atomic_load_explicit(&r->control->receivers.position, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&r->control->senders.position, memory_order_acquire);

	while (pos % RING_ALIGN == 0 && tail - pos - 1 < r->capacity) {
		const struct layout_record *rec = ring_at(r, &end, pos);

		if (load(&rec->state) == record_state(RECORD_READY, 0, 0))
			return true;
		pos += ring_size(load(&rec->length));
	}
	return false;
}

static bool rendezvous_withdraw(struct ring *r, uint64_t pos)
{
	return ring_change(ring_at(r, &r->tx, pos), record_state(RECORD_READY, 0, 0),
		record_state(RECORD_DONE, 0, 0));
}

static int rendezvous_repair_senders(struct ring *r)
{
	struct ring_end end = r->tx;
	uint64_t head, tail, size;
	int err = ring_repair_senders(r);

	if (err < 0)
		return err;
	head = atomic_load_explicit(&r->control->receivers.position, memory_order_acquire);
	tail = load(&r->control->senders.position);
	if (head % RING_ALIGN || tail - head > r->capacity)
		return -EBADMSG;
	for (uint64_t pos = head; pos < tail; pos += size) {
		struct layout_record *rec = ring_at(r, &end, pos);

		size = ring_size(load(&rec->length));
		if (size > tail - pos)
			return -EBADMSG;
		ring_change(rec, record_state(RECORD_READY, 0, 0), record_state(RECORD_DONE, 0, 0));
	}
	return 0;
}

/* ---- receivers ---- */

static bool rendezvous_free(struct ring *r)
{
	return queue_free_up_to(r, UINT64_MAX);
}

static uint64_t rendezvous_consume(struct ring *r, uint64_t from, uint64_t end)
{
	uint64_t n = queue_mark_done(r, from, end);

	rendezvous_free(r);
	return n;
}

static bool rendezvous_note_end(struct ring *r)
{
	queue_set_deliver(r);
	return rendezvous_free(r);
}

static int64_t rendezvous_purge(struct ring *r)
{
	int64_t n = queue_purge_each(r);

	if (n >= 0)
		rendezvous_free(r);
	return n;
}

static int rendezvous_repair_receivers(struct ring *r)
{
	int err = queue_rebuild(r);

	if (err == 0)
		rendezvous_free(r);
	return err;
}

static int rendezvous_valid(struct ring *r)
{
	return queue_check(r, false);
}

/* ---- options ---- */

#define DEFAULT_MESSAGE (64u << 10)

/* The ring has room for two: one that is handed over, and the next. */
static int rendezvous_resolve_sizes(struct chan_options *o)
{
	if (o->capacity)
		return error_because(-EINVAL,
			"capacity: a rendezvous has none, and %" PRIu64 " is asked for",
			o->capacity);
	if (!o->max_message)
		o->max_message = DEFAULT_MESSAGE;
	o->capacity = 2 * ring_least_capacity(o->max_message);
	return 0;
}

static const char *rendezvous_refuse_overflow(uint32_t policy)
{
	return policy == CHAN_DROP_OLDEST ? "a rendezvous has nothing old to drop" : NULL;
}

static uint64_t rendezvous_shown_capacity(const struct ring *r)
{
	(void)r;
	return 0;
}

const struct kind kind_rendezvous = {
	.value = CHAN_KIND_RENDEZVOUS,
	.hands_over = true,
	.receive_most = 1, /* there is never more than one that a sender waits with */
	.shown_flags = CHAN_RENDEZVOUS,
	.resolve_sizes = rendezvous_resolve_sizes,
	.refuse_overflow = rendezvous_refuse_overflow,
	.shown_capacity = rendezvous_shown_capacity,
	.repair_senders = rendezvous_repair_senders,
	.handed_over = rendezvous_handed_over,
	.purged = rendezvous_purged,
	.withdraw = rendezvous_withdraw,
	.offered = rendezvous_offered,
	.consume = rendezvous_consume,
	.free = rendezvous_free,
	.note_end = rendezvous_note_end,
	.lease = queue_lease_offered,
	.ack = queue_ack,
	.release = queue_release,
	.untake = queue_untake,
	.reclaim = queue_reclaim,
	.purge = rendezvous_purge,
	.repair_receivers = rendezvous_repair_receivers,
	.valid = rendezvous_valid,
};
