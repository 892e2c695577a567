/* SPDX-License-Identifier: MIT */
/* Receiving: lock, while empty wait, copy, consume, unlock, wake. */
#include "channel/receive.h"

#include "base/bytes.h"
#include "channel/close.h"
#include "channel/delay.h"
#include "channel/receiver.h"
#include "channel/reclaim.h"
#include "channel/wait.h"

#include <limits.h>

/* Returns true if, since a receiver found nothing up to `end`, a message was published or
 * given back, or the channel ended. */
static bool message_or_end(struct chan *ch, uint64_t end)
{
	return !ring_still_empty(&ch->ring, end) ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Returns true if the channel is not paused any more, or there is no need to wait for that. */
static bool goes_on(struct chan *ch, uint64_t unused)
{
	uint32_t state = channel_state(ch);

	(void)unused;
	return !channel_paused(state) || state & (LAYOUT_DISCARD | LAYOUT_DAMAGED);
}

/* Do the same where something is delayed, so that an end does not end the wait. */
static bool message_or_damage(struct chan *ch, uint64_t end)
{
	uint32_t state = channel_state(ch);

	if (!(state & LAYOUT_ENDED))
		return message_or_end(ch, end);
	return atomic_load_explicit(&ch->control->receivers.deliver, memory_order_relaxed) != end ||
	       state & (LAYOUT_DISCARD | LAYOUT_DAMAGED);
}

static bool never(struct chan *ch)
{
	(void)ch;
	return false;
}

/* Decide what a receiver does next that found nothing ready; the lock is held.  Returns 0
 * and sets *sleep: to wait, or to look again at once.  An error says why to give up. */
static int when_empty(struct chan *ch, bool *sleep)
{
	uint32_t state = channel_state(ch);
	bool ended = state & LAYOUT_ENDED;
	uint64_t end = ch->ring.rx.seen;
	struct ring_item it;
	int n = 0, err;

	if (state & LAYOUT_DAMAGED)
		return -EBADMSG;
	if (ended)
		channel_seal(ch);
	if (unlikely(ring_leased(&ch->ring)))
		n = reclaim_leases(ch);
	ring_back_to(&ch->ring, end);
	if (n < 0)
		return n;
	if (n == 0 && !ended) {
		err = receiver_senders_gone(ch, &ended);
		if (err < 0)
			return err;
	}
	if (n == 0 && ended && !delay_any(ch)) {
		/* The end, unless something came before we saw that it is. */
		err = ring_next(&ch->ring, ring_first(&ch->ring), &it);
		if (err < 0)
			return err == -EAGAIN ? channel_over(state) : err;
	}
	*sleep = n == 0 && (!ended || delay_any(ch));
	return 0;
}

bool receiver_waits_for_itself(struct chan *ch, const struct limit *limit)
{
	int err;

	if (likely(!thread_reservations) || limit->timeout == 0)
		return false;
	err = senders_visit(ch);
	if (err == 0)
		senders_leave(ch);
	return err == -EDEADLK || reserving(ch);
}

int receiver_wait(struct chan *ch, struct limit *limit, struct ring_item *it, int err)
{
	struct condition message = {.cond = &ch->control->not_empty,
		.spin = &ch->recv_spin,
		.changed = message_or_end,
		.lags = true,
		.abandoned = receiver_abandoned,
		.pollable = &ch->to_receive};
	bool sleep = false, freed, paused;

	for (;;) {
		/* The lock is held, and err says why there is no message. */
		paused = err == RECEIVER_PAUSED;
		message.changed = paused ? goes_on : message_or_end;
		message.abandoned = paused ? never : receiver_abandoned;
		message.comes_in = NULL;
		if (paused) {
			err = channel_state(ch) & LAYOUT_DAMAGED ? -EBADMSG : 0;
			sleep = true;
		} else if (err == -EAGAIN) {
			err = when_empty(ch, &sleep);
		}
		if (err < 0) {
			receivers_leave(ch);
			channel_checked(ch, err);
			break;
		}
		if (sleep) {
			/* Paused, it does not know that there is nothing. */
			message.seen = ch->ring.rx.seen;
			freed = !paused && ch->kind->note_end(&ch->ring);
			if (delay_any(ch) && !paused) {
				message.changed = message_or_damage;
				message.abandoned = never;
			}
			if (ch->headed && !paused)
				message.comes_in = delay_left;
			message.next = ring_at(&ch->ring, &ch->ring.rx, message.seen);
			receivers_leave(ch);
			if (freed)
				channel_freed(ch);
			if (unlikely(receiver_waits_for_itself(ch, limit))) {
				err = -EDEADLK;
				break;
			}
			err = receiver_sleep(ch, &message, limit);
			if (err == 0)
				err = receivers_enter(ch, limit);
			if (err < 0)
				break;
		}
		if (unlikely(ch->headed))
			delay_look(ch);
		err = receiver_try(ch, it);
		if (err == 0)
			return 0;
	}
	/* It got nothing, and may have taken another receiver's wake-up. */
	if (limit->slept)
		channel_pass_on(ch, &ch->control->not_empty);
	return err;
}

int receiver_ready(struct chan *ch, struct limit *limit)
{
	struct ring_item it;
	int err;

	if (receives_otherwise(ch))
		return ch->receiving->ready(ch, limit);
	err = receiver_find(ch, limit, &it);
	if (err == 0)
		receivers_leave(ch);
	return err;
}

ALWAYS_INLINE ssize_t receive_one(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	struct ring_item it;
	bool got;
	int err;

	do {
		err = receiver_find(ch, limit, &it);
		if (unlikely(err < 0))
			return err;
		if (unlikely(it.length > size)) {
			limit->slept = true; /* pass it on */
			receiver_done(ch, limit, false);
			return receive_too_long(it.length, size);
		}
		ring_fetch(&ch->ring, &it);
		copy_bytes(buf, ring_payload(it.record), it.length);
		got = kind_consume(&ch->kind, ch->indirect, &ch->ring, it.pos, it.end);
		receiver_done(ch, limit, true);
	} while (unlikely(!got));
	return (ssize_t)it.length;
}

/* Receive by the table, after receiver_check() gave `err`. */
static ssize_t recv_otherwise(struct chan *ch, void *buf, size_t size, int64_t timeout, int err)
{
	struct limit limit = limit_of(timeout);

	if (!receives_otherwise(ch))
		return err;
	err = receiving_check(ch, timeout);
	return unlikely(err < 0) ? err : ch->receiving->recv(ch, buf, size, &limit);
}

ssize_t chan_recv(chan_t *ch, void *buf, size_t size, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int err = receiver_check(ch, timeout);

	if (unlikely(err < 0))
		return recv_otherwise(ch, buf, size, timeout, err);
	return receive_one(ch, buf, size, &limit);
}

ssize_t channel_receive(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	return receives_otherwise(ch) ? ch->receiving->recv(ch, buf, size, limit)
				      : receive_one(ch, buf, size, limit);
}

/* A large batch is consumed in parts of this share of the ring, so that a sender refills
 * what is free while the rest is copied, and neither side waits for a whole ring. */
#define BATCH_PARTS 8

int chan_recv_batch(chan_t *ch, struct iovec *buf, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_item it;
	uint64_t first, end;
	size_t room = n ? buf[0].iov_len : 0;
	unsigned got;
	bool consumed;
	int err =
		receives_otherwise(ch) ? receiving_check(ch, timeout) : receiver_check(ch, timeout);

	if (err < 0)
		return err;
	if (n == 0 || n > INT_MAX)
		return error_because(-EINVAL, "n: is 0 or above INT_MAX");
	if (receives_otherwise(ch))
		return ch->receiving->recv_batch(ch, buf, n, &limit);
	if (n > ch->kind->receive_most)
		n = ch->kind->receive_most;
	do {
		buf[0].iov_len = room; /* again */
		err = receiver_find(ch, &limit, &it);
		if (err < 0)
			return err;
		first = end = it.pos;
		got = 0;
		consumed = true;
		do {
			if (it.length > buf[got].iov_len)
				break;
			ring_fetch(&ch->ring, &it);
			copy_bytes(buf[got].iov_base, ring_payload(it.record), it.length);
			buf[got++].iov_len = it.length;
			end = it.end;
			if (end - first > ch->ring.rx.capacity / BATCH_PARTS) {
				consumed = kind_consume(
					&ch->kind, ch->indirect, &ch->ring, first, end);
				first = end;
			}
		} while (got < n && ring_next(&ch->ring, end, &it) == 0);
		if (first != end)
			consumed = kind_consume(&ch->kind, ch->indirect, &ch->ring, first, end);
		if (!got)
			limit.slept = true;
		receiver_done(ch, &limit, got && consumed);
	} while (got && !consumed);
	return got ? (int)got : receive_too_long(it.length, buf[0].iov_len);
}
