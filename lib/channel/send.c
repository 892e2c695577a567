/* SPDX-License-Identifier: MIT */
/* Sending: lock, while full wait, write, publish, unlock, wake. */
#include "base/bytes.h"
#include "channel/sender.h"

#include <limits.h>

/* Send a message that is too long for send_one(): it needs a larger ring, or is longer than all
 * of them. */
static int send_long(struct chan *ch, const void *msg, size_t len, struct limit *limit) OUT_OF_LINE;
static int send_long(struct chan *ch, const void *msg, size_t len, struct limit *limit)
{
	struct ring_cursor at;
	uint64_t old;
	int err;

	if (len > ch->ring.max_message)
		return send_too_long(ch, len);
	err = sender_find_any(ch, limit, len, false, &at);
	if (err < 0)
		return err;
	if (err == CHAN_DROPPED) {
		senders_leave(ch);
		return err;
	}
	sender_stamp(ch);
	old = at.pos;
	copy_bytes(ring_append(&ch->ring, &at, (uint32_t)len), msg, len);
	return sender_commit(ch, old, &at, limit, len);
}

ALWAYS_INLINE int send_one(struct chan *ch, const void *msg, size_t len, struct limit *limit)
{
	struct ring_cursor at;
	uint64_t old;
	void *to;
	int err;

	if (unlikely(len > ch->ring.fits_always))
		return send_long(ch, msg, len, limit);
	err = sender_find(ch, limit, len, false, &at);
	if (unlikely(err < 0))
		return err;
	if (unlikely(err == CHAN_DROPPED)) {
		senders_leave(ch);
		return err;
	}
	sender_stamp(ch);
	old = at.pos;
	to = ring_append(&ch->ring, &at, (uint32_t)len);
	ring_fetch_room(to, len);
	copy_bytes(to, msg, len);
	return sender_commit(ch, old, &at, limit, len);
}

/* Send by the table, after sender_check() gave `err`. */
static int send_otherwise(struct chan *ch, const void *msg, size_t len, int64_t timeout, int err)
{
	struct limit limit = limit_of(timeout);

	if (!sends_otherwise(ch))
		return err;
	err = sending_check(ch, timeout);
	return unlikely(err < 0) ? err : ch->sending->send(ch, msg, len, &limit);
}

int chan_send(chan_t *ch, const void *msg, size_t len, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int err = sender_check(ch, timeout);

	if (unlikely(err < 0))
		return send_otherwise(ch, msg, len, timeout, err);
	return send_one(ch, msg, len, &limit);
}

int channel_send(struct chan *ch, const void *msg, size_t len, struct limit *limit)
{
	return sends_otherwise(ch) ? ch->sending->send(ch, msg, len, limit)
				   : send_one(ch, msg, len, limit);
}

/* Send one message after the other, since each needs its own receiver: how many, or an
 * error if it was none. */
static int send_each(struct chan *ch, const struct iovec *msg, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	unsigned sent;
	int err = 0;

	for (sent = 0; sent < n && err >= 0; sent += err >= 0) {
		int64_t deadline = limit_deadline(&limit), left = timeout;

		if (timeout > 0) { /* 0 would be another question */
			left = deadline - clock_monotonic();
			left = left > 0 ? left : 1;
		}
		err = chan_send(ch, msg[sent].iov_base, msg[sent].iov_len, left);
	}
	return sent ? (int)sent : err;
}

int chan_send_batch(chan_t *ch, const struct iovec *msg, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct ring_cursor at;
	uint64_t old;
	unsigned sent = 0;
	int err = sends_otherwise(ch) ? sending_check(ch, timeout) : sender_check(ch, timeout);

	if (err < 0)
		return err;
	if (n == 0 || n > INT_MAX)
		return error_because(-EINVAL, "n: is 0 or above INT_MAX");
	if (sends_otherwise(ch))
		return ch->sending->send_batch(ch, msg, n, &limit);
	if (ch->kind->hands_over)
		return send_each(ch, msg, n, timeout);
	if (msg[0].iov_len > ch->ring.fits_always) {
		err = send_long(ch, msg[0].iov_base, msg[0].iov_len, &limit);
		return err < 0 ? err : 1;
	}
	err = sender_find(ch, &limit, msg[0].iov_len, false, &at);
	if (err < 0)
		return err;
	if (err == CHAN_DROPPED) {
		senders_leave(ch);
		return 1;
	}
	sender_stamp(ch);
	old = at.pos;
	do {
		void *to = ring_append(&ch->ring, &at, (uint32_t)msg[sent].iov_len);

		ring_fetch_room(to, msg[sent].iov_len);
		copy_bytes(to, msg[sent].iov_base, msg[sent].iov_len);
		sent++;
	} while (sent < n && msg[sent].iov_len <= ch->ring.fits_always &&
		 (ring_room(&ch->ring, &at, msg[sent].iov_len) >= 0 ||
			 sender_makes_room(ch, &at, msg[sent].iov_len)));
	err = sender_commit(ch, old, &at, &limit, msg[0].iov_len);
	return err < 0 ? err : (int)sent;
}
