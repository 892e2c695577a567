/* SPDX-License-Identifier: MIT */
/*
 * Waiting: spin a little (spin.h), on a machine with several CPUs, then sleep in slices.
 *
 * Slices.  A process killed between its commit and its wake-up leaves a sleeper beside
 * work, one killed with a wake-up takes it along (condvar.h), and nobody announces a
 * peer's death.  So a sleeper looks again each second by itself; or, if chand watches over
 * the channel, and nothing happened in the first slice, when chand has seen a death, and
 * when chand itself is gone (watched.h).
 *
 * A reader (value.h) can't set the hint.  It needs none once senders know that it is there:
 * they wake all with each value, and the word that they move is the one that it read before
 * it looked.  Until they know, its slices are short.
 *
 * Several conditions.  A call that sleeps on more than one may be counted by a signaller
 * of each, and goes on for one.  It owes the others what any waiter owes that leaves
 * empty-handed: it passes the wake-up on.  A condition whose sequence has not moved has
 * counted nobody, so what did not happen costs nothing.
 */
#include "channel/wait.h"

#include "channel/delay.h"
#include "channel/name.h"
#include "channel/rest.h"
#include "channel/side.h"
#include "channel/wake.h"
#include "core/cpu.h"
#include "core/lock.h"

/* A slice of a reader that senders may not know yet. */
#define SLICE_UNKNOWN INT64_C(5000000)

/* Return when a sleep ends that would end at `end`. */
static int64_t sooner_if_unknown(const struct chan *ch, int64_t end)
{
	int64_t now = likely(!ch->known_at) ? INT64_MAX : clock_monotonic();

	return now < ch->known_at && now + SLICE_UNKNOWN < end ? now + SLICE_UNKNOWN : end;
}

static bool interrupted(const struct chan *ch)
{
	return atomic_load_explicit(&ch->interrupted, memory_order_relaxed);
}

static bool any_interrupted(const struct awaited *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (interrupted(all[i].ch))
			return true;
	return false;
}

/* Returns true if chand watches over the channel, and then sets where to sleep. */
static bool is_watched(struct chan *ch, struct guard_place *ret)
{
	/* Acquire: pairs with the release in cond_wake(), which comes after the mark was
	 * cleared: whoever armed after that wake-up finds none. */
	uint64_t mark = atomic_load_explicit(&ch->control->watched, memory_order_acquire);

	/* A reader needs its slices also while all live: a sender that was stopped between
	 * its look for readers and its value wakes none. */
	if (ch->known_at)
		return false;
	return watched_place(&ch->watched, &ch->segment, mark, ch->slot, ret);
}

/* Set the guards to sleep on, one of each chand: how many, or 0 if a channel is not watched,
 * or they are too many. */
static unsigned find_guards(const struct awaited *all, unsigned n, struct guard_place *ret)
{
	struct guard_place place;
	unsigned guards = 0, same;

	for (unsigned i = 0; i < n; i++) {
		if (!is_watched(all[i].ch, &place))
			return 0;
		for (same = 0; same < guards && ret[same].view.id != place.view.id;)
			same++;
		if (same < guards)
			continue;
		if (guards == GUARDS_MAX || n + guards == COND_WORDS_MAX)
			return 0;
		ret[guards++] = place;
	}
	return guards;
}

/* Sleep on the guards, too. */
static int sleep_guarded(const struct awaited *all, unsigned n, struct guard_place *places,
	unsigned guards, int64_t end)
{
	struct cond_word words[COND_WORDS_MAX];
	int err;

	for (unsigned i = 0; i < n; i++)
		words[i] = cond_word(all[i].cond, all[i].key);
	err = guard_sleep(places, guards, words, n, end);
	for (unsigned g = 0; g < guards; g++)
		for (unsigned i = 0; i < n; i++)
			if (places[g].gone || err == -EOPNOTSUPP)
				watched_leave(&all[i].ch->watched, places[g].view.id);
	return err == -EOPNOTSUPP ? 0 : err;
}

/* Sleep on their words. */
static int sleep_on(const struct awaited *all, unsigned n, int64_t end)
{
	struct cond_word words[COND_WORDS_MAX];

	if (n == 1)
		return cond_wait(all->cond, all->key, end);
	for (unsigned i = 0; i < n; i++)
		words[i] = cond_word(all[i].cond, all[i].key);
	return cond_wait_any(words, n, end);
}

void wait_arm(struct awaited *all, unsigned n)
{
	bool light = false;

	for (unsigned i = 0; i < n; i++) {
		all[i].key = channel_arm(all[i].ch, all[i].cond);
		light |= channel_light(all[i].ch, all[i].cond);
	}
	if (light) /* one heavy fence does for all */
		fence_heavy();
	for (unsigned i = 0; i < n; i++)
		channel_receiver_came(all[i].ch, all[i].cond);
}

int64_t wait_bound(const struct awaited *all, unsigned n)
{
	int64_t least = INT64_MAX, left;

	for (unsigned i = 0; i < n; i++) {
		if (!all[i].ch->headed || all[i].cond != &all[i].ch->control->not_empty)
			continue;
		left = delay_left(all[i].ch);
		if (left < least)
			least = left;
	}
	return least;
}

/* Fetch what is touched next after a sleep.  Whoever woke us has just written it all, so each
 * line would be waited for by itself. */
static void fetch_what_came(const struct awaited *what)
{
	cpu_prefetch_write(what->cond);
	cpu_prefetch(&what->ch->control->senders.position);
	cpu_prefetch(&what->ch->control->receivers.position);
	if (what->next)
		for (int i = 0; i < RING_FETCH_FIRST; i += CPU_LINE)
			cpu_prefetch((const char *)what->next + i);
}

int wait_sleep(struct awaited *all, unsigned n, struct limit *limit, int64_t now, int64_t at_most)
{
	struct guard_place places[GUARDS_MAX];
	int64_t deadline = limit_deadline(limit), end, slice;
	unsigned guards = 0;
	int err = 0;

	/* The first slice costs nothing more, so that a short sleep is as cheap as without
	 * chand. */
	if (limit->quiet && at_most > WAIT_SLICE)
		guards = find_guards(all, n, places);
	slice = guards ? WATCHED_SLICE : WAIT_SLICE;
	end = now + (slice < at_most ? slice : at_most);
	if (end > deadline)
		end = deadline;

	limit->slept = true;
	if (limit->waiting_since == 0)
		limit->waiting_since = now;
	for (unsigned i = 0; i < n; i++)
		end = sooner_if_unknown(all[i].ch, end);
	for (unsigned i = 0; i < n; i++)
		waiters_add(&all[i].ch->waiters, &all[i].waiter, limit->waiting_since);
	/* Asked after arming: chan_interrupt() sets it and then moves the sequence on. */
	if (!any_interrupted(all, n))
		err = guards ? sleep_guarded(all, n, places, guards, end) : sleep_on(all, n, end);
	limit->quiet |= err == -ETIMEDOUT && at_most > WAIT_SLICE;
	if (n == 1)
		fetch_what_came(all);
	for (unsigned i = 0; i < n; i++) {
		waiters_remove(&all[i].ch->waiters, &all[i].waiter);
		all[i].owes |= cond_moved(all[i].cond, all[i].key);
	}
	if (any_interrupted(all, n))
		return -EINTR;
	return err == -ETIMEDOUT && end == deadline ? -ETIMEDOUT : 0;
}

/* Do as receiver_done() does for one that slept. */
static void leave_served(struct awaited *s)
{
	if (s->cond != &s->ch->control->not_empty) {
		channel_pass_on(s->ch, s->cond);
		return;
	}
	cond_rearm(s->cond);
	if (!exclusive(s->ch, CHAN_RECV))
		channel_announced(s->ch, s->cond);
	if (ring_any(&s->ch->ring) || delay_any(s->ch))
		channel_signal(s->ch, s->cond);
}

void wait_leave(struct awaited *all, unsigned n, unsigned served)
{
	for (unsigned i = 0; i < n; i++)
		if (all[i].ch->kind->read || all[i].ch->kind->subscribed)
			/* All are woken: it has nobody's wake-up. */
			continue;
		else if (i == served)
			leave_served(&all[i]);
		else if (all[i].owes || cond_moved(all[i].cond, all[i].key))
			channel_pass_on(all[i].ch, all[i].cond);
}

int channel_wait(struct chan *ch, const struct condition *what, struct limit *limit)
{
	struct awaited me = {.ch = ch, .cond = what->cond, .next = what->next};
	int64_t deadline = limit_deadline(limit), now;
	int err = -ETIMEDOUT;

	if (deadline == DEADLINE_NOW) {
		if (channel_look_for_name(ch, clock_coarse()) || pollable_rest(ch, what))
			return 0;
		return -EAGAIN;
	}
	if (what->spin && cpu_several() &&
		spin_until(what->spin, what->changed, ch, what->seen, what->lags))
		return 0;
	wait_arm(&me, 1);
	if (what->changed(ch, what->seen) || what->abandoned(ch))
		return 0;
	now = clock_monotonic();
	if (channel_look_for_name(ch, now))
		return 0;
	if (now < deadline) {
		err = wait_sleep(&me, 1, limit, now, condition_bound(ch, what));
		if (what->spin)
			spin_slept(what->spin, clock_monotonic() - now);
	} else if (interrupted(ch)) {
		return -EINTR;
	}
	/* A last look: the change may have come with the deadline. */
	return err == -ETIMEDOUT && what->changed(ch, what->seen) ? 0 : err;
}
