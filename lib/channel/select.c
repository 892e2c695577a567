/* SPDX-License-Identifier: MIT */
/*
 * Waiting for one of several cases.
 *
 *   try each; arm all; try each again; sleep; and so on
 *
 * No two channels' locks are ever held at once: exactly one case is executed because a case
 * is executed only by trying it, and the first that succeeds ends the call.  The try after
 * arming takes the place of a look at each condition.  What a wake-up that this call got for
 * a case it did not execute owes is in wait.c.
 */
#include "channel/lanes.h"
#include "channel/receive.h"
#include "channel/receiver.h"
#include "channel/rest.h"
#include "channel/sender.h"
#include "channel/set.h"
#include "channel/wait.h"
#include "core/cpu.h"

#include <limits.h>

/* The most cases that sleep on their words; more make a set. */
#define SELECT_WORDS 120u

/* How long one round of tries waits for locks, and how soon a case is tried again whose
 * channel's lock was not free that long. */
#define MOMENT INT64_C(10000000)

/* A call under way. */
struct selection {
	struct chan_case *cases;
	unsigned n, flags;
	bool busy; /* a lock was not free in the last round */
	struct limit limit;
	uint64_t *seen; /* by case, when it was last tried: see hint() */
};

static unsigned role_of(const struct chan_case *c)
{
	return c->op == CHAN_OP_SEND ? CHAN_SEND : CHAN_RECV;
}

static struct layout_cond *cond_of(const struct chan_case *c)
{
	return c->op == CHAN_OP_SEND ? &c->ch->control->not_full : &c->ch->control->not_empty;
}

/* ---- what is asked for ---- */

/* Check a case: 0, or the error of the call. */
static int check(const struct chan_case *c, unsigned i)
{
	int err;

	if (c->size != sizeof(*c))
		return error_because(
			-EINVAL, "cases[%u]: size is %u, and must be %zu", i, c->size, sizeof(*c));
	if (c->op < CHAN_OP_RECV || c->op > CHAN_OP_SEND)
		return error_because(-EINVAL, "cases[%u]: there is no op %u", i, c->op);
	if (!c->ch)
		return error_because(-EINVAL, "cases[%u]: there is no endpoint", i);
	if (c->op == CHAN_OP_TAKE && (c->len == 0 || c->len > INT_MAX))
		return error_because(-EINVAL, "cases[%u]: len is 0 or above INT_MAX", i);
	err = c->op == CHAN_OP_SEND ? sender_check(c->ch, 0) : receiver_check(c->ch, 0);
	if (err == -EBADF && c->ch->roles & ~c->ch->ring_roles & role_of(c))
		err = c->op == CHAN_OP_TAKE && !c->ch->receiving->take ? -EINVAL : 0;
	if (err == 0 && exclusive(c->ch, role_of(c)))
		err = exclusive_check(c->ch);
	return err < 0 ? error_because(err, "cases[%u]: %s", i, chan_strerror(err)) : 0;
}

static int check_all(const struct selection *s, int64_t timeout)
{
	int err = 0;

	error_forget();
	if (s->n == 0 || s->n > INT_MAX)
		return error_because(-EINVAL, "n: is 0 or above INT_MAX");
	if (s->flags & ~(unsigned)(CHAN_BIASED | CHAN_ONLY_READY))
		return error_because(-EINVAL, "flags: 0x%x has bits that are no flags", s->flags);
	if (timeout < CHAN_WAIT)
		return error_of_timeout(timeout);
	for (unsigned i = 0; i < s->n && err == 0; i++)
		err = check(&s->cases[i], i);
	return err;
}

/* ---- trying ---- */

static ssize_t execute(struct chan_case *c, struct limit *limit)
{
	switch (c->op) {
	case CHAN_OP_SEND:
		return channel_send(c->ch, c->data, c->len, limit);
	case CHAN_OP_TAKE:
		return channel_take(c->ch, c->data, (unsigned)c->len, limit);
	default:
		return channel_receive(c->ch, c->data, c->len, limit);
	}
}

/* Try one case: true, and its result, if it went on or can. */
static bool try_one(struct selection *s, struct chan_case *c, struct limit *round)
{
	ssize_t result;

	if (!(s->flags & CHAN_ONLY_READY))
		result = execute(c, round);
	else if (c->op == CHAN_OP_SEND)
		result = sender_ready(c->ch, c->len, round);
	else
		result = receiver_ready(c->ch, round);
	s->busy |= result == -EBUSY;
	if (result == -EAGAIN || result == -EBUSY)
		return false;
	c->result = result;
	return true;
}

/* Return a number below n, by chance.  Any fair sequence does: a splitmix64 of a counter
 * and this thread's stack. */
static unsigned by_chance(unsigned n)
{
	static _Thread_local uint64_t state;
	uint64_t x;

	if (!state)
		state = (uint64_t)clock_monotonic() ^ (uintptr_t)&state;
	x = state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((x ^ x >> 31) % n);
}

/* Return what moves when a case that was just tried may go on. */
static uint64_t hint(const struct chan_case *c)
{
	uint32_t n;
	struct chan *const *lane = lanes_of(&c->ch, &n);
	uint64_t sum = 0;

	/* A spin that looks too early looks again. */
	for (uint32_t i = 0; i < n; i++) {
		const struct layout_control *control = lane[i]->control;

		sum += c->op == CHAN_OP_SEND ? atomic_load_explicit(&control->receivers.position,
						       memory_order_relaxed)
					     : atomic_load_explicit(&control->senders.position,
						       memory_order_relaxed) +
						       ring_any(&lane[i]->ring);
	}
	return sum;
}

/* Returns true if a look without the lock says that there is nothing to receive, and nothing
 * else can be found out by trying. */
static bool hopeless(const struct chan_case *c)
{
	uint32_t n;
	struct chan *const *lane = lanes_of(&c->ch, &n);

	if (c->op == CHAN_OP_SEND || c->ch->kind->hands_over ||
		channel_state(c->ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (ring_any(&lane[i]->ring) || depends_on_life(lane[i]))
			return false;
	return true;
}

/* Try each case: the number of the one that went on, or -EAGAIN.  If `quickly`, only those
 * that look as if they could: where one of many channels is busy, the others' locks cost
 * more than its message. */
static int try_each(struct selection *s, bool quickly)
{
	struct limit round = limit_of(0);
	unsigned first = s->flags & CHAN_BIASED ? 0 : by_chance(s->n);
	int64_t deadline = limit_deadline(&s->limit);

	round.deadline = clock_monotonic() + MOMENT;
	if (deadline != DEADLINE_NOW && deadline < round.deadline)
		round.deadline = deadline;
	s->busy = false;
	for (unsigned i = 0; i < s->n; i++) {
		unsigned at = first + i < s->n ? first + i : first + i - s->n;

		if (s->seen)
			s->seen[at] = hint(&s->cases[at]);
		if (quickly && hopeless(&s->cases[at]))
			continue;
		if (try_one(s, &s->cases[at], &round))
			return (int)at;
	}
	return -EAGAIN;
}

/* ---- waiting ---- */

static bool any_hint(struct chan *unused, uint64_t selection)
{
	const struct selection *s = (const void *)(uintptr_t)selection;

	(void)unused;
	for (unsigned i = 0; i < s->n; i++)
		if (hint(&s->cases[i]) != s->seen[i] ||
			channel_state(s->cases[i].ch) & (LAYOUT_ENDED | LAYOUT_DAMAGED))
			return true;
	return false;
}

/* Return this thread's experience with spinning in a selection. */
static struct spin *spin_of_thread(void)
{
	static _Thread_local struct spin spin;
	static _Thread_local bool made;

	if (!made)
		spin_init(&spin);
	made = true;
	return &spin;
}

/* Return how many words a case waits on. */
static unsigned words_of(const struct chan_case *c)
{
	return c->op == CHAN_OP_SEND || !c->ch->lanes ? 1 : c->ch->lanes->n;
}

/* Fill in what a case waits on: how many words. */
static unsigned await_case(const struct chan_case *c, struct awaited *ret)
{
	unsigned n = words_of(c);

	if (n == 1) {
		struct chan *ch = c->ch->lanes ? c->ch->lanes->lane[c->ch->lanes->home] : c->ch;

		ret[0] = (struct awaited){
			.ch = ch, .cond = cond_of(&(struct chan_case){.ch = ch, .op = c->op})};
		return 1;
	}
	for (unsigned i = 0; i < n; i++)
		ret[i] = (struct awaited){.ch = c->ch->lanes->lane[i],
			.cond = &c->ch->lanes->lane[i]->control->not_empty};
	return n;
}

/* Sleep until any case may go on; the selection's limit is not 0. */
static int wait_for_one(struct selection *s)
{
	struct awaited all[SELECT_WORDS];
	struct spin *spin = spin_of_thread();
	unsigned served, n = 0;
	int64_t now;
	int found, err = 0;

	for (unsigned i = 0; i < s->n; i++)
		n += await_case(&s->cases[i], &all[n]);
	if (cpu_several() && spin_until(spin, any_hint, NULL, (uintptr_t)s, false)) {
		found = try_each(s, false);
		if (found >= 0)
			return found;
	}
	do {
		wait_arm(all, n);
		found = try_each(s, false);
		if (found >= 0 || err < 0)
			break;
		now = clock_monotonic();
		if (now >= limit_deadline(&s->limit)) {
			/* A word that moves again and again ends each sleep before its time. */
			err = -ETIMEDOUT;
			break;
		}
		err = wait_sleep(all, n, &s->limit, now, s->busy ? MOMENT : wait_bound(all, n));
		spin_slept(spin, clock_monotonic() - now);
	} while (err != -EINTR);
	for (served = 0; served < n; served++)
		if (found >= 0 && all[served].ch == s->cases[found].ch &&
			all[served].cond == cond_of(&s->cases[found]))
			break;
	if (s->limit.slept)
		wait_leave(all, n, served);
	return found >= 0 ? found : err;
}

/* Do the same in a set, for more cases than one can sleep on. */
static int wait_in_set(struct selection *s)
{
	struct chan_ready ready;
	chan_set_t *set;
	int found = -EAGAIN, err = chan_set_create(&set);

	if (err < 0)
		return err;
	for (unsigned i = 0; i < s->n && err == 0; i++)
		err = set_add(set, s->cases[i].ch, role_of(&s->cases[i]), s->cases[i].len);
	while (err >= 0 && found < 0) {
		int64_t deadline = limit_deadline(&s->limit), now = clock_monotonic();

		if (deadline == DEADLINE_NEVER)
			err = chan_set_wait(set, &ready, 1, CHAN_WAIT);
		else if (now < deadline)
			err = chan_set_wait(set, &ready, 1, deadline - now);
		else
			err = -ETIMEDOUT;
		if (err >= 0 || err == -ETIMEDOUT)
			found = try_each(s, false);
	}
	chan_set_destroy(set);
	return found >= 0 ? found : err;
}

int chan_select(struct chan_case *cases, unsigned n, int64_t timeout, unsigned flags)
{
	struct selection s = {.cases = cases, .n = n, .flags = flags, .limit = limit_of(timeout)};
	uint64_t seen[SELECT_WORDS];
	unsigned words = 0;
	int err = check_all(&s, timeout);

	if (err < 0)
		return err;
	for (unsigned i = 0; i < n && words <= SELECT_WORDS; i++)
		words += words_of(&cases[i]);
	if (words <= SELECT_WORDS)
		s.seen = seen;
	err = try_each(&s, true);
	if (err < 0)
		err = try_each(&s, false);
	if (err >= 0)
		return err;
	if (timeout == 0)
		return s.busy ? -EBUSY : -EAGAIN;
	return words <= SELECT_WORDS ? wait_for_one(&s) : wait_in_set(&s);
}
