/* SPDX-License-Identifier: MIT */
/*
 * The two locks of a channel.  If an owner died, its side of the ring is repaired and
 * everybody woken, because it may have owed a wake-up.
 */
#include "channel/side.h"

#include "channel/close.h"
#include "channel/name.h"
#include "channel/reclaim.h"
#include "channel/wake.h"

#define VISIT INT64_C(1000000000)
/* How long a call that may not wait waits for the lock.  It is held for microseconds,
 * but its owner may have to give up its CPU meanwhile. */
#define MOMENT INT64_C(100000000)

/* The caller, for the lock's questions. */
struct call {
	struct chan *ch;
	struct limit *limit;
	struct waiter waiter;
};

static int repair_senders(void *arg)
{
	struct chan *ch = ((struct call *)arg)->ch;
	int err = channel_checked(ch, ch->kind->repair_senders(&ch->ring));
	struct ring_cursor next;

	if (err == 0 && ch->ids.slot && ring_begin(&ch->ring, &next) == 0)
		ids_repair(&ch->ids, next.seq);
	return err;
}

static int repair_receivers(void *arg)
{
	struct chan *ch = ((struct call *)arg)->ch;
	int err;

	if (channel_state(ch) & LAYOUT_ENDED)
		channel_seal(ch);
	err = channel_checked(ch, ch->kind->repair_receivers(&ch->ring));

	if (err == 0)
		err = reclaim_leases(ch);
	if (err == -EBADFD) /* the next one that can ask gives them back */
		err = 0;
	return err < 0 ? err : 0;
}

/* Wake all after a repair: the dead owner may have owed a wake-up. */
static void recovered(void *arg)
{
	channel_wake_all(&((struct call *)arg)->ch->segment);
}

/* Return why it is useless to wait for the lock any longer, or 0.  `end` are the bits that
 * end the side. */
static int give_up(struct call *call, uint32_t end)
{
	struct limit *limit = call->limit;
	uint32_t state;

	/* A slice has passed: from now on the wait is worth showing. */
	if (limit->waiting_since == 0)
		limit->waiting_since = clock_monotonic() - LOCK_SLICE;
	if (!call->waiter.since)
		waiters_add(&call->ch->waiters, &call->waiter, limit->waiting_since);
	if (!limit->insists && atomic_load_explicit(&call->ch->interrupted, memory_order_relaxed))
		return -EINTR;
	channel_look_for_name(call->ch, clock_coarse());
	state = channel_state(call->ch);
	return !call->limit->ignores_end && state & end ? channel_over(state) : 0;
}

static int senders_give_up(void *arg)
{
	return give_up(arg, LAYOUT_ENDED);
}

static int receivers_give_up(void *arg)
{
	return give_up(arg, LAYOUT_DISCARD);
}

/* Return when the call's wait for a lock ends. */
static int64_t lock_deadline(void *arg)
{
	struct limit *limit = ((struct call *)arg)->limit;
	int64_t outer;

	if (limit->timeout != 0 || limit->only_tries)
		return limit_deadline(limit);
	/* One moment for all locks that the call takes. */
	if (limit->deadline == 0) {
		limit->deadline = clock_monotonic() + (limit->within ? limit->moment : MOMENT);
		outer = limit->within ? limit_deadline(limit->within) : DEADLINE_NOW;
		if (outer != DEADLINE_NOW && outer < limit->deadline)
			limit->deadline = outer;
	}
	return limit->deadline;
}

/* Wait for a lock that was not free, or repair after its dead owner: 0, the lock held, or
 * an error. */
static int enter(
	struct call *call, struct layout_lock *lock, int err, const struct lock_policy *policy)
{
	err = lock_acquire(lock, err, policy);
	waiters_remove(&call->ch->waiters, &call->waiter);
	if (err == -ETIMEDOUT && call->limit->timeout == 0)
		return -EBUSY;
	return channel_checked(call->ch, err);
}

static int enter_senders(struct chan *ch, int err, struct limit *limit)
{
	struct call call = {.ch = ch, .limit = limit};
	struct lock_policy policy = {.repair = repair_senders,
		.recovered = recovered,
		.give_up = senders_give_up,
		.deadline = lock_deadline,
		.backoff = &ch->send_backoff,
		.arg = &call};

	return enter(&call, &ch->control->senders.lock, err, &policy);
}

/* Returns true if a call that may not wait found the lock taken by a sender that waits
 * until a receiver has its message (kind.offered): the channel is full that long. */
static bool full_until_received(struct chan *ch, int err, const struct limit *limit)
{
	return err == -EBUSY && limit->timeout == 0 && !limit->ignores_end && ch->kind->offered &&
	       ch->kind->offered(&ch->ring);
}

int senders_enter_slow(struct chan *ch, int err, struct limit *limit)
{
	if (full_until_received(ch, err, limit))
		return -EAGAIN;
	err = enter_senders(ch, err, limit);
	return full_until_received(ch, err, limit) ? -EAGAIN : err;
}

int receivers_enter_slow(struct chan *ch, int err, struct limit *limit)
{
	struct call call = {.ch = ch, .limit = limit};
	struct lock_policy policy = {.repair = repair_receivers,
		.recovered = recovered,
		.give_up = receivers_give_up,
		.deadline = lock_deadline,
		.backoff = &ch->recv_backoff,
		.arg = &call};

	return enter(&call, &ch->control->receivers.lock, err, &policy);
}

/* Return a visitor's time limit: `outer` (or NULL: none), but a second at most. */
static struct limit visit_limit(struct limit *outer)
{
	int64_t left = VISIT;

	if (outer && outer->timeout == 0)
		return (struct limit){.deadline = outer->deadline, .ignores_end = true};
	if (outer && limit_deadline(outer) != DEADLINE_NEVER)
		left = limit_deadline(outer) - clock_monotonic();
	left = left < 1 ? 1 : left < VISIT ? left : VISIT;
	return (struct limit){.timeout = left, .ignores_end = true};
}

/* Turn a result into that of a visit.  -EDEADLK: the side is this thread's own exclusive
 * endpoint's. */
static int visited(int err)
{
	return err == -ETIMEDOUT || err == -EDEADLK ? -EBUSY : err;
}

int senders_visit(struct chan *ch)
{
	struct limit limit = {.timeout = 0, .ignores_end = true, .only_tries = true};

	return senders_enter(ch, &limit);
}

int receivers_visit(struct chan *ch, struct limit *outer)
{
	struct limit limit = visit_limit(outer);
	int err = visited(receivers_enter(ch, &limit));

	if (outer && outer->timeout == 0)
		outer->deadline = limit.deadline;
	if (err == 0 && channel_state(ch) & LAYOUT_ENDED)
		channel_seal(ch);
	return err;
}

int side_check(const struct chan *ch, unsigned role)
{
	if (role != CHAN_SEND && role != CHAN_RECV)
		return error_because(-EINVAL, "role: is neither CHAN_SEND nor CHAN_RECV");
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!(ch->roles & role))
		return error_because(-EBADF, "the endpoint was not opened to %s",
			role == CHAN_SEND ? "send" : "receive");
	return exclusive(ch, role) ? exclusive_check(ch) : 0;
}

int sides_too_many(void)
{
	return error_because(-ENOLCK,
		"this thread keeps %u exclusive sides and reservations, of %u that its death is "
		"sure to release; use another thread for more",
		thread_locks, THREAD_LOCKS_MAX);
}

int sides_keep(struct chan *ch)
{
	struct limit limit = visit_limit(NULL);
	uint32_t n = (uint32_t)exclusive(ch, CHAN_SEND) + (uint32_t)exclusive(ch, CHAN_RECV);
	int err = 0;

	ch->thread = thread_self();
	if (n && thread_locks + n > THREAD_LOCKS_MAX)
		return sides_too_many();
	if (exclusive(ch, CHAN_SEND))
		err = side_enter(ch, &ch->control->senders.lock, senders_enter_slow, &limit);
	if (err == 0 && exclusive(ch, CHAN_RECV)) {
		err = side_enter(ch, &ch->control->receivers.lock, receivers_enter_slow, &limit);
		if (err < 0 && exclusive(ch, CHAN_SEND))
			lock_release(&ch->control->senders.lock);
	}
	if (err == 0)
		thread_locks += n;
	return visited(err);
}

void sides_release(struct chan *ch)
{
	/* Only the thread that owns them can unlock them; otherwise its end does. */
	if (!(ch->roles & CHAN_EXCLUSIVE) || exclusive_check(ch) < 0)
		return;
	if (exclusive(ch, CHAN_RECV)) {
		lock_release(&ch->control->receivers.lock);
		thread_locks--;
	}
	if (exclusive(ch, CHAN_SEND)) {
		lock_release(&ch->control->senders.lock);
		thread_locks--;
	}
}
