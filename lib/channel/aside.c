/* SPDX-License-Identifier: MIT */
/* Setting messages aside, until they are due or somebody says so; the model is in delay.h. */
#include "channel/delay.h"
#include "channel/lanes.h"
#include "channel/receive.h"
#include "channel/receiver.h"

#include <inttypes.h>
#include <limits.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* Check that the channel can set messages aside: 0 or -EINVAL. */
static int check_kind(const struct chan *ch)
{
	if (!ch->kind->set_aside)
		return error_because(-EINVAL, "the channel is no queue");
	if (!ch->ring.sets_aside)
		return error_because(-EINVAL,
			"the channel has more than %u endpoints at most, so nothing can be buried",
			(unsigned)LAYOUT_ENDPOINTS_HEADED);
	return 0;
}

/* Give a lease to `holder`, to be due after `delay` unless that is negative: 0 or -ESTALE. */
static int end_aside(
	struct chan *ch, const struct chan_lease *lease, uint32_t holder, int64_t delay)
{
	struct ring_claim claim = {.pos = lease->pos,
		.seq = lease->seq,
		.holder = (uint32_t)ch->slot,
		.attempt = lease->attempt};
	int err = ch->kind->holds(&ch->ring, &claim);
	struct layout_meta *meta;
	struct ring_item it = {.length = 0};

	if (err == 0)
		err = ring_read(&ch->ring, lease->pos, &it);
	if (err < 0)
		return err;
	/* If the process is killed between the two, the lease is a dead one's, and the message is
	 * due then all the same. */
	if (delay >= 0 && it.length >= sizeof(*meta)) {
		meta = ring_payload(it.record);
		store(&meta->due, envelope_due(meta, ch->who.clock, delay));
	}
	return ch->kind->end_aside(&ch->ring, &claim, holder);
}

/* Do that for n leases of a queue: how many, or an error. */
static int end_all_in(
	struct chan *ch, const struct chan_lease *lease, unsigned n, uint32_t holder, int64_t delay)
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true};
	bool earlier = false;
	unsigned done = 0;
	int err = receivers_enter(ch, &limit);

	if (err < 0)
		return err;
	receiver_forget_taken(ch);
	while (done < n && (err = end_aside(ch, &lease[done], holder, delay)) == 0)
		done++;
	if (done && delay >= 0)
		earlier = delay_note(ch, delay);
	receivers_leave(ch);
	if (earlier || (done && ch->ordered)) /* or they were kept from what is left: lanes.h */
		channel_signal(ch, &ch->control->not_empty);
	if (done && holder == LAYOUT_BURIED) /* who waits until nothing is left to be done */
		channel_freed(ch);
	return done ? (int)done : err;
}

static int end_all_aside(
	struct chan *ch, const struct chan_lease *lease, unsigned n, uint32_t holder, int64_t delay)
{
	unsigned done = 0;
	int err = 1;

	if (!(ch->roles & CHAN_RECV))
		return -EBADF;
	if (n > INT_MAX)
		return error_because(-EINVAL, "n: is above INT_MAX");
	if (!ch->lanes)
		return end_all_in(ch, lease, n, holder, delay);
	while (done < n && err == 1) {
		struct chan_lease one = lease[done];
		struct chan *lane = lanes_at(ch, &one.pos, &one.seq);

		err = lane ? end_all_in(lane, &one, 1, holder, delay) : -ESTALE;
		done += err == 1;
	}
	return done ? (int)done : err;
}

int chan_release_after(chan_t *ch, const struct chan_lease *lease, unsigned n, int64_t delay)
{
	int err;

	error_forget();
	if (is_orphan(ch))
		return -ENOTCONN;
	err = headed_check(ch);
	if (err == 0 && !ch->kind->set_aside)
		err = check_kind(ch);
	if (err == 0 && delay < 0)
		err = error_because(-EINVAL, "delay: is negative");
	if (err < 0)
		return err;
	return delay == 0 ? chan_release(ch, lease, n)
			  : end_all_aside(ch, lease, n, LAYOUT_DELAYED, delay);
}

int chan_bury(chan_t *ch, const struct chan_lease *lease, unsigned n)
{
	int err;

	error_forget();
	if (is_orphan(ch))
		return -ENOTCONN;
	err = check_kind(ch);
	return err < 0 ? err : end_all_aside(ch, lease, n, LAYOUT_BURIED, -1);
}

/* Check that the endpoint may look at what is set aside: 0 or an error. */
static int check_visit(const struct chan *ch)
{
	int err;

	error_forget();
	if (is_orphan(ch))
		return -ENOTCONN;
	err = check_kind(ch);
	return err == 0 && !ch->segment.writable ? ch->segment.unwritable : err;
}

static bool among_first(const struct ring_item *it, void *arg)
{
	uint64_t *left = arg;

	(void)it;
	return *left > 0 && (*left)--;
}

/* Do as chan_kick() in a queue, and take from *most what was kicked. */
static int kick(struct chan *ch, uint64_t *most)
{
	int n = receivers_visit(ch, NULL);

	if (n < 0)
		return n;
	n = ch->kind->restore(&ch->ring, LAYOUT_BURIED, true, among_first, most);
	receivers_leave(ch);
	if (n > 1)
		channel_broadcast(ch, &ch->control->not_empty);
	else if (n > 0)
		channel_signal(ch, &ch->control->not_empty);
	return channel_checked(ch, n);
}

int chan_kick(chan_t *ch, uint64_t most)
{
	int err = check_visit(ch), all = 0;
	uint32_t n;
	struct chan *const *lane = lanes_of(&ch, &n);

	for (uint32_t i = 0; i < n && err >= 0; i++) {
		err = kick(lane[i], &most);
		all += err > 0 ? err : 0;
	}
	return all ? all : err;
}

/* Return the number of the message at `pos`, or of the next one if that is the end. */
static uint64_t number_at(struct chan *ch, uint64_t pos)
{
	return load(&ring_at(&ch->ring, &ch->ring.rx, pos)->seq);
}

/* Find the message of that number, the lock held: 0, -ENOENT or -EBUSY. */
static int find_number(struct chan *ch, uint64_t seq, struct ring_item *it)
{
	uint64_t head = ring_head(&ch->ring), pos = ring_held(&ch->ring, head);

	/* What is held may be freed meanwhile. */
	if (pos != head && seq < number_at(ch, pos) && seq >= number_at(ch, head))
		return -EBUSY;
	for (; ring_read(&ch->ring, pos, it) == 0; pos = it->end)
		if (it->seq == seq)
			return record_kind(it->state) == RECORD_DONE ? -ENOENT : 0;
	return -ENOENT;
}

static bool is_number(const struct ring_item *it, void *arg)
{
	return it->seq == *(const uint64_t *)arg;
}

/* Find the lane of the message of that number, make *seq its number there, and take the lock:
 * 0 or an error. */
static int enter_lane(struct chan *ch, uint64_t *seq, struct chan **ret)
{
	int err = check_visit(ch);

	if (err < 0)
		return err;
	*ret = ch;
	if (ch->lanes) {
		*ret = ch->lanes->lane[*seq % ch->lanes->n];
		*seq /= ch->lanes->n;
	}
	return receivers_visit(*ret, NULL);
}

int chan_bury_seq(chan_t *ch, uint64_t seq)
{
	struct ring_item it;
	int err = enter_lane(ch, &seq, &ch);

	if (err < 0)
		return err;
	err = find_number(ch, seq, &it);
	if (err == 0 && record_kind(it.state) == RECORD_LEASED) {
		if (record_holder(it.state) != LAYOUT_DELAYED)
			err = record_holder(it.state) == LAYOUT_BURIED ? -EALREADY : -EBUSY;
		else
			ch->kind->restore(&ch->ring, LAYOUT_DELAYED, false, is_number, &seq);
		it.state = record_state(RECORD_READY, 0, record_attempts(it.state));
	}
	if (err == 0)
		ch->kind->set_aside(&ch->ring, &it, LAYOUT_BURIED);
	receivers_leave(ch);
	if (err == 0)
		channel_freed(ch);
	return err == -EALREADY ? 0 : err;
}

int chan_release_seq(chan_t *ch, uint64_t seq)
{
	struct ring_item it;
	int err = enter_lane(ch, &seq, &ch);

	if (err < 0)
		return err;
	err = find_number(ch, seq, &it);
	if (err == 0 && record_kind(it.state) == RECORD_LEASED &&
		record_holder(it.state) < LAYOUT_BURIED)
		err = -EBUSY;
	if (err == 0 && ch->headed && it.length >= sizeof(struct layout_meta))
		store(&((struct layout_meta *)ring_payload(it.record))->due, 0);
	if (err == 0 && record_kind(it.state) == RECORD_LEASED)
		ch->kind->restore(&ch->ring, record_holder(it.state),
			record_holder(it.state) == LAYOUT_BURIED, is_number, &seq);
	receivers_leave(ch);
	if (err == 0)
		channel_signal(ch, &ch->control->not_empty);
	return err;
}
