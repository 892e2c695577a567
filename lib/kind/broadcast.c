/* SPDX-License-Identifier: MIT */
/* The model is in broadcast.h. */
#include "kind/broadcast.h"

#include "base/clock.h"
#include "base/errors.h"
#include "core/window.h"
#include "kind/delivery.h"

#include <inttypes.h>
#include <string.h>

/* A sender moves the tail by this share of the ring. */
#define SHARE 8
/* How often in a row the tail may move while it is looked at, before that is damage: it
 * takes an eighth of the ring each time. */
#define LOOKS 10000

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static struct layout_receivers *rx(const struct ring *r)
{
	return &r->control->receivers;
}

/* Return how many entries may be in use. */
static uint32_t in_use(const struct ring *r)
{
	uint32_t n = load(&rx(r)->subscribers);

	return n < r->subscribers ? n : r->subscribers;
}

uint64_t broadcast_seq(const struct ring *r, uint64_t pos)
{
	struct ring_end end = {0};
	uint64_t at = pos - pos % RING_ALIGN;
	const struct layout_record *rec = ring_at(r, &end, at);
	struct layout_record copy;

	if (likely(!window_needed(r, &end)))
		return load(&rec->seq);
	window_copy(r, &end, at, &copy, sizeof(copy));
	return load(&copy.seq);
}

/* ---- times ---- */

/* Return for how long something has lasted that was noted in these two words, and note it if
 * it was not, or if that says nothing here. */
static int64_t lasted(_Atomic int64_t *since, _Atomic uint32_t *clock, int64_t now)
{
	int64_t began = load(since);

	if (began > 0 && began <= now && load(clock) == clock_namespace())
		return now - began;
	store(since, 0);
	store(clock, clock_namespace());
	store(since, now);
	return 0;
}

/* ---- the table ---- */

static bool is_group(const struct layout_subscriber *e)
{
	return load(&e->name[0]) != 0;
}

/* Return the slot of the entry's user, or -1 for a group that has none. */
static int64_t user_of(const struct ring *r, uint32_t i)
{
	const struct layout_subscriber *e = &r->subscriber[i];

	return is_group(e) ? (int64_t)load(&e->user) - 1 : i;
}

bool broadcast_too_old(struct layout_subscriber *e, bool used)
{
	int64_t age = load(&e->age);

	if (used || age <= 0)
		return false;
	return lasted(&e->unused_since, &e->unused_clock, clock_monotonic()) > age;
}

static void end_use(struct layout_subscriber *e)
{
	store(&e->user, 0);
	lasted(&e->unused_since, &e->unused_clock, clock_monotonic());
}

/* Free the entry, or if it is a group's, end its use. */
static void let_free(struct layout_subscriber *e)
{
	if (is_group(e))
		end_use(e);
	else
		atomic_store_explicit(&e->state, 0, memory_order_release);
}

bool broadcast_clear_slot(struct ring *r, uint32_t slot)
{
	bool held = false;

	for (uint32_t i = 0; i < in_use(r); i++) {
		struct layout_subscriber *e = &r->subscriber[i];

		if (!load(&e->state) || user_of(r, i) != (int64_t)slot)
			continue;
		held |= load(&e->state) == SUBSCRIBER_HOLDS && !is_group(e);
		let_free(e);
	}
	return held;
}

static int broadcast_reclaim(struct ring *r, bool (*gone)(uint32_t holder, void *arg), void *arg)
{
	for (uint32_t i = 0; i < in_use(r); i++) {
		struct layout_subscriber *e = &r->subscriber[i];

		if (load(&e->state) && user_of(r, i) >= 0 && gone((uint32_t)user_of(r, i), arg))
			let_free(e);
	}
	return 0;
}

/* ---- making room ---- */

/* Returns true if the holder, which a sender can't pass, holds nothing any more. */
static bool released(struct ring *r, uint32_t i, bool patient,
	bool (*gone)(uint32_t slot, void *arg), void *arg, int64_t *left)
{
	struct layout_subscriber *e = &r->subscriber[i];
	int64_t user = user_of(r, i), patience, waited;
	bool used = user >= 0 && !gone((uint32_t)user, arg);

	if (!used && user >= 0) {
		let_free(e);
		if (!is_group(e))
			return true;
	}
	if (is_group(e) && broadcast_too_old(e, used)) {
		atomic_store_explicit(&e->state, SUBSCRIBER_EXPIRED, memory_order_release);
		return true;
	}
	if (load(&e->on_lag) != CHAN_LAG_EVICT || patient)
		return false;
	patience = load(&e->patience);
	waited = lasted(&e->blocked_since, &e->blocked_clock, clock_monotonic());
	if (waited >= patience) {
		atomic_store_explicit(&e->state, SUBSCRIBER_EVICTED, memory_order_release);
		store(&rx(r)->evicted, load(&rx(r)->evicted) + 1);
		return true;
	}
	if (patience - waited < *left)
		*left = patience - waited;
	return false;
}

/* Find how far the tail may go: at least to `needed`, or the smallest holder is in *ret.
 * `patient`: none is evicted for that, nor does its patience begin to end. */
static uint64_t find_bound(struct ring *r, uint64_t head, uint64_t needed, bool patient,
	bool (*gone)(uint32_t slot, void *arg), void *arg, struct broadcast_holder *ret)
{
	uint64_t bound = head, least = 0, tail = load(&rx(r)->position);

	for (uint32_t i = 0; i < in_use(r); i++) {
		struct layout_subscriber *e = &r->subscriber[i];
		uint64_t position, at;

		if (load(&e->state) != SUBSCRIBER_HOLDS)
			continue;
		/* Acquire: pairs with the release of the position: what it read from the
		 * ring was read before we write there. */
		position = atomic_load_explicit(&e->position, memory_order_acquire);
		/* At the end of a rung that is used anew it is where the tail is: between the
		 * two there is nothing.  And the tail itself may be at an end. */
		at = ring_onward(r, position, head);
		if (at < tail)
			at = ring_onward(r, tail, head);
		if (at >= needed) {
			if (load(&e->blocked_since))
				store(&e->blocked_since, 0);
		} else if (released(r, i, patient, gone, arg, &ret->left)) {
			ret->released = true;
			continue;
		} else if (!ret->entry || at < least) {
			ret->entry = e;
			ret->position = position;
			least = at;
		}
		if (at < bound)
			bound = at;
	}
	return bound;
}

/* Note that a record begins here, unless one is noted for this part of the ring. */
static void note_mark(struct ring *r, uint64_t pos)
{
	uint64_t part = r->tx.capacity / LAYOUT_MARKS;
	_Atomic uint64_t *mark = &rx(r)->mark[pos / part % LAYOUT_MARKS];

	if (pos - load(mark) >= part)
		store(mark, pos);
}

/* Return the last mark in [from, to], or `from`. */
static uint64_t last_mark(const struct ring *r, uint64_t from, uint64_t to)
{
	uint64_t found = from;

	for (unsigned i = 0; i < LAYOUT_MARKS; i++) {
		uint64_t mark = load(&rx(r)->mark[i]);

		if (mark > found && mark <= to && mark % RING_ALIGN == 0)
			found = mark;
	}
	return found;
}

/* The commit.  Release: the positions of the holders were read before. */
static void store_tail(struct ring *r, uint64_t pos)
{
	atomic_store_explicit(&rx(r)->position, pos, memory_order_release);
	/* Pairs with broadcast_kept(): nothing is written over what was kept, nor is its memory
	 * given back, before the tail says so. */
	atomic_thread_fence(memory_order_release);
}

/* Move the tail on from `tail` to a record between `needed` and `bound`, and not much behind
 * `enough`. */
static int move_tail(
	struct ring *r, uint64_t tail, uint64_t needed, uint64_t enough, uint64_t bound)
{
	uint64_t most = enough + r->tx.capacity / LAYOUT_MARKS, pos = bound;
	struct ring_item it;

	if (bound > enough)
		pos = last_mark(r, tail, most < bound ? most : bound);
	if (pos < needed || pos == tail) /* read the way there */
		while (pos < enough) {
			if (ring_read(r, pos, &it) < 0 || it.end > bound)
				break;
			pos = it.end;
		}
	if (pos < needed || pos % RING_ALIGN)
		return -EBADMSG;
	store_tail(r, pos);
	return 0;
}

int broadcast_make_room(struct ring *r, uint64_t pos, uint64_t length, bool patient,
	bool (*gone)(uint32_t slot, void *arg), void *arg, struct broadcast_holder *ret)
{
	uint64_t tail = load(&rx(r)->position), head = load(&r->control->senders.position);
	uint64_t need = ring_least_capacity(length), share = r->tx.capacity / SHARE;
	bool fits = need <= r->tx.capacity; /* else all older rungs are in the way */
	uint64_t needed = fits ? pos + need - r->tx.capacity : r->tx.start, bound;

	*ret = (struct broadcast_holder){.left = INT64_MAX};
	if (tail % RING_ALIGN || head % RING_ALIGN || head - tail > ring_most(r) ||
		pos - tail > ring_most(r))
		return -EBADMSG;
	/* What lies in older rungs takes no room in this one. */
	if (tail < r->tx.start)
		tail = r->tx.start;
	if (fits && (int64_t)(needed - tail) <= 0)
		return 0;
	if (fits && needed > head) /* of a batch that is not yet published */
		return -EAGAIN;
	bound = find_bound(r, head, needed, patient, gone, arg, ret);
	if (ret->entry)
		store(&r->control->senders.wanted, ret->position + 1);
	if (ret->entry || !fits) {
		broadcast_let_go(r, bound);
		return -EAGAIN;
	}
	ret->close = bound - tail < share && bound < head;
	ring_at(r, &r->rx, tail);
	r->rx.seen = head;
	note_mark(r, head);
	if (needed < tail + share)
		return move_tail(r, tail, needed, tail + share, bound);
	return move_tail(r, tail, needed, needed, bound);
}

/* ---- giving memory back ---- */

uint64_t broadcast_held(struct ring *r, bool (*gone)(uint32_t slot, void *arg), void *arg)
{
	struct broadcast_holder unused = {.left = INT64_MAX};
	uint64_t end = ring_limit(r);

	return find_bound(r, end, end, true, gone, arg, &unused);
}

uint64_t broadcast_rung(const struct ring *r, uint64_t pos)
{
	const struct layout_ladder *t = &r->control->ladder;
	int rung = r->ladder ? ladder_find(r->ladder, t, pos) : -1;
	uint64_t start = rung < 0 ? 0 : load(&t->rung[rung].start);

	return start <= pos && start % RING_ALIGN == 0 ? start : 0;
}

void broadcast_let_go(struct ring *r, uint64_t pos)
{
	uint64_t start = broadcast_rung(r, pos);

	if (start > load(&rx(r)->position))
		store_tail(r, start);
}

uint64_t broadcast_untouched(struct ring *r, bool (*gone)(uint32_t slot, void *arg), void *arg)
{
	uint64_t least = load(&rx(r)->position);

	for (uint32_t i = 0; i < in_use(r); i++) {
		const struct layout_subscriber *e = &r->subscriber[i];
		uint64_t position = load(&e->position);

		if (load(&e->state) == SUBSCRIBER_EVICTED && position < least &&
			user_of(r, i) >= 0 && !gone((uint32_t)user_of(r, i), arg))
			least = position;
	}
	return least;
}

/* ---- where a subscriber begins ---- */

int broadcast_oldest(const struct ring *r, struct broadcast_place *ret)
{
	for (int i = 0; i < LOOKS; i++) {
		uint64_t tail = atomic_load_explicit(&rx(r)->position, memory_order_acquire);
		uint64_t seq = broadcast_seq(r, tail);

		if (broadcast_kept(r, tail)) {
			*ret = (struct broadcast_place){.pos = tail, .seq = seq};
			return tail % RING_ALIGN || seq == 0 ? -EBADMSG : 0;
		}
	}
	return -EBADMSG;
}

/* Return how long ago a record was sent, in units of stamps. */
static uint32_t age_of(const struct ring_item *it, int64_t now)
{
	return (broadcast_stamp(now) - it->state) & STAMP_MASK;
}

/* Return how long ago that time is, in the same units. */
static uint32_t age_asked(const struct chan_subscription *how, int64_t now)
{
	uint64_t age = ((uint64_t)now >> STAMP_SHIFT) - (how->start >> STAMP_SHIFT);

	if (how->start >= (uint64_t)now)
		return 0;
	return age < STAMP_MASK ? (uint32_t)age : STAMP_MASK;
}

/* Returns true if the record is not before what is asked for. */
static bool wanted(
	const struct chan_subscription *how, const struct ring_item *it, uint64_t next, int64_t now)
{
	switch (how->from) {
	case CHAN_FROM_LAST:
		return next - it->seq <= how->start;
	case CHAN_FROM_SEQ:
		return it->seq >= how->start;
	default:
		return age_of(it, now) <= age_asked(how, now);
	}
}

/* Say that the messages before `oldest` are not kept any more. */
static int gone_before(const struct chan_subscription *how, uint64_t oldest)
{
	if (how->from == CHAN_FROM_SEQ)
		return error_of_size(-ESTALE, oldest - how->start,
			"%" PRIu64
			" messages from that number on are not kept any more; the oldest "
			"one that is kept has the number %" PRIu64,
			oldest - how->start, oldest);
	return error_of_size(-ESTALE, oldest - 1,
		"the oldest message that is kept is younger, and has the number %" PRIu64, oldest);
}

/* Returns true if what is asked for begins before the oldest message, which is *it. */
static bool begins_earlier(
	const struct chan_subscription *how, const struct ring_item *it, int64_t now)
{
	if (it->seq <= 1)
		return false;
	return how->from == CHAN_FROM_SEQ    ? how->start < it->seq
	       : how->from == CHAN_FROM_TIME ? age_of(it, now) < age_asked(how, now)
					     : false;
}

int broadcast_find_start(
	struct ring *r, const struct chan_subscription *how, struct broadcast_place *ret)
{
	int64_t now = clock_real();
	uint64_t head, next, oldest;
	struct ring_item it;
	int err = broadcast_oldest(r, ret);

	/* The end after the tail, which may not stand still. */
	head = ring_limit(r);
	next = broadcast_seq(r, head);
	if (err < 0 || head - ret->pos > ring_most(r))
		return -EBADMSG;
	if (how->from == CHAN_FROM_OLDEST)
		return 0;
	if (how->from == CHAN_FROM_SEQ && how->start > next)
		return error_because(
			-EINVAL, "start: the next message will have the number %" PRIu64, next);
	oldest = ret->pos = ring_onward(r, ret->pos, head);
	if (oldest == head && next > 1 && !(how->flags & CHAN_OR_OLDEST) &&
		(how->from == CHAN_FROM_SEQ
				? how->start < next
				: how->from == CHAN_FROM_TIME && how->start <= (uint64_t)now))
		return error_of_size(-ESTALE, next - (how->from == CHAN_FROM_SEQ ? how->start : 1),
			"no message is kept any more; the next one will have the number %" PRIu64,
			next);
	ring_at(r, &r->rx, oldest);
	r->rx.seen = head;
	if (how->from == CHAN_FROM_NEXT ||
		(how->from == CHAN_FROM_TIME && how->start > (uint64_t)now))
		*ret = (struct broadcast_place){.pos = head, .seq = next};
	while (ret->pos != head) {
		err = window_read(r, ret->pos, &it);
		if (!broadcast_kept(r, ret->pos))
			return -EBUSY;
		if (err == -EAGAIN) /* it ended, and it is not decided where */
			break;
		if (err < 0)
			return -EBADMSG;
		if (it.pos == oldest && begins_earlier(how, &it, now) &&
			!(how->flags & CHAN_OR_OLDEST))
			return gone_before(how, it.seq);
		if (wanted(how, &it, next, now))
			break;
		*ret = (struct broadcast_place){
			.pos = ring_onward(r, it.end, head), .seq = it.seq + 1};
	}
	return 0;
}

/* Note that entries up to this one are in use. */
static void note_used(struct ring *r, uint32_t entry)
{
	if (load(&rx(r)->subscribers) <= entry)
		store(&rx(r)->subscribers, entry + 1);
}

/* Store what it does when it lags; the state says last whether it holds the ring. */
static void activate(struct layout_subscriber *e, const struct chan_subscription *how)
{
	store(&e->on_lag, how->on_lag);
	store(&e->patience, (int64_t)how->patience);
	store(&e->blocked_since, 0);
	/* The commit.  Release: what it says comes first. */
	atomic_store_explicit(&e->state,
		how->on_lag == CHAN_LAG_LOSE ? SUBSCRIBER_LOSES : SUBSCRIBER_HOLDS,
		memory_order_release);
}

void broadcast_join(struct ring *r, uint32_t entry, const struct chan_subscription *how,
	const struct broadcast_place *at)
{
	struct layout_subscriber *e = &r->subscriber[entry];

	note_used(r, entry);
	store(&e->lost, 0);
	store(&e->position, at->pos);
	activate(e, how);
}

/* ---- groups ---- */

struct name {
	uint64_t word[LAYOUT_GROUP_NAME / 8];
};

static struct name name_of(const char *text)
{
	char bytes[LAYOUT_GROUP_NAME] = "";
	struct name name;

	memcpy(bytes, text, strnlen(text, sizeof(bytes) - 1));
	memcpy(&name, bytes, sizeof(name));
	return name;
}

int broadcast_find_group(const struct ring *r, uint32_t endpoints, const char *text)
{
	struct name name = name_of(text);

	for (uint32_t i = endpoints; i < r->subscribers; i++) {
		const struct layout_subscriber *e = &r->subscriber[i];
		bool same = load(&e->state) != 0;

		for (unsigned w = 0; w < LAYOUT_GROUP_NAME / 8 && same; w++)
			same = load(&e->name[w]) == name.word[w];
		if (same)
			return (int)i;
	}
	return -ENOENT;
}

/* Return the number of the message at the position of a group. */
static uint64_t noted_seq(const struct layout_subscriber *e)
{
	return load(&e->mark[load(&e->mark[0].position) != load(&e->position)].seq);
}

/* Make a group that is not there: its entry, or -EUSERS. */
static int make_group(struct ring *r, uint32_t endpoints, const struct chan_subscription *how,
	const struct broadcast_place *at)
{
	struct name name = name_of(how->group);

	for (uint32_t i = endpoints; i < r->subscribers; i++) {
		struct layout_subscriber *e = &r->subscriber[i];

		if (load(&e->state))
			continue;
		note_used(r, i);
		for (unsigned w = 0; w < LAYOUT_GROUP_NAME / 8; w++)
			store(&e->name[w], name.word[w]);
		store(&e->lost, 0);
		store(&e->user, 0);
		store(&e->mark[0].position, at->pos);
		store(&e->mark[0].seq, at->seq);
		store(&e->position, at->pos);
		return (int)i;
	}
	return error_because(-EUSERS,
		"the channel has %" PRIu32
		" groups, as many as it may have: remove one that is not needed",
		r->subscribers - endpoints);
}

static bool group_used(const struct layout_subscriber *e, uint32_t slot,
	bool (*gone)(uint32_t slot, void *arg), void *arg)
{
	uint32_t user = load(&e->user);

	return user && user != slot + 1 && !gone(user - 1, arg);
}

int broadcast_use_group(struct ring *r, uint32_t endpoints, uint32_t slot,
	const struct chan_subscription *how, bool (*gone)(uint32_t slot, void *arg), void *arg,
	uint32_t *entry, struct broadcast_place *at)
{
	int i = broadcast_find_group(r, endpoints, how->group);
	struct layout_subscriber *e;
	bool there = i >= 0;
	int err;

	if (there) {
		e = &r->subscriber[i];
		if (group_used(e, slot, gone, arg))
			return error_because(-EBUSY, "another endpoint uses the group");
		if (load(&e->state) != SUBSCRIBER_EXPIRED && broadcast_too_old(e, false))
			atomic_store_explicit(&e->state, SUBSCRIBER_EXPIRED, memory_order_release);
		if (load(&e->state) == SUBSCRIBER_EXPIRED) {
			if (!(how->flags & CHAN_RENEW_GROUP))
				return error_because(-ESTALE,
					"the group was unused for longer than %.3f s and has "
					"expired: remove it, or make it anew",
					(double)load(&e->age) / 1e9);
			there = false;
			atomic_store_explicit(&e->state, 0, memory_order_release);
		}
	}
	if (!there) {
		err = broadcast_find_start(r, how, at);
		if (err < 0)
			return err;
		i = make_group(r, endpoints, how, at);
		if (i < 0)
			return i;
		e = &r->subscriber[i];
	} else {
		struct broadcast_place oldest;

		*at = (struct broadcast_place){.pos = load(&e->position), .seq = noted_seq(e)};
		err = broadcast_oldest(r, &oldest);
		if (err < 0 || at->pos % RING_ALIGN)
			return -EBADMSG;
		/* Where it was lapped, it goes on at the tail, which it may hold from now on.  Its
		 * number stays the one that it would have received next: the difference is what
		 * was lost, until a receive behind it says that its user was told. */
		if (at->pos < oldest.pos) {
			at->pos = oldest.pos;
			broadcast_advance(e, true, at);
		}
	}
	store(&e->age, (int64_t)how->group_age);
	store(&e->unused_since, 0);
	store(&e->user, slot + 1);
	activate(e, how);
	*entry = (uint32_t)i;
	return 0;
}

int broadcast_remove_group(
	struct ring *r, uint32_t entry, bool (*gone)(uint32_t slot, void *arg), void *arg)
{
	struct layout_subscriber *e = &r->subscriber[entry];

	if (group_used(e, UINT32_MAX, gone, arg))
		return error_because(-EBUSY, "an endpoint uses the group");
	atomic_store_explicit(&e->state, 0, memory_order_release);
	return 0;
}

/* ---- after a death, and looking ---- */

/* What is authoritative is one store each; there is nothing derived. */
static int broadcast_repair_receivers(struct ring *r)
{
	uint64_t tail = load(&rx(r)->position);

	return tail % RING_ALIGN || ring_limit(r) - tail > ring_most(r) ? -EBADMSG : 0;
}

/* Those that wait for room look by themselves. */
static bool broadcast_free(struct ring *r)
{
	(void)r;
	return true;
}

static int broadcast_valid(struct ring *r)
{
	uint64_t head = ring_limit(r);
	struct ring_item it;
	struct broadcast_place at;
	int err = broadcast_oldest(r, &at);

	if (err < 0 || head - at.pos > ring_most(r) - RING_ALIGN)
		return -EBADMSG;
	r->rx.seen = at.pos;
	for (; (err = ring_read(r, at.pos, &it)) == 0; at.pos = it.end)
		if (it.seq != at.seq++ || record_kind(it.state) != RECORD_READY)
			return -EBADMSG;
	if (err != -EAGAIN || broadcast_seq(r, at.pos) != at.seq)
		return -EBADMSG;
	for (uint32_t i = 0; i < r->subscribers; i++) {
		const struct layout_subscriber *e = &r->subscriber[i];

		if (load(&e->state) > SUBSCRIBER_EXPIRED ||
			(load(&e->state) &&
				(load(&e->position) > head || load(&e->position) % RING_ALIGN)))
			return -EBADMSG;
	}
	return 0;
}

uint64_t broadcast_least(const struct ring *r, uint64_t end)
{
	uint64_t least = end;

	for (uint32_t i = 0; i < in_use(r); i++) {
		const struct layout_subscriber *e = &r->subscriber[i];
		uint64_t position = load(&e->position);

		if (load(&e->state) == SUBSCRIBER_HOLDS && position < least)
			least = position;
	}
	least = ring_onward(r, least, end);
	return least > load(&rx(r)->position) ? least : load(&rx(r)->position);
}

uint64_t broadcast_bytes(const struct ring *r, uint64_t from, uint64_t to)
{
	if (r->ladder)
		return ladder_used(r->ladder, &r->control->ladder, from, to);
	return to - from <= r->capacity ? to - from : 0;
}

static void broadcast_count(const struct ring *r, struct chan_stat *st)
{
	uint64_t head = ring_limit(r), least, first;
	struct broadcast_place oldest;

	st->bytes = r->ladder ? ladder_sent(r->ladder, &r->control->ladder, head) : head;
	st->sent = broadcast_seq(r, head) - 1;
	st->lost = load(&rx(r)->lost);
	st->evicted = load(&rx(r)->evicted);
	if (broadcast_oldest(r, &oldest) < 0 || head - oldest.pos > ring_most(r))
		return;
	st->kept = st->sent + 1 - oldest.seq;
	least = broadcast_least(r, head);
	if (least < oldest.pos || least > head)
		least = oldest.pos;
	first = broadcast_seq(r, least);
	st->used = broadcast_bytes(r, least, head);
	st->depth = st->sent + 1 - first <= st->kept ? st->sent + 1 - first : 0;
	st->full = r->capacity - st->used < ring_size(r->max_message) + RING_ALIGN;
}

/* ---- options ---- */

static int broadcast_resolve_sizes(struct chan_options *o)
{
	return kind_queue.resolve_sizes(o);
}

static const char *broadcast_refuse_overflow(uint32_t policy)
{
	return policy == CHAN_DROP_OLDEST
		       ? "a broadcast overwrites what nobody holds, and drops nothing else"
		       : NULL;
}

static uint64_t broadcast_shown_capacity(const struct ring *r)
{
	return kind_queue.shown_capacity(r);
}

const struct kind kind_broadcast = {
	.value = CHAN_KIND_BROADCAST,
	.subscribed = true,
	.receive_most = UINT32_MAX,
	.resolve_sizes = broadcast_resolve_sizes,
	.refuse_overflow = broadcast_refuse_overflow,
	.shown_capacity = broadcast_shown_capacity,
	.count = broadcast_count,
	.repair_senders = ring_repair_senders,
	.free = broadcast_free,
	.reclaim = broadcast_reclaim,
	.repair_receivers = broadcast_repair_receivers,
	.valid = broadcast_valid,
};
