/* SPDX-License-Identifier: MIT */
/*
 * The ring on an array, where the address sanitizer sees every byte: operations
 * and damage in turns.  Whatever is spoiled, no operation leaves the array, and
 * each ends.
 */
#include "fuzz.h"
#include "kind/delivery.h"

static const struct kind *kind; /* of this input */

enum { CAPACITY = 1024, MAX_MESSAGE = 200 };

static bool every_other(uint32_t holder, void *arg)
{
	(void)arg;
	return holder & 1;
}

static void append_some(struct ring *r, struct input *in)
{
	struct ring_cursor at;
	uint64_t old;
	uint32_t n = 1 + take_byte(in) % 4, length;
	bool any = false;

	if (ring_begin(r, &at) < 0)
		return;
	for (old = at.pos; n--; any = true) {
		length = take_byte(in) % (MAX_MESSAGE + 1);
		if (ring_room(r, &at, length) < 0)
			break;
		memset(ring_append(r, &at, length), 'x', length);
	}
	if (!any)
		return;
	ring_publish(r, &at);
	if (take_byte(in) % 8 == 0)
		ring_inside_end(r, old);
}

/* Read all of it; what comes of it is nothing, but the compiler can't know. */
static void sum_of(struct ring *r, const struct ring_item *it)
{
	const unsigned char *p = ring_payload(it->record);
	uint64_t sum = 0;

	MUST(it->length <= r->max_message);
	for (uint32_t i = 0; i < it->length; i++)
		sum += p[i];
	__asm__ volatile("" : : "r"(sum));
}

/* A sender takes back what it published where it found the end. */
static void withdraw(struct ring *r)
{
	struct ring_cursor at, old;

	if (ring_begin(r, &at) < 0 || ring_room(r, &at, 8) < 0)
		return;
	old = at;
	ring_append(r, &at, 8);
	ring_publish(r, &at);
	if (!kind_rendezvous.handed_over(r, old.pos))
		kind_rendezvous.withdraw(r, old.pos);
}

static void consume_some(struct ring *r, uint32_t n)
{
	uint64_t from = ring_first(r), end = from;
	struct ring_item it;

	while (n-- && ring_next(r, end, &it) == 0) {
		sum_of(r, &it);
		end = it.end;
	}
	if (end != from)
		kind_consume(&kind, kind != &kind_queue, r, from, end);
	else
		kind->note_end(r);
}

static void lease_one(struct ring *r, uint32_t holder, struct ring_claim *claim)
{
	struct ring_item it;

	if (ring_next(r, ring_first(r), &it) < 0 || !kind->lease(r, &it, holder))
		return;
	*claim = (struct ring_claim){it.pos, it.seq, holder, record_attempts(it.state)};
}

/* As chan_ack() does it. */
static void end_held(struct ring *r, const struct ring_claim *claim, bool alone)
{
	static _Atomic uint64_t lap;
	uint64_t end = kind == &kind_queue ? queue_claim_end(r, claim, &lap) : 0;

	if (end && queue_end_held(r, claim->pos, end, alone) && queue_may_free(r))
		kind->free(r);
}

static void operate(struct ring *r, struct input *in, struct ring_claim claim[4])
{
	uint32_t arg = take_byte(in);
	struct ring_item it;

	switch (take_byte(in) % 16) {
	case 0:
		append_some(r, in);
		break;
	case 1:
		consume_some(r, arg % 8);
		break;
	case 2:
		lease_one(r, arg & 3, &claim[arg & 3]);
		break;
	case 3:
		kind->ack(r, &claim[arg & 3]);
		break;
	case 4:
		kind->release(r, &claim[arg & 3]);
		break;
	case 5:
		kind->free(r);
		break;
	case 6:
		kind->reclaim(r, every_other, NULL);
		break;
	case 7:
		kind_queue.drop(r);
		break;
	case 8:
		kind->purge(r);
		break;
	case 9:
		kind->repair_senders(r);
		break;
	case 10:
		kind->repair_receivers(r);
		break;
	case 11:
		kind->valid(r);
		break;
	case 12:
		withdraw(r);
		break;
	case 14:
	case 15:
		end_held(r, &claim[arg & 3], arg & 4);
		break;
	default:
		ring_seal(r);
		if (ring_next(r, ring_first(r), &it) == 0)
			sum_of(r, &it);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ring_claim claim[4] = {{0, 0, 0, 0}};
	static struct layout_control control;
	struct ring r = {.capacity = CAPACITY,
		.max_message = MAX_MESSAGE,
		.control = &control,
		.fresh = record_state(RECORD_READY, 0, 0)};

	bounded();
	memset(&control, 0, sizeof(control));
	kind = take_byte(&in) & 1 ? &kind_rendezvous : &kind_queue;
	r.data = calloc(2, CAPACITY);
	MUST(r.data);
	ring_init(&r);
	while (in.left)
		switch (take_byte(&in) % 4) {
		case 0:
			spoil_control(&control, &in);
			break;
		case 1:
			spoil_ring(r.data, 2 * CAPACITY, &in);
			break;
		default:
			operate(&r, &in, claim);
		}
	free(r.data);
	return 0;
}
