/* SPDX-License-Identifier: MIT */
/*
 * Waiting: lag a little, spin a little, then sleep in slices.
 *
 * Spinning: a wake-up costs 5 to 30 us, a hot hand-over less than one, so a short
 * look pays when the other side is at work.  The budget doubles when a spin was
 * rewarded, or would have been at its longest: the sleep was shorter than that.
 * (Else two that once put each other to sleep would do so for each message.)  It
 * halves when the sleep was longer; none is spent on a single CPU.
 *
 * Lag: who follows the other side closely takes the same cache lines from it for
 * each message, and both are slow.  So who was answered within a quarter of a
 * microsecond, again and again, stays away from those lines for a while, a
 * few microseconds at most, and finds several messages (or room for several) then.
 * In a dialogue the answer takes longer than that, and nothing is added; nor where
 * a good part of the ring came at once, which leaves the other side idle.
 *
 * Slices: a process killed between its commit and its wake-up leaves a sleeper
 * beside work, and one killed with a wake-up takes it along (condvar.h); and a
 * peer's death is not announced by anybody.  So a sleeper looks again each
 * second by itself.
 */
#define _GNU_SOURCE 1
#include "channel/channel.h"

#include "core/cpu.h"

#define SLICE INT64_C(1000000000)
#define SPIN_MAX 50000u
#define SPIN_MIN 1000u
#define CLOSE_BEHIND 250u
#define LAG_STEP 50u
#define LAG_MAX 4000u
#define MUCH 8		/* a good part of the ring is a MUCHth */
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

static uint32_t get(const _Atomic uint32_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void set(_Atomic uint32_t *p, uint32_t v)
{
	atomic_store_explicit(p, v, memory_order_relaxed);
}

/* Does waiting as long as this pay? */
static void spin_learn(struct spin *s, bool paid)
{
	uint32_t budget = get(&s->budget);

	budget = paid ? budget * 2 : budget / 2;
	set(&s->budget, budget > SPIN_MAX ? SPIN_MAX : budget < SPIN_MIN ? SPIN_MIN : budget);
}

/* After an answer, or none, in `ns`: stay away longer, or not so long? */
static void lag_learn(struct chan *ch, const struct awaited *what, bool changed, int64_t ns)
{
	uint32_t lag = get(&what->spin->lag);
	bool close = changed && ns < lag + CLOSE_BEHIND;

	if (close && what->position)
		close = atomic_load_explicit(what->position, memory_order_relaxed) - what->seen <
			ch->ring.capacity / MUCH;
	lag = close ? lag + LAG_STEP : lag / 2;
	set(&what->spin->lag, lag > LAG_MAX ? LAG_MAX : lag);
}

static bool spin(struct chan *ch, const struct awaited *what)
{
	uint32_t budget = get(&what->spin->budget), lag = get(&what->spin->lag);
	int64_t start = clock_monotonic(), now = start;
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
	lag_learn(ch, what, changed, now - start);
	return changed;
}

/* The endpoint waits as long as the call of it that waits longest. */
static void note_waiting(struct chan *ch)
{
	if (ch->slot >= 0)
		atomic_store_explicit(&ch->segment.layout->endpoint[ch->slot].waiting,
			ch->waiters ? ch->waiters->since : 0, memory_order_relaxed);
}

/* The mutex is this process's own, one for each endpoint: a child of fork() that makes
 * endpoints has none of its parent's, held or not. */
void waiters_start(struct chan *ch)
{
	pthread_mutex_init(&ch->waiters_lock, NULL);
}

void waiters_end(struct chan *ch)
{
	pthread_mutex_destroy(&ch->waiters_lock);
}

void waiter_comes(struct chan *ch, struct waiter *w, int64_t since)
{
	struct waiter **at = &ch->waiters;

	pthread_mutex_lock(&ch->waiters_lock);
	while (*at && (*at)->since <= since)
		at = &(*at)->next;
	*w = (struct waiter){.since = since, .next = *at, .link = at};
	if (w->next)
		w->next->link = &w->next;
	*at = w;
	note_waiting(ch);
	pthread_mutex_unlock(&ch->waiters_lock);
}

void waiter_leaves(struct chan *ch, struct waiter *w)
{
	if (!w->since)
		return;
	pthread_mutex_lock(&ch->waiters_lock);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->since = 0;
	note_waiting(ch);
	pthread_mutex_unlock(&ch->waiters_lock);
}

static bool interrupted(const struct chan *ch)
{
	return atomic_load_explicit(&ch->interrupted, memory_order_relaxed);
}

int wait_for(struct chan *ch, const struct awaited *what, struct limit *limit)
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
	if (what->changed(ch, what->seen) || what->ended(ch))
		return 0;
	now = clock_monotonic();
	if (channel_look_for_name(ch, now))
		return 0;
	end = now + SLICE < deadline ? now + SLICE : deadline;
	if (now < deadline) {
		limit->slept = true;
		if (limit->waiting_since == 0)
			limit->waiting_since = now;
		waiter_comes(ch, &me, limit->waiting_since);
		/* Asked after arming: chan_interrupt() sets it and then moves
		 * the sequence on. */
		if (!interrupted(ch))
			err = cond_wait(what->cond, key, end);
		waiter_leaves(ch, &me);
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
