/* SPDX-License-Identifier: MIT */
/* The model is in lanes.h. */
#include "channel/steal.h"

#include "base/hash.h"
#include "channel/attach.h"
#include "channel/close.h"
#include "channel/dead.h"
#include "channel/delay.h"
#include "channel/name.h"
#include "channel/receive.h"
#include "channel/receiver.h"
#include "channel/rest.h"
#include "channel/sender.h"
#include "channel/serve.h"
#include "channel/wait.h"
#include "core/cpu.h"
#include "segment/endpoint.h"

#include <stdlib.h>

/* How long one round of tries waits for locks, and how soon a lane is tried again whose lock
 * was not free that long. */
#define MOMENT INT64_C(10000000)
/* Each so many calls begin elsewhere, so that no lane starves: by priority from below, by key with
 * one lane after the other. */
#define ELSEWHERE 16u
/* Each so many calls an endpoint finds out again where it looks first: receivers come and go. */
#define PLACE_AGAIN 1024u

/* A number that no two messages of the channel have, and that grows in each lane. */
static uint64_t seq_outside(const struct lanes *all, uint32_t i, uint64_t seq)
{
	return seq * all->n + i;
}

/* ---- sending ---- */

static uint32_t lane_of_key(const struct lanes *all, const void *key, uint32_t n)
{
	return (uint32_t)(hash_of(key, n) % all->n);
}

static struct chan *lane_for(const struct chan *ch, const struct chan_meta *meta)
{
	const struct lanes *all = ch->lanes;

	if (!all->by_key)
		return all->lane[meta && meta->flags & CHAN_META_HAS_PRIORITY ? meta->priority : 0];
	if (meta && meta->flags & CHAN_META_HAS_KEY)
		return all->lane[lane_of_key(all, meta->key, meta->key_length)];
	if (ch->ids.slot && meta && meta->flags & CHAN_META_HAS_ID)
		/* Where it would be, whoever sent it before. */
		return all->lane[lane_of_key(all, meta->id, sizeof(meta->id))];
	return all->lane[all->home];
}

static uint32_t number_of(const struct lanes *all, const struct chan *lane)
{
	uint32_t i = 0;

	while (all->lane[i] != lane)
		i++;
	return i;
}

/* Returns what a send fails with where the channel ended and its lane did not yet. */
static int end_of(const struct chan *ch, const struct chan *lane)
{
	uint32_t state = channel_state(ch);

	if (likely(!(state & LAYOUT_ENDED)) || channel_state(lane) & LAYOUT_ENDED)
		return 0;
	channel_end(&ch->segment, state & (LAYOUT_ENDED | LAYOUT_DISCARD));
	return channel_over(state);
}

static int lanes_send_meta(struct chan *ch, const void *msg, size_t len,
	const struct chan_meta *meta, struct limit *limit, struct headed_place *place)
{
	struct chan *lane = lane_for(ch, meta);
	int err = end_of(ch, lane);

	if (err == 0)
		err = lane->sending->send_meta(lane, msg, len, meta, limit, place);
	if (err == 0 && place) {
		uint32_t i = number_of(ch->lanes, lane);

		place->pos |= (uint64_t)i << LANE_SHIFT;
		place->seq = seq_outside(ch->lanes, i, place->seq);
	}
	return err;
}

static int lanes_send(struct chan *ch, const void *msg, size_t len, struct limit *limit)
{
	return lanes_send_meta(ch, msg, len, NULL, limit, NULL);
}

static int lanes_send_batch(
	struct chan *ch, const struct iovec *msg, unsigned n, struct limit *limit)
{
	struct chan *lane = lane_for(ch, NULL);
	int err = end_of(ch, lane);

	return err < 0 ? err : lane->sending->send_batch(lane, msg, n, limit);
}

const struct sending_calls sending_lanes = {
	.send = lanes_send,
	.send_batch = lanes_send_batch,
	.send_meta = lanes_send_meta,
};

/* ---- looking for a message ---- */

/* What a call wants of the first lane that has it. */
struct wish {
	ssize_t (*in)(struct chan *lane, struct wish *w, struct limit *limit);
	void *buf; /* also iovecs, or leases */
	size_t size;
	struct chan_meta *meta;
	uint32_t found; /* the lane */
	bool busy;	/* a lock was not free in the last round */
};

/* Where a look begins, and the way from one lane to the next.  In lane `sure` it looks with the
 * lock: something was found there the last time, and to look whether there is more costs a line
 * that its senders write. */
struct order {
	uint32_t at, sure;
	bool down;
};

/* Returns true if somebody takes messages out of lane i: its front has moved since this was asked
 * the last time.  Its lock, which that one needs, is left alone then. */
static bool is_served(struct lanes *all, uint32_t i)
{
	uint64_t front = ring_head(&all->lane[i]->ring);
	bool moved = atomic_load_explicit(&all->front[i], memory_order_relaxed) != front;

	atomic_store_explicit(&all->front[i], front, memory_order_relaxed);
	return moved;
}

/* Find out again where the endpoint looks first. */
static void find_first(const struct chan *ch)
{
	struct lanes *all = ch->lanes;

	if (all->by_key && ch->slot >= 0)
		atomic_store_explicit(&all->first,
			endpoint_place(ch->segment.layout, (uint32_t)ch->slot, CHAN_RECV) % all->n,
			memory_order_relaxed);
}

/* Return where most calls begin. */
static uint32_t begin_first(const struct lanes *all, uint32_t sure)
{
	uint32_t first = atomic_load_explicit(&all->first, memory_order_relaxed);

	if (!all->by_key)
		return all->n - 1;
	return sure < all->n && sure != first && !ring_any(&all->lane[first]->ring) ? sure : first;
}

/* Return where one in ELSEWHERE calls begins, or all->n: as the others. */
static uint32_t begin_elsewhere(struct lanes *all, uint32_t turn)
{
	uint32_t other = turn / ELSEWHERE % all->n;

	if (!all->by_key)
		return 0;
	return is_served(all, other) ? all->n : other;
}

static struct order begin(const struct chan *ch)
{
	struct lanes *all = ch->lanes;
	/* Threads may count as one: then one more of them begins where most do. */
	uint32_t turn = atomic_load_explicit(&all->turn, memory_order_relaxed);
	struct order o = {.sure = atomic_load_explicit(&all->last, memory_order_relaxed)};

	atomic_store_explicit(&all->turn, turn + 1, memory_order_relaxed);
	if (unlikely(turn % PLACE_AGAIN == 0))
		find_first(ch);
	o.at = turn % ELSEWHERE == ELSEWHERE - 1 ? begin_elsewhere(all, turn) : all->n;
	if (o.at == all->n) {
		o.at = begin_first(all, o.sure);
		o.down = !all->by_key;
	}
	return o;
}

static void go_on(const struct lanes *all, struct order *o)
{
	if (o->down)
		o->at--;
	else if (++o->at == all->n)
		o->at = 0;
}

/* Look into each lane, or, to be quick, into those that seem to have something, without waiting.
 * Returns what the first success does, or -EAGAIN, or the
 * end of the channel: that of all lanes; or damage, if nothing is sound that has something. */
static ssize_t try_lanes(struct chan *ch, struct wish *w, struct limit *outer, bool quickly)
{
	const struct lanes *all = ch->lanes;
	struct limit round = {.within = outer, .moment = MOMENT};
	struct order o = begin(ch);
	uint32_t ended = 0;
	ssize_t result, bad = 0;

	w->busy = false;
	if (unlikely(channel_state(ch) & LAYOUT_ENDED))
		end_of(ch, all->lane[all->n - 1]);
	for (uint32_t i = 0; i < all->n; i++, go_on(all, &o)) {
		if (quickly && o.at != o.sure && !ring_any(&all->lane[o.at]->ring))
			continue;
		result = w->in(all->lane[o.at], w, &round);
		if (likely(result >= 0) || result == -EMSGSIZE) {
			w->found = o.at;
			if (o.at != o.sure)
				atomic_store_explicit(&ch->lanes->last, o.at, memory_order_relaxed);
			return result;
		}
		if (o.at == o.sure)
			atomic_store_explicit(&ch->lanes->last, all->n, memory_order_relaxed);
		w->busy |= result == -EBUSY;
		if (result == -EPIPE || result == -EIDRM)
			ended++;
		if (result != -EAGAIN && result != -EBUSY)
			bad = result;
	}
	if (bad == 0 || bad == -EPIPE || bad == -EIDRM)
		return ended == all->n ? bad : -EAGAIN;
	return bad;
}

/* ---- waiting ---- */

/* Returns true if another endpoint's lease may be what keeps this one from messages that are
 * there. */
static bool may_be_kept_out(const struct chan *lane)
{
	return lane->ordered && ring_any(&lane->ring) && ring_leased(&lane->ring);
}

/* Returns true if something came since a look at all lanes found nothing.  Leases are no news, nor
 * is the end as long as something is delayed. */
static bool any_came(struct chan *ch, uint64_t unused)
{
	bool over = true;

	(void)unused;
	for (uint32_t i = 0; i < ch->lanes->n; i++) {
		const struct chan *lane = ch->lanes->lane[i];
		uint32_t state = channel_state(lane);

		if (state & (LAYOUT_DISCARD | LAYOUT_DAMAGED) ||
			(ring_any(&lane->ring) && !may_be_kept_out(lane)))
			return true;
		over &= state & LAYOUT_ENDED && !delay_any(lane);
	}
	return over;
}

/* Returns true if a look without the locks can't tell. */
static bool must_look(const struct chan *ch)
{
	for (uint32_t i = 0; i < ch->lanes->n; i++)
		if (may_be_kept_out(ch->lanes->lane[i]))
			return true;
	return false;
}

/* A call that may not wait found nothing: as pollable_rest(). */
static bool rest(struct chan *ch)
{
	struct condition what = {.cond = &ch->control->not_empty,
		.changed = any_came,
		.pollable = &ch->to_receive,
		.comes_in = delay_left,
		.abandoned = receiver_abandoned};

	return channel_look_for_name(ch, clock_coarse()) || pollable_rest(ch, &what);
}

static ssize_t wait_for_any(struct chan *ch, struct wish *w, struct limit *limit)
{
	struct awaited all[LAYOUT_LANES_MAX];
	struct lanes *lanes = ch->lanes;
	ssize_t result;
	int64_t now;
	int err = 0;

	for (uint32_t i = 0; i < lanes->n; i++)
		all[i] = (struct awaited){
			.ch = lanes->lane[i], .cond = &lanes->lane[i]->control->not_empty};
	/* For a lease to end it does not spin: its holder goes on, mostly. */
	if (cpu_several() && !must_look(ch) && spin_until(&lanes->spin, any_came, ch, 0, false)) {
		result = try_lanes(ch, w, limit, false);
		if (result != -EAGAIN)
			return result;
	}
	do {
		wait_arm(all, lanes->n);
		result = try_lanes(ch, w, limit, false);
		if (result != -EAGAIN || err < 0)
			break;
		now = clock_monotonic();
		if (now >= limit_deadline(limit)) {
			err = -ETIMEDOUT;
			break;
		}
		if (channel_look_for_name(ch, now))
			continue;
		err = wait_sleep(
			all, lanes->n, limit, now, w->busy ? MOMENT : wait_bound(all, lanes->n));
		spin_slept(&lanes->spin, clock_monotonic() - now);
		if (atomic_load_explicit(&ch->interrupted, memory_order_relaxed))
			err = -EINTR;
	} while (err != -EINTR);
	if (limit->slept)
		wait_leave(all, lanes->n, result == -EAGAIN ? lanes->n : w->found);
	return result == -EAGAIN ? err : result;
}

static ssize_t find(struct chan *ch, struct wish *w, struct limit *limit)
{
	ssize_t result;

	do {
		result = try_lanes(ch, w, limit, true);
		if (result == -EAGAIN)
			result = try_lanes(ch, w, limit, false);
		if (result != -EAGAIN)
			return result;
		if (limit->timeout != 0)
			return wait_for_any(ch, w, limit);
	} while (rest(ch));
	if (pollable_there(&ch->to_receive) && must_look(ch)) {
		/* It waits now: whoever ends a lease after this look rings. */
		result = try_lanes(ch, w, limit, false);
		if (result != -EAGAIN) {
			pollable_ring(ch, &ch->to_receive); /* there may be more */
			return result;
		}
	}
	return w->busy ? -EBUSY : -EAGAIN;
}

/* ---- receiving ---- */

static ssize_t recv_in(struct chan *lane, struct wish *w, struct limit *limit)
{
	return w->meta ? lane->receiving->recv_meta(lane, w->buf, w->size, w->meta, limit)
		       : lane->receiving->recv(lane, w->buf, w->size, limit);
}

static ssize_t batch_in(struct chan *lane, struct wish *w, struct limit *limit)
{
	return lane->receiving->recv_batch(lane, w->buf, (unsigned)w->size, limit);
}

static ssize_t take_in(struct chan *lane, struct wish *w, struct limit *limit)
{
	return lane->receiving->take(lane, w->buf, (unsigned)w->size, limit);
}

static ssize_t ready_in(struct chan *lane, struct wish *w, struct limit *limit)
{
	(void)w;
	return lane->receiving->ready(lane, limit);
}

static ssize_t lanes_recv_meta(
	struct chan *ch, void *buf, size_t size, struct chan_meta *ret, struct limit *limit)
{
	struct wish w = {.in = recv_in, .buf = buf, .size = size, .meta = ret};
	ssize_t n = find(ch, &w, limit);

	if (n >= 0 && ret)
		ret->seq = seq_outside(ch->lanes, w.found, ret->seq);
	return n;
}

static ssize_t lanes_recv(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	return lanes_recv_meta(ch, buf, size, NULL, limit);
}

static int lanes_recv_batch(struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit)
{
	struct wish w = {.in = batch_in, .buf = buf, .size = n};

	return (int)find(ch, &w, limit);
}

static int lanes_take(struct chan *ch, struct chan_lease *ret, unsigned n, struct limit *limit)
{
	struct wish w = {.in = take_in, .buf = ret, .size = n};
	int got = (int)find(ch, &w, limit);

	for (int i = 0; i < got; i++) {
		ret[i].pos |= (uint64_t)w.found << LANE_SHIFT;
		ret[i].seq = seq_outside(ch->lanes, w.found, ret[i].seq);
	}
	return got;
}

static int lanes_ready(struct chan *ch, struct limit *limit)
{
	struct wish w = {.in = ready_in};

	return (int)find(ch, &w, limit);
}

/* ---- ending leases ---- */

typedef int end_fn(struct chan *ch, const struct chan_lease *lease, unsigned n);

/* Return the lease as its lane knows it. */
static struct chan_lease inside(const struct lanes *all, const struct chan_lease *outside)
{
	struct chan_lease lease = *outside;

	lease.pos &= ~LANE_MASK;
	lease.seq /= all->n;
	return lease;
}

/* End those of the first leases that are of one lane: how many, or an error. */
static int end_some(struct chan *ch, const struct chan_lease *lease, unsigned n,
	end_fn *end_in(const struct receiving *))
{
	struct chan_lease some[64];
	uint64_t number = lease->pos >> LANE_SHIFT;
	struct chan *lane;
	unsigned k = 0;
	int done;

	if (number >= ch->lanes->n)
		return -ESTALE;
	lane = ch->lanes->lane[number];
	for (; k < n && k < 64 && lease[k].pos >> LANE_SHIFT == number; k++)
		some[k] = inside(ch->lanes, &lease[k]);
	done = end_in(lane->receiving)(lane, some, k);
	/* Those that sleep may have been kept from what is left by these leases.  (Who sleeps is
	 * known at less cost than what is left.) */
	if (done > 0 && ch->lanes->by_key && cond_waited(&lane->control->not_empty) &&
		ring_any(&lane->ring))
		channel_wake(lane, &lane->control->not_empty, 1);
	return done;
}

static int end_all(struct chan *ch, const struct chan_lease *lease, unsigned n,
	end_fn *end_in(const struct receiving *))
{
	unsigned done = 0;
	int err = 0;

	while (done < n) {
		err = end_some(ch, lease + done, n - done, end_in);
		if (err <= 0)
			break;
		done += (unsigned)err;
	}
	return done ? (int)done : err;
}

static end_fn *acks(const struct receiving *r)
{
	return r->ack;
}

static end_fn *gives_back(const struct receiving *r)
{
	return r->give_back;
}

static end_fn *untakes(const struct receiving *r)
{
	return r->untake;
}

static int lanes_ack(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	return end_all(ch, lease, n, acks);
}

static int lanes_give_back(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	return end_all(ch, lease, n, gives_back);
}

static int lanes_untake(struct chan *ch, const struct chan_lease *lease, unsigned n)
{
	return end_all(ch, lease, n, untakes);
}

/* ---- looking ---- */

static ssize_t lanes_peek(
	struct chan *ch, void *buf, size_t size, struct chan_cursor *at, struct chan_meta *ret)
{
	struct chan_cursor inside = *at;
	uint64_t i = at->pos >> LANE_SHIFT;
	ssize_t n = -EAGAIN;

	if (is_orphan(ch)) /* the lanes have no mapping */
		return -ENOTCONN;
	inside.pos &= ~LANE_MASK;
	if (i >= ch->lanes->n)
		return error_because(-EINVAL, "at: the cursor leads to no message");
	for (; i < ch->lanes->n && n == -EAGAIN; i++) {
		n = ret ? chan_peek_meta(ch->lanes->lane[i], buf, size, &inside, ret)
			: chan_peek(ch->lanes->lane[i], buf, size, &inside);
		if (n >= 0) {
			*at = inside;
			at->pos |= i << LANE_SHIFT;
			at->seq = seq_outside(ch->lanes, (uint32_t)i, inside.seq);
		}
		if (n >= 0 && ret)
			ret->seq = at->seq;
		inside = (struct chan_cursor){.flags = at->flags & CHAN_LEASED_TOO};
	}
	return n;
}

const struct receiving receiving_lanes = {
	.recv = lanes_recv,
	.recv_batch = lanes_recv_batch,
	.recv_meta = lanes_recv_meta,
	.ready = lanes_ready,
	.peek = lanes_peek,
	.take = lanes_take,
	.ack = lanes_ack,
	.give_back = lanes_give_back,
	.untake = lanes_untake,
};

/* ---- the handles ---- */

/* Make the handle of lane `i`.  Its descriptor is the endpoint's. */
static int make_lane(const struct chan *ch, uint32_t i, struct chan **ret)
{
	struct chan *lane = handle_new(&ch->segment.path, ch->roles);

	if (!lane)
		return -ENOMEM;
	*ret = lane;
	lane->segment = segment_of_lane(&ch->segment, i);
	lane->slot = ch->slot;
	lane->waiters.shown = ch->waiters.shown;
	lane->ordered = ch->segment.header.lane_by == CHAN_BY_KEY;
	return handle_begin(lane);
}

int lanes_begin(struct chan *ch)
{
	uint32_t n = ch->segment.geometry.lanes;
	struct lanes *all = calloc(1, sizeof(*all));
	int err = 0;

	if (!all)
		return -ENOMEM;
	ch->lanes = all;
	all->by_key = ch->segment.header.lane_by == CHAN_BY_KEY;
	all->home = ch->slot < 0 || !all->by_key ? 0 : (uint32_t)ch->slot % n;
	spin_init(&all->spin);
	while (all->n < n && err == 0) {
		err = make_lane(ch, all->n, &all->lane[all->n]);
		if (all->lane[all->n])
			all->n++;
		if (err == 0 && ch->slot >= 0)
			err = handle_succeed(all->lane[all->n - 1]);
	}
	return err;
}

void lanes_free(struct chan *ch)
{
	for (uint32_t i = 0; ch->lanes && i < ch->lanes->n; i++) {
		struct chan *lane = ch->lanes->lane[i];

		replies_free(lane);
		dead_free(lane);
		pollable_close(&lane->to_receive, is_orphan(ch));
		pollable_close(&lane->to_send, is_orphan(ch));
		lane->segment.layout = NULL; /* the endpoint's */
		atomic_store_explicit(&lane->orphan, is_orphan(ch), memory_order_relaxed);
		handle_release(lane);
	}
	free(ch->lanes);
	ch->lanes = NULL;
}
