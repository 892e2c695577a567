/* SPDX-License-Identifier: MIT */
/* The model is in value.h; the bytes are the kind's (kind/latest.c). */
#include "channel/value.h"

#include "channel/close.h"
#include "channel/name.h"
#include "channel/receiver.h"
#include "channel/sender.h"
#include "channel/wait.h"

/* How often in a row a value may be replaced under a receiver before that is no success. */
#define LAPS 1000

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* ---- sending ---- */

/* Replace the value by the last of `count` that are sent at once. */
static int replace(
	struct chan *ch, const void *value, size_t len, unsigned count, struct limit *limit)
{
	uint64_t pos;
	int err = senders_enter(ch, limit);

	if (unlikely(err < 0))
		return err;
	err = sendable(ch, false);
	/* It never waits, so it looks for the name here. */
	if (err == 0 && unlikely(channel_look_for_name(ch, clock_coarse())))
		err = -EIDRM;
	if (err == 0)
		err = ch->kind->write(&ch->ring, value, (uint32_t)len, count, &pos);
	senders_leave(ch); /* a full fence */
	return err < 0 ? channel_checked(ch, err)
		       : sender_published_to_all(ch, pos, sender_readers_there(ch));
}

static int value_replace(struct chan *ch, const void *value, size_t len, struct limit *limit)
{
	if (unlikely(len > ch->ring.max_message))
		return send_too_long(ch, len);
	return replace(ch, value, len, 1, limit);
}

static int value_send_batch(
	struct chan *ch, const struct iovec *value, unsigned n, struct limit *limit)
{
	unsigned count = 0;
	int err;

	while (count < n && value[count].iov_len <= ch->ring.max_message)
		count++;
	if (count == 0)
		return send_too_long(ch, value[0].iov_len);
	err = replace(ch, value[count - 1].iov_base, value[count - 1].iov_len, count, limit);
	return err < 0 ? err : (int)count;
}

const struct sending_calls sending_values = {
	.send = value_replace,
	.send_batch = value_send_batch,
};

/* ---- receiving ---- */

/*
 * Copy the newest value, if its position is above `after`; no lock is held.  Returns 0 and
 * *pos, or an error of kind.read, or
 *
 *   -EAGAIN   there is none
 *   -EPIPE    there is none, and the channel has ended (-EIDRM: by a removal)
 *   -EBADMSG  there is none, and the channel is damaged
 *   -EBUSY    senders were faster, many times in a row
 */
ALWAYS_INLINE int copy_newer(struct chan *ch, uint64_t after, void *buf, size_t size,
	struct kind_value *ret, uint64_t *pos)
{
	uint64_t before = 0;
	uint32_t state;
	int err;

	for (int i = 0; i < LAPS; i++) {
		*pos = receiver_newest(ch, &state);
		if (*pos <= after) {
			if (unlikely(state & (LAYOUT_ENDED | LAYOUT_DAMAGED)))
				return state & LAYOUT_DAMAGED ? -EBADMSG : channel_over(state);
			return -EAGAIN;
		}
		err = kind_read(ch->kind, &ch->ring, *pos, buf, size, ret);
		if (likely(err != -ESTALE))
			return err;
		if (*pos == before)
			return -EBADMSG;
		before = *pos;
	}
	return -EBUSY;
}

static ssize_t value_recv(struct chan *ch, void *buf, size_t size, struct limit *limit)
{
	struct kind_value value = {.length = 0};
	uint64_t seen, pos;
	int err;

	for (;;) {
		seen = load(&ch->value_seen);
		if (unlikely(channel_state(ch) & LAYOUT_DISCARD))
			return -EPIPE;
		err = copy_newer(ch, seen, buf, size, &value, &pos);
		if (err == -EAGAIN || (err == -EBUSY && limit->timeout != 0))
			err = receiver_await_newer(ch, seen, false, limit);
		/* One call of this endpoint gets it, whichever thread is first. */
		else if (err == 0 && atomic_compare_exchange_strong_explicit(&ch->value_seen, &seen,
					     pos, memory_order_relaxed, memory_order_relaxed))
			return (ssize_t)value.length;
		if (err == -EMSGSIZE)
			return receive_too_long(value.length, size);
		if (unlikely(err < 0))
			return channel_checked(ch, err);
	}
}

static int value_ready(struct chan *ch, struct limit *limit)
{
	struct kind_value value;
	uint64_t seen = load(&ch->value_seen), pos;
	char none;
	int err;

	do {
		if (channel_state(ch) & LAYOUT_DISCARD)
			return -EPIPE;
		err = copy_newer(ch, seen, &none, 0, &value, &pos);
		if (err == -EAGAIN)
			err = receiver_await_newer(ch, seen, false, limit);
		else
			break;
	} while (err == 0);
	return err == -EMSGSIZE ? 0 : channel_checked(ch, err);
}

/* There is never more than one. */
static int value_recv_batch(struct chan *ch, struct iovec *buf, unsigned n, struct limit *limit)
{
	ssize_t len = value_recv(ch, buf[0].iov_base, buf[0].iov_len, limit);

	(void)n;
	if (len < 0)
		return (int)len;
	buf[0].iov_len = (size_t)len;
	return 1;
}

/* ---- looking ---- */

/* Do as chan_peek(), whatever is found. */
static ssize_t value_peek(
	struct chan *ch, void *buf, size_t size, struct chan_cursor *at) OUT_OF_LINE;
static ssize_t value_peek(struct chan *ch, void *buf, size_t size, struct chan_cursor *at)
{
	struct kind_value value = {.length = 0};
	uint64_t pos;
	int err;

	if (is_orphan(ch))
		return -ENOTCONN;
	err = copy_newer(ch, at->pos, buf, size, &value, &pos);
	if (err == -EPIPE || err == -EIDRM) /* an end is no error for those that look */
		return -EAGAIN;
	if (err == -EMSGSIZE)
		return receive_too_long(value.length, size);
	if (err < 0)
		return channel_checked(ch, err);
	return value_shown(at, pos, value.length);
}

ssize_t value_peek_long(struct chan *ch, void *buf, size_t size, struct chan_cursor *at,
	uint64_t pos, const struct layout_slot *s)
{
	/* Values of one channel tend to be of one length.  So the copy need not wait for the
	 * slot's: the processor guesses, by this branch, that it is the last one's. */
	uint32_t length = load(&ch->look.length), same = length, is = load(&s->length);

	APART(same);
	if (unlikely(is != same)) {
		store(&ch->look.length, is);
	} else if (likely(length <= size && length <= ch->ring.max_message)) {
		latest_copy(buf, s + 1, length);
		if (latest_still(s, pos))
			return value_shown(at, pos, length);
	}
	return value_peek(ch, buf, size, at);
}

/* A value has no header. */
static ssize_t peek_by_table(
	struct chan *ch, void *buf, size_t size, struct chan_cursor *at, struct chan_meta *unused)
{
	(void)unused;
	return value_peek(ch, buf, size, at);
}

const struct receiving receiving_values = {
	.recv = value_recv,
	.recv_batch = value_recv_batch,
	.ready = value_ready,
	.peek = peek_by_table,
	.lacks = "the channel keeps the latest value and no messages: there is nothing to reserve, "
		 "take, give back or purge",
};
