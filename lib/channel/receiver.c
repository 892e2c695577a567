/* SPDX-License-Identifier: MIT */
#include "channel/receiver.h"

#include "channel/grow.h"
#include "channel/wait.h"
#include "segment/endpoint.h"

#include <inttypes.h>

/* How long a reader leaves it to others to seal a closed channel, ns. */
#define UNDECIDED INT64_C(10000000)

int receiving_refused(const struct chan *ch)
{
	return error_because(-EINVAL, "%s", ch->receiving->lacks);
}

bool receiver_undecided(struct chan *ch)
{
	int64_t since = atomic_load_explicit(&ch->end_seen, memory_order_relaxed), now;

	if (likely(atomic_load_explicit(&ch->control->seal, memory_order_acquire)))
		return false;
	if (ch->segment.writable) {
		channel_seal(ch);
		return false;
	}
	now = clock_monotonic();
	if (!since)
		atomic_store_explicit(&ch->end_seen, since = now, memory_order_relaxed);
	return now - since < UNDECIDED;
}

int receiver_senders_gone(struct chan *ch, bool *ret)
{
	bool any = true;
	int err = 0;

	if (ch->segment.header.options & CHAN_END_WITH_SENDERS &&
		channel_state(ch) & LAYOUT_HAD_SENDER && !(ch->roles & CHAN_SEND))
		err = endpoint_any(&ch->segment.own, CHAN_SEND, &any);
	if (err == 0)
		*ret = !any;
	return err;
}

bool receiver_abandoned(struct chan *ch)
{
	bool gone = true; /* also if the kernel can't be asked */

	receiver_senders_gone(ch, &gone);
	return gone;
}

static bool newer_or_end(struct chan *ch, uint64_t seen)
{
	return atomic_load_explicit(&ch->control->senders.position, memory_order_relaxed) > seen ||
	       channel_state(ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED);
}

/* Wait in a channel that has grown, and give its memory back after a quiet while. */
static int wait_and_give_back(struct chan *ch, const struct condition *message, struct limit *limit)
{
	int64_t deadline = limit_deadline(limit), soon = clock_monotonic() + GROW_QUIET;
	struct limit part = *limit;
	int err;

	if (deadline <= soon)
		return channel_wait(ch, message, limit);
	part.deadline = soon;
	part.timeout = GROW_QUIET;
	err = channel_wait(ch, message, &part);
	part.deadline = limit->deadline;
	part.timeout = limit->timeout;
	*limit = part;
	channel_give_back(ch, false);
	return err == -ETIMEDOUT ? 0 : err;
}

int receiver_sleep(struct chan *ch, const struct condition *message, struct limit *limit)
{
	return unlikely(channel_has_grown(ch)) && ch->segment.writable
		       ? wait_and_give_back(ch, message, limit)
		       : channel_wait(ch, message, limit);
}

int receiver_await_newer(struct chan *ch, uint64_t seen, bool lags, struct limit *limit)
{
	struct condition newer = {.cond = &ch->control->not_empty,
		.spin = &ch->recv_spin,
		.changed = newer_or_end,
		.seen = seen,
		.lags = lags,
		.abandoned = receiver_abandoned,
		.pollable = &ch->to_receive};
	bool gone;
	int err = receiver_senders_gone(ch, &gone);

	if (err < 0)
		return err;
	if (gone) /* unless the last one sent something before it left */
		return newer_or_end(ch, seen) ? 0 : -EPIPE;
	return receiver_sleep(ch, &newer, limit);
}

int receive_too_long(uint64_t length, size_t size)
{
	return error_of_size(-EMSGSIZE, length,
		"the message has %" PRIu64 " bytes, and the buffer room for %zu", length, size);
}
