/* SPDX-License-Identifier: MIT */
/* The ways to spoil a segment, and a watch over time; see fuzz.h. */
#include "fuzz.h"

#include <signal.h>
#include <sys/time.h>

#define get(p) atomic_load_explicit((p), memory_order_relaxed)
#define set(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* A word of 4 or 8 bytes, one of the two. */
struct word {
	_Atomic uint32_t *w32;
	_Atomic uint64_t *w64;
};

/* From here on, a byte means one of those that came later: what is kept of the fuzzer goes on to
 * mean what it did. */
#define LATER_WORDS 204u

static struct word later_word(struct layout_control *c, uint32_t n)
{
	const struct word words[] = {
		{.w64 = &c->receivers.expired.n},
		{.w64 = &c->receivers.expired.next},
		{.w64 = &c->receivers.malformed.n},
		{.w64 = &c->receivers.malformed.next},
		{.w64 = (_Atomic uint64_t *)&c->receivers.due},
		{.w32 = &c->receivers.due_clock},
		{.w32 = &c->receivers.delayed},
		{.w32 = &c->receivers.buried},
		{.w64 = &c->receivers.fenced},
		{.w64 = &c->senders.duplicates},
		{.w64 = &c->calls.unwanted},
		{.w64 = &c->calls.cancellations},
		{.w64 = &c->calls.cancelled[n / 16 % LAYOUT_CANCELLED]},
	};

	return words[n % (sizeof words / sizeof *words)];
}

static struct word control_word(struct layout_control *c, uint32_t n)
{
	const struct word words[] = {
		{.w64 = &c->senders.position},
		{.w64 = &c->receivers.position},
		{.w64 = &c->receivers.deliver},
		{.w64 = &c->receivers.frontier},
		{.w64 = &c->seal},
		{.w32 = &c->state},
		{.w64 = &c->receivers.drop_position},
		{.w64 = &c->receivers.drop_count},
		{.w64 = &c->receivers.dropped},
		{.w64 = &c->receivers.redelivered},
		{.w64 = &c->senders.dropped},
		{.w64 = (_Atomic uint64_t *)&c->idle_since},
		{.w32 = &c->not_empty.sequence},
		{.w32 = &c->not_empty.waiting},
		{.w32 = &c->not_full.sequence},
		{.w32 = &c->not_full.waiting},
		{.w32 = &c->senders.lock.recoveries},
		{.w32 = &c->receivers.lock.recoveries},
		{.w64 = &c->senders.dropped_leased},
		{.w32 = &c->idle_clock},
		{.w32 = &c->senders.need},
		{.w32 = &c->senders.uneven},
		{.w64 = &c->watched},
		{.w64 = &c->receivers.held},
		{.w32 = &c->receivers.held_by},
		{.w64 = &c->senders.wanted},
		{.w32 = &c->receivers.subscribers},
		{.w32 = &c->receivers.evicted},
		{.w64 = &c->receivers.lost},
		{.w64 = &c->ladder.rung[n / 64 % 4].start},
		{.w64 = &c->ladder.rung[n / 64 % 4].limit},
		{.w64 = &c->ladder.rung[n / 64 % 4].skipped},
		{.w64 = &c->ladder.rung[n / 64 % 4].memory},
		{.w64 = (_Atomic uint64_t *)&c->ladder.needed},
	};

	return n >= LATER_WORDS ? later_word(c, n - LATER_WORDS)
				: words[n % (sizeof words / sizeof *words)];
}

static uint64_t new_value(uint64_t old, uint64_t other, struct input *in)
{
	uint32_t how = take_byte(in);
	uint64_t by = take_byte(in);

	switch (how % 8) {
	case 0:
		return old + by * RING_ALIGN;
	case 1:
		return old - by * RING_ALIGN;
	case 2:
		return old ^ UINT64_C(1) << by % 64;
	case 3:
		return other + by * RING_ALIGN;
	case 4:
		return other - by * RING_ALIGN;
	case 5:
		return by;
	case 6:
		return ~by;
	default:
		return take_bytes(in, 8);
	}
}

static uint64_t value_of(struct word w)
{
	return w.w64 ? get(w.w64) : get(w.w32);
}

static struct word subscriber_word(struct layout_subscriber *e, uint32_t n)
{
	const struct word words[] = {
		{.w64 = &e->position},
		{.w32 = &e->state},
		{.w32 = &e->user},
		{.w64 = &e->mark[0].position},
		{.w64 = &e->mark[0].seq},
		{.w64 = &e->mark[1].position},
		{.w64 = &e->mark[1].seq},
		{.w32 = &e->on_lag},
		{.w64 = (_Atomic uint64_t *)&e->patience},
		{.w64 = (_Atomic uint64_t *)&e->blocked_since},
		{.w32 = &e->blocked_clock},
		{.w64 = (_Atomic uint64_t *)&e->unused_since},
		{.w32 = &e->unused_clock},
		{.w64 = (_Atomic uint64_t *)&e->age},
		{.w64 = &e->name[0]},
		{.w64 = &e->lost},
	};

	return words[n % (sizeof words / sizeof *words)];
}

/* Set a word, or move it by a little, or to where another one stands. */
static void spoil_word(struct word w, struct word other, struct input *in)
{
	uint64_t value = new_value(value_of(w), value_of(other), in);

	if (w.w64)
		set(w.w64, value);
	else
		set(w.w32, (uint32_t)value);
}

void spoil_control(struct layout_control *c, struct input *in)
{
	struct word w = control_word(c, take_byte(in));

	spoil_word(w, control_word(c, take_byte(in) % 4), in);
}

void spoil_subscriber(struct layout_control *c, struct layout_subscriber *entry, struct input *in)
{
	struct word w = subscriber_word(entry, take_byte(in));

	spoil_word(w, control_word(c, take_byte(in) % 4), in);
}

void spoil_ring(unsigned char *ring, uint64_t capacity, struct input *in)
{
	uint64_t at = take_bytes(in, 2) * RING_ALIGN % capacity;
	struct layout_record *rec = (struct layout_record *)(void *)(ring + at);

	switch (take_byte(in) % 4) {
	case 0:
		set(&rec->length, (uint32_t)new_value(get(&rec->length), capacity, in));
		break;
	case 1:
		set(&rec->state, record_state(take_byte(in) % 5, take_byte(in), take_byte(in)));
		break;
	case 2:
		set(&rec->seq, new_value(get(&rec->seq), 0, in));
		break;
	default: /* a word of anything, as an atomic, for others look at it */
		set(&rec->length, (uint32_t)take_bytes(in, 4));
		set(&rec->state, (uint32_t)take_bytes(in, 4));
	}
}

void spoil_ids(void *ids, uint64_t size, struct input *in)
{
	uint64_t at = take_bytes(in, 2) * sizeof(uint32_t) % size;
	_Atomic uint32_t *word = (void *)((char *)ids + at);

	set(word, (uint32_t)new_value(get(word), 0, in));
}

static void over(int sig)
{
	(void)sig;
	abort();
}

void bounded(void)
{
	struct itimerval limit = {.it_value.tv_sec = 10};

	signal(SIGPROF, over);
	setitimer(ITIMER_PROF, &limit, NULL);
}
