/* SPDX-License-Identifier: MIT */
/* The model is in rest.h. */
#include "channel/rest.h"

#include "channel/condition.h"
#include "channel/lanes.h"
#include "channel/listener.h"
#include "channel/name.h"
#include "channel/wake.h"
#include "core/cpu.h"
#include "core/lock.h"
#include "segment/bell.h"

#include <sched.h>

/* A ring that comes too early is harmless. */
#define ALARM_MOST INT64_C(3600000000000)

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

bool depends_on_life(struct chan *ch)
{
	uint32_t n;
	struct chan *const *lane = lanes_of(&ch, &n);

	for (uint32_t i = 1; i < n; i++)
		if (ring_leased(&lane[i]->ring))
			return true;
	return ring_leased(&lane[0]->ring) || ch->kind->subscribed ||
	       ch->segment.header.options & (CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS);
}

static void add_heard(int watch, struct bell_heard what, void *arg)
{
	struct bell_heard *all = arg;

	all->named |= what.named || watch < 0; /* if events were lost */
	all->closed |= what.closed;
}

/* Spin, having learned from how long the loop slept the last time. */
static bool spin_first(struct chan *ch, const struct condition *what, int64_t now)
{
	struct pollable *p = what->pollable;
	int64_t rested = load(&p->rested);

	if (!what->spin || !cpu_several())
		return false;
	if (rested)
		spin_slept(what->spin, now - rested);
	store(&p->rested, 0);
	return spin_until(what->spin, what->changed, ch, what->seen, what->lags);
}

/* Make the descriptor unreadable: true if the channel lost its name meanwhile. */
static bool hear(struct chan *ch, struct pollable *p, int64_t now)
{
	struct bell_heard heard = {.closed = false};

	if (p->listener)
		listener_hear(&p->own);
	else
		bell_hear(&p->own, add_heard, &heard);
	if (heard.closed && depends_on_life(ch))
		store(&p->alert, now + REST_ALERT);
	return heard.named && channel_notice(ch);
}

/* Returns true if a set listens to the channel for the endpoint. */
static bool in_a_set(struct chan *ch)
{
	return atomic_load_explicit(&ch->holders, memory_order_relaxed) > 1;
}

void pollable_ring(const struct chan *ch, const struct pollable *p)
{
	if (p->listener)
		listener_ring(&p->own);
	else
		bell_ring(&ch->segment);
}

/* Return when what the call waits for happens by itself, of which nobody rings. */
static int64_t due(struct chan *ch, const struct condition *what)
{
	int64_t bound = condition_bound(ch, what);

	return bound == INT64_MAX ? DEADLINE_NEVER
				  : clock_monotonic() + (bound < ALARM_MOST ? bound : ALARM_MOST);
}

static bool comes_by_itself(const struct condition *what)
{
	return what->at_most || what->comes_in;
}

/* See to it that the bell rings at that time. */
static void set_alarm(struct chan *ch, const struct condition *what)
{
	int64_t at = due(ch, what);

	if (at != DEADLINE_NEVER && pollable_alarm(what->pollable, &ch->segment, at) < 0) {
		sched_yield();
		bell_ring(&ch->segment);
	}
}

bool pollable_rest(struct chan *ch, const struct condition *what)
{
	struct pollable *p = what->pollable;
	uint32_t key = 0;
	int64_t now;
	bool over;

	if (likely(!p || !pollable_there(p))) {
		if (p && unlikely(comes_by_itself(what)) && in_a_set(ch))
			set_alarm(ch, what);
		return false;
	}
	now = clock_monotonic();
	if (spin_first(ch, what, now))
		return true;
	over = hear(ch, p, now);
	if (p->listener)
		key = channel_arm(ch, what->cond);
	else
		channel_arm_bell(ch, what->cond);
	channel_announced(ch, what->cond);
	channel_receiver_came(ch, what->cond);
	if (over || what->changed(ch, what->seen) || what->abandoned(ch)) {
		pollable_ring(ch, p); /* there may be more than the call takes */
		return true;
	}
	if (now < load(&p->alert) || unlikely(now < ch->known_at)) {
		sched_yield();
		pollable_ring(ch, p);
		return false;
	}
	store(&p->rested, now);
	if (p->listener)
		listener_listen(p->listener, what->cond, key, due(ch, what));
	else if (unlikely(comes_by_itself(what)))
		set_alarm(ch, what);
	return false;
}
