/* SPDX-License-Identifier: MIT */
/* The model is in delay.h. */
#include "channel/delay.h"

#include "channel/lanes.h"

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* A time long ago: look now. */
#define NOW 1

static struct layout_receivers *rx(const struct chan *ch)
{
	return &ch->control->receivers;
}

/* ---- when the first is due ---- */

/* Store that, by this process's clock. */
static void set_due(const struct chan *ch, int64_t due)
{
	store(&rx(ch)->due_clock, ch->who.clock);
	/* Release: pairs with the acquire in delay_left(). */
	atomic_store_explicit(&rx(ch)->due, due, memory_order_release);
}

bool delay_note(const struct chan *ch, int64_t wait)
{
	int64_t is = load(&rx(ch)->due), due;

	if (__builtin_add_overflow(clock_monotonic(), wait, &due))
		due = INT64_MAX;
	if (is && load(&rx(ch)->due_clock) != ch->who.clock)
		due = NOW; /* the times can't be compared */
	if (is && is <= due)
		return false;
	set_due(ch, due);
	return true;
}

static int64_t left_in(const struct chan *ch)
{
	int64_t due = atomic_load_explicit(&rx(ch)->due, memory_order_acquire), left;

	if (!due || !ch->kind->restore)
		return INT64_MAX;
	if (load(&rx(ch)->due_clock) != ch->who.clock)
		return 1;
	left = due - clock_monotonic();
	return left > 1 ? left : 1;
}

int64_t delay_left(struct chan *ch)
{
	uint32_t n;
	struct chan *const *lane = lanes_of(&ch, &n);
	int64_t least = INT64_MAX, left;

	for (uint32_t i = 0; i < n; i++) {
		left = left_in(lane[i]);
		if (left < least)
			least = left;
	}
	return least;
}

/* ---- making ready ---- */

/* A look at all that is delayed. */
struct search {
	const struct chan *ch;
	int64_t next; /* ns until the first that is left is due */
};

static bool is_due(const struct ring_item *it, void *arg)
{
	struct search *s = arg;
	struct layout_meta meta;
	int64_t wait;

	/* Whoever finds it, sees what is to be done. */
	if (envelope_read(ring_payload(it->record), it->length, s->ch->segment.header.max_message,
		    &meta) < 0)
		return true;
	wait = envelope_wait(&meta, s->ch->who.clock);
	if (wait > 0 && wait < s->next)
		s->next = wait;
	return wait <= 0;
}

static bool every(const struct ring_item *it, void *arg)
{
	(void)it;
	(void)arg;
	return true;
}

void delay_look(struct chan *ch)
{
	struct search s = {.ch = ch, .next = INT64_MAX};

	if (likely(!load(&rx(ch)->due)) || left_in(ch) > 1)
		return;
	/* An error is found again by whoever receives what is behind. */
	ch->kind->restore(&ch->ring, LAYOUT_DELAYED, false, is_due, &s);
	store(&rx(ch)->due, 0);
	if (s.next != INT64_MAX)
		delay_note(ch, s.next);
}

void delay_first(struct chan *ch, const struct ring_item *it, int64_t wait)
{
	ch->kind->set_first_aside(&ch->ring, it, LAYOUT_DELAYED);
	delay_note(ch, wait);
}

int delay_forget(struct chan *ch)
{
	int n = ch->kind->restore(&ch->ring, LAYOUT_DELAYED, false, every, NULL);

	store(&rx(ch)->due, 0);
	return n < 0 ? n : 0;
}
