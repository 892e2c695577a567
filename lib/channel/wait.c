/* SPDX-License-Identifier: MIT */
/*
 * Waiting: lag a little, spin a little, then sleep in slices.
 *
 * Spinning.  A wake-up costs 5 to 30 us, a hot hand-over less than one, so a short look
 * pays while the other side is at work.  The budget doubles when a spin was rewarded, or
 * would have been at its longest, because the sleep was shorter than that.  (Otherwise
 * two that once put each other to sleep would do so for each message.)  It halves when
 * the sleep was longer.  On a single CPU nobody spins.
 *
 * Lag.  Before it looks, a side may stay away from its peer's cache lines for a moment,
 * where that was seen to pay: lag.h.
 *
 * Slices.  A process killed between its commit and its wake-up leaves a sleeper beside
 * work, one killed with a wake-up takes it along (condvar.h), and nobody announces a
 * peer's death.  So a sleeper looks again each second by itself.
 */
#include "channel/wait.h"

#include "channel/handle.h"
#include "channel/name.h"
#include "channel/wake.h"
#include "core/cpu.h"
#include "core/lock.h"

#define SLICE INT64_C(1000000000)
#define SPIN_START 20000u
#define SPIN_MAX 50000u
#define SPIN_MIN 1000u
#define SPINS_A_LOOK 16 /* looks between two at the clock */

int64_t limit_deadline(struct limit *limit)
{
	int64_t now;

	if (limit->timeout == CHAN_WAIT)
		return DEADLINE_NEVER;
	if (limit->timeout == 0)
		return DEADLINE_NOW;
	if (limit->deadline == 0) {
		now = clock_monotonic();
		limit->deadline = limit->timeout < DEADLINE_NEVER - now ? now + limit->timeout
									: DEADLINE_NEVER;
	}
	return limit->deadline;
}

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

void spin_init(struct spin *spin)
{
	atomic_init(&spin->budget, SPIN_START);
	lag_init(&spin->lag);
}

/* Learn whether it paid to spin as long as that. */
static void spin_learn(struct spin *s, bool paid)
{
	uint32_t budget = load(&s->budget);

	budget = paid ? budget * 2 : budget / 2;
	store(&s->budget, budget > SPIN_MAX ? SPIN_MAX : budget < SPIN_MIN ? SPIN_MIN : budget);
}

static bool spin(struct chan *ch, const struct condition *what)
{
	uint32_t budget = load(&what->spin->budget);
	int64_t start = clock_monotonic(), now = start;
	uint32_t lag = what->position ? lag_next(&what->spin->lag, start, what->seen) : 0;
	bool changed = false;

	while (now < start + lag) {
		cpu_relax();
		now = clock_monotonic();
	}
	do {
		for (int i = 0; i < SPINS_A_LOOK && !changed; i++) {
			cpu_relax();
			changed = what->changed(ch, what->seen);
		}
		now = clock_monotonic();
	} while (!changed && now < start + budget);
	if (changed)
		spin_learn(what->spin, true);
	else
		lag_interrupt(&what->spin->lag);
	return changed;
}

static bool interrupted(const struct chan *ch)
{
	return atomic_load_explicit(&ch->interrupted, memory_order_relaxed);
}

int channel_wait(struct chan *ch, const struct condition *what, struct limit *limit)
{
	int64_t deadline = limit_deadline(limit), now, end;
	struct waiter me;
	uint32_t key;
	int err = 0;

	if (deadline == DEADLINE_NOW)
		return channel_look_for_name(ch, clock_coarse()) ? 0 : -EAGAIN;
	if (what->spin && cpu_several() && spin(ch, what))
		return 0;
	key = cond_arm(what->cond);
	channel_announced(ch);
	if (what->changed(ch, what->seen) || what->abandoned(ch))
		return 0;
	now = clock_monotonic();
	if (channel_look_for_name(ch, now))
		return 0;
	end = now + SLICE < deadline ? now + SLICE : deadline;
	if (now < deadline) {
		limit->slept = true;
		if (limit->waiting_since == 0)
			limit->waiting_since = now;
		waiters_add(&ch->waiters, &me, limit->waiting_since);
		/* Asked after arming: chan_interrupt() sets it and then moves
		 * the sequence on. */
		if (!interrupted(ch))
			err = cond_wait(what->cond, key, end);
		waiters_remove(&ch->waiters, &me);
		if (what->spin)
			spin_learn(what->spin, clock_monotonic() - now < SPIN_MAX);
	}
	if (interrupted(ch))
		return -EINTR;
	/* A last look: the change may have come with the deadline. */
	if ((now >= deadline || (err == -ETIMEDOUT && end == deadline)) &&
		!what->changed(ch, what->seen))
		return -ETIMEDOUT;
	return 0;
}
