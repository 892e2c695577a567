/* SPDX-License-Identifier: MIT */
/* Looking at a channel from outside. */
#include "base/bytes.h"
#include "channel/close.h"
#include "channel/grow.h"
#include "channel/headed.h"
#include "channel/lanes.h"
#include "channel/receiver.h"
#include "channel/side.h"
#include "channel/value.h"
#include "segment/endpoint.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKS 100 /* at positions that move while they are read */

static uint64_t load_acquire(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_acquire);
}

/* Read the sequence number of the record at `pos`.  In a ring that may grow, its memory may
 * just be given back: to touch it would take it again, and to read the file does not. */
static uint64_t seq_at(const struct chan *ch, uint64_t pos)
{
	const struct ring *r = &ch->ring;
	struct ring_end end = {0};
	const struct layout_record *rec = ring_at(r, &end, pos - pos % RING_ALIGN);
	struct layout_record copy = {0};
	off_t at;

	if (!r->ladder)
		return load_acquire(&rec->seq);
	at = (off_t)(ch->segment.geometry.ring_offset + r->ladder->rung[end.rung].offset) +
	     ((const unsigned char *)rec - end.data);
	if (descriptor_ours(&ch->segment.own) &&
		pread(ch->segment.own.fd, &copy, sizeof(copy), at) != sizeof(copy))
		return 0;
	return load_acquire(&copy.seq);
}

/* Read the positions and the sequence numbers there, all of one instant if the channel is
 * not too busy for that. */
static void read_positions(const struct chan *ch, struct chan_stat *st)
{
	const struct layout_control *c = ch->control;
	const struct ring *r = &ch->ring;
	uint64_t head, tail, first = 0, next = 0, unread;

	for (int i = 0; i < LOOKS; i++) {
		head = load_acquire(&c->receivers.position);
		tail = ring_limit(&ch->ring);
		first = seq_at(ch, head);
		next = seq_at(ch, tail);
		if (head == load_acquire(&c->receivers.position) && tail == ring_limit(&ch->ring))
			break;
	}
	st->used = r->ladder			? ladder_used(r->ladder, &c->ladder, head, tail)
		   : tail - head <= r->capacity ? tail - head
						: 0;
	st->bytes = r->ladder ? ladder_sent(r->ladder, &c->ladder, tail) : tail;
	st->depth = next - first <= ring_most(r) / RING_ALIGN ? next - first : 0;
	st->sent = next - 1;
	st->dropped_oldest = load_acquire(&c->receivers.dropped);
	unread = st->dropped_oldest + st->expired + st->malformed;
	st->received = first - 1 >= unread ? first - 1 - unread : 0;
	st->full = ch->ring.capacity - st->used < ring_size(ch->ring.max_message) + RING_ALIGN;
}

/* Return for how long a CHAN_REF channel has been unused, ns; -1 if that is not known, and
 * 0 if it does not apply. */
static int64_t idle_time(const struct chan *ch, uint32_t state)
{
	const struct layout_control *c = ch->control;
	int64_t since = atomic_load_explicit(&c->idle_since, memory_order_relaxed);
	int64_t now = clock_monotonic();

	if (ch->segment.header.lifetime != CHAN_REF ||
		!(state & (LAYOUT_HAD_SENDER | LAYOUT_HAD_RECEIVER)))
		return 0;
	if (since <= 0 || since > now ||
		atomic_load_explicit(&c->idle_clock, memory_order_relaxed) != clock_namespace())
		return -1;
	return now - since;
}

/* Fill in what is counted in the ring and its two sides. */
static void count_lane(const struct chan *ch, struct chan_stat *st)
{
	const struct layout_control *c = ch->control;

	st->expired = load_acquire(&c->receivers.expired.n);
	st->malformed = load_acquire(&c->receivers.malformed.n);
	st->delayed = atomic_load_explicit(&c->receivers.delayed, memory_order_relaxed);
	st->buried = atomic_load_explicit(&c->receivers.buried, memory_order_relaxed);
	if (ch->kind->count)
		ch->kind->count(&ch->ring, st);
	else
		read_positions(ch, st);
	st->capacity = ch->kind->shown_capacity(&ch->ring);
	st->dropped_newest = load_acquire(&c->senders.dropped);
	st->dropped_leased = load_acquire(&c->senders.dropped_leased);
	st->duplicates = load_acquire(&c->senders.duplicates);
	st->redelivered = load_acquire(&c->receivers.redelivered);
	st->recoveries =
		(uint64_t)atomic_load_explicit(&c->senders.lock.recoveries, memory_order_relaxed) +
		atomic_load_explicit(&c->receivers.lock.recoveries, memory_order_relaxed);
	st->unwanted = load_acquire(&c->calls.unwanted);
}

/* Add another lane's. */
static void add_lane(struct chan_stat *st, const struct chan_stat *more)
{
	st->capacity += more->capacity;
	st->used += more->used;
	st->depth += more->depth;
	st->sent += more->sent;
	st->received += more->received;
	st->dropped_newest += more->dropped_newest;
	st->dropped_oldest += more->dropped_oldest;
	st->dropped_leased += more->dropped_leased;
	st->duplicates += more->duplicates;
	st->redelivered += more->redelivered;
	st->recoveries += more->recoveries;
	st->bytes += more->bytes;
	st->expired += more->expired;
	st->malformed += more->malformed;
	st->delayed += more->delayed;
	st->buried += more->buried;
	st->unwanted += more->unwanted;
	st->full |= more->full;
}

int chan_stat(const chan_t *ch, struct chan_stat *ret)
{
	const struct layout_header *h = &ch->segment.header;
	struct chan_stat st = {.size = ret->size};
	int senders, receivers;
	uint32_t state;
	struct stat file;

	if (ret->size < offsetof(struct chan_stat, capacity) || ret->size > sizeof(st))
		return error_because(-EINVAL,
			"size: is %" PRIu32 ", not sizeof(struct chan_stat), which is %zu here",
			ret->size, sizeof(st));
	if (is_orphan(ch))
		return -ENOTCONN;
	senders = endpoint_count(&ch->segment.own, CHAN_SEND);
	receivers = endpoint_count(&ch->segment.own, CHAN_RECV);
	if (senders < 0 || receivers < 0)
		return senders < 0 ? senders : receivers;
	if (fstat(ch->segment.own.fd, &file) < 0)
		return error_from(TRIED_EXAMINE, errno);
	state = channel_state(ch);
	count_lane(ch, &st);
	for (uint32_t i = 1; i < ch->segment.geometry.lanes; i++) {
		struct chan_stat more = {.size = sizeof(more)};

		count_lane(ch->lanes->lane[i], &more);
		add_lane(&st, &more);
	}
	st.flags = h->options | ch->kind->shown_flags;
	st.segment = ch->segment.geometry.size;
	st.created = h->created;
	st.linger = h->linger;
	st.type = h->type;
	st.max_message = h->max_message;
	st.overflow = h->overflow;
	st.mode = file.st_mode & 07777;
	st.uid = file.st_uid;
	st.gid = file.st_gid;
	st.lifetime = h->lifetime;
	st.on_lag = h->on_lag;
	st.patience = (uint64_t)h->patience;
	st.max_groups = h->groups;
	st.kind = h->kind;
	st.endpoints = h->endpoints;
	st.senders = (uint32_t)senders + (ch->slot >= 0 && ch->roles & CHAN_SEND);
	st.receivers = (uint32_t)receivers + (ch->slot >= 0 && ch->roles & CHAN_RECV);
	st.closed = !(state & LAYOUT_CLOSED) ? 0 : state & LAYOUT_DISCARD ? 2 : 1;
	st.damaged = !!(state & LAYOUT_DAMAGED);
	st.paused = channel_paused(state);
	if (file.st_nlink == 0 || state & LAYOUT_REMOVED)
		st.removed = state & LAYOUT_UNLINKED && !(state & LAYOUT_REMOVED) ? 2 : 1;
	st.format = h->format;
	st.condvar = h->condvar;
	channel_growth(ch, &st);
	st.lanes = h->lanes;
	st.lane_by = h->lane_by;
	memcpy(st.dead_letter, h->dead_letter, sizeof(st.dead_letter));
	st.dedup = h->dedup;
	st.max_deliver = h->max_deliver;
	st.dedup_age = (uint64_t)h->dedup_age;
	st.idle = st.senders || st.receivers ? 0 : idle_time(ch, state);
	memcpy(ret, &st, ret->size);
	return 0;
}

int chan_endpoints(const chan_t *ch, struct chan_endpoint *ret, unsigned n)
{
	if (is_orphan(ch))
		return -ENOTCONN;
	return endpoint_list(&ch->segment.own, ch->segment.layout, ch->segment.geometry.endpoints,
		ch->slot, ret, n);
}

/* What a look is to show, and what it shows. */
struct look {
	void *buf;
	size_t size;
	struct chan_meta *meta; /* NULL: not asked for */
	struct headed found;	/* `data` and `length` also of a message without a header */
};

/*
 * Find the first record at or after `pos` that the cursor's flags ask for.  Returns 0, or
 *
 *   -EAGAIN   there is none
 *   -EBADMSG  the ring is damaged, or `pos` is not where a record begins
 */
static int next_record(struct ring *r, uint64_t pos, uint32_t flags, struct ring_item *it)
{
	int err;

	if (!(flags & CHAN_LEASED_TOO))
		return ring_next(r, pos, it);
	while ((err = ring_read(r, pos, it)) == 0 && record_kind(it->state) == RECORD_DONE)
		pos = it->end;
	if (err == 0)
		it->state = ring_state(r, it);
	return err;
}

/* Returns true if a look shows the message. */
static bool is_shown(const struct chan *ch, struct headed *h, uint32_t flags)
{
	enum headed_fate fate = headed_look(ch, h);

	if (record_kind(h->it.state) == RECORD_LEASED)
		return fate != HEADED_MALFORMED;
	return fate == HEADED_DELIVER || (fate == HEADED_EARLY && flags & CHAN_LEASED_TOO);
}

/* Find the first message, in the same way: those that nobody gets are not shown. */
static int next_shown(struct chan *ch, uint64_t pos, uint32_t flags, struct headed *h)
{
	int err;

	while ((err = next_record(&ch->ring, pos, flags, &h->it)) == 0 && ch->headed &&
		!is_shown(ch, h, flags))
		pos = h->it.end;
	if (err == 0 && !ch->headed) {
		h->data = ring_payload(h->it.record);
		h->length = h->it.length;
	}
	return err;
}

/* Show the first message at or after `pos`, the receivers' lock held: 0, or as
 * next_shown(), or -EMSGSIZE. */
static int show(struct chan *ch, uint64_t pos, uint32_t flags, struct look *look)
{
	struct headed *h = &look->found;
	int err = next_shown(ch, pos, flags, h);

	if (err == -EAGAIN && channel_sealed_anew(ch))
		err = next_shown(ch, pos, flags, h);
	if (err == 0 && h->length > look->size)
		return error_of_size(-EMSGSIZE, h->length,
			"the message has %" PRIu64 " bytes, and the buffer room for %zu", h->length,
			look->size);
	if (err == 0)
		copy_bytes(look->buf, h->data, h->length);
	if (err == 0 && look->meta)
		err = headed_show(ch, h, record_attempts(h->it.state), look->meta);
	return err;
}

/* Return the flags of the message that was found. */
static uint32_t shown_as(const struct chan *ch, const struct headed *h)
{
	if (record_kind(h->it.state) != RECORD_LEASED)
		return ch->headed && h->wait > 0 ? CHAN_IS_DELAYED : 0;
	if (!ch->ring.sets_aside || record_holder(h->it.state) < LAYOUT_ENDPOINTS_HEADED)
		return CHAN_IS_LEASED;
	return record_holder(h->it.state) == LAYOUT_BURIED ? CHAN_IS_BURIED : CHAN_IS_DELAYED;
}

/* Do as chan_peek(), whatever the kind is. */
static ssize_t peek_otherwise(struct chan *ch, void *buf, size_t size, struct chan_cursor *at,
	struct chan_meta *meta) LONG_WAY;
static ssize_t peek_otherwise(
	struct chan *ch, void *buf, size_t size, struct chan_cursor *at, struct chan_meta *meta)
{
	struct look look = {.buf = buf, .size = size, .meta = meta};
	const struct ring_item *it = &look.found.it;
	uint64_t first = 0, head;
	int err;

	if (ch->receiving && ch->receiving->peek)
		return ch->receiving->peek(ch, buf, size, at, meta);
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	err = receivers_visit(ch, NULL);
	if (err < 0)
		return err;
	for (int i = 0; i <= LOOKS; i++) {
		head = ring_head(&ch->ring);
		first = !(at->flags & CHAN_LEASED_TOO) ? ring_first(&ch->ring)
			: i < LOOKS		       ? head
						       : ring_held(&ch->ring, head);
		/* Records before the cursor may have been freed, never moved. */
		err = show(ch, at->pos > first ? at->pos : first, at->flags, &look);
		/* What is held at the front may be freed meanwhile, by its holder, and then
		 * what was read may be anything.  (The fence pairs with the release store of
		 * whoever writes there.)  If it is freed faster than it is looked at, only
		 * what lies behind it is shown. */
		atomic_thread_fence(memory_order_acquire);
		if (first != head || ring_head(&ch->ring) == head)
			break;
	}
	if (err == 0) {
		at->pos = it->end;
		at->seq = it->seq;
		at->attempt = record_attempts(it->state);
		at->flags &= CHAN_LEASED_TOO;
		at->flags |= shown_as(ch, &look.found);
	}
	receivers_leave(ch);
	if (err == -EBADMSG && at->pos > first) /* the cursor may be wrong, not the ring */
		return error_because(-EINVAL, "at: the cursor leads to no message");
	return err < 0 ? channel_checked(ch, err) : (ssize_t)look.found.length;
}

/* What nearly every look at a value needs is here: apart from it, a short one takes neither a
 * call nor a stack. */
ssize_t chan_peek(chan_t *ch, void *buf, size_t size, struct chan_cursor *at)
{
	const struct layout_slot *s;
	uint32_t length;
	uint64_t pos;

	if (likely(value_find(ch, at->pos, &pos, &s))) {
		length = atomic_load_explicit(&s->length, memory_order_relaxed);
		if (likely(length > LATEST_SHORT)) /* one jump for either */
			return value_peek_long(ch, buf, size, at, pos, s);
		if (likely(length <= size && length <= ch->ring.max_message)) {
			latest_copy_short(buf, (const char *)(s + 1), length);
			if (latest_still(s, pos))
				return value_shown(at, pos, length);
		}
	}
	return peek_otherwise(ch, buf, size, at, NULL);
}

ssize_t chan_peek_meta(
	chan_t *ch, void *buf, size_t size, struct chan_cursor *at, struct chan_meta *ret)
{
	int err;

	error_forget();
	err = headed_check(ch);
	if (err == 0)
		err = envelope_check_wanted(ret);
	return err < 0 ? err : peek_otherwise(ch, buf, size, at, ret);
}
