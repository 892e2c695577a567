/* SPDX-License-Identifier: MIT */
/*
 * The ring, and the kinds on it: on memory of this process, no segment, no lock, no
 * other process.  What needs a crash is made by writing the half-done state.
 */
#include "kind/delivery.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CAPACITY 4096u
#define MAX (CAPACITY - 32)

static struct ring r;
static const struct kind *kind; /* the queue, unless a test says otherwise */

static void setup(void)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	unsigned char *base =
		mmap(NULL, 2 * CAPACITY, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, CAPACITY), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_eq(mmap(base + i * CAPACITY, CAPACITY, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_FIXED, fd, 0),
			base + i * CAPACITY);
	close(fd);
	r = (struct ring){.data = base,
		.capacity = CAPACITY,
		.max_message = MAX,
		.fresh = record_state(RECORD_READY, 0, 0)};
	r.control = aligned_alloc(LAYOUT_PAIR, sizeof(*r.control));
	memset(r.control, 0, sizeof(*r.control));
	ring_init(&r);
	kind = &kind_queue;
}

static void teardown(void)
{
	munmap(r.data, 2 * CAPACITY);
	free(r.control);
}

static void fill(unsigned char *to, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (unsigned char)(seed * 31 + i * 7);
}

static int put(uint32_t len, uint64_t seed)
{
	struct ring_cursor at;
	int err = ring_begin(&r, &at);

	if (err == 0)
		err = ring_room(&r, &at, len);
	if (err < 0)
		return err;
	fill(ring_append(&r, &at, len), len, seed);
	ring_publish(&r, &at);
	return 0;
}

static void check_item(const struct ring_item *it, uint32_t len, uint64_t seed)
{
	unsigned char expected[CAPACITY];

	fill(expected, len, seed);
	ck_assert_uint_eq(it->length, len);
	ck_assert_mem_eq(ring_payload(it->record), expected, len);
}

/* As a channel does it. */
static bool consume(uint64_t from, uint64_t end)
{
	return kind_consume(&kind, kind != &kind_queue, &r, from, end);
}

static int get_one(struct ring_item *it)
{
	int err = ring_next(&r, ring_first(&r), it);

	if (err == 0)
		ck_assert(consume(it->pos, it->end));
	return err;
}

static void get(uint32_t len, uint64_t seed)
{
	struct ring_item it;

	ck_assert_int_eq(ring_next(&r, ring_first(&r), &it), 0);
	check_item(&it, len, seed);
	ck_assert(consume(it.pos, it.end));
}

static void get_empty(void)
{
	struct ring_item it;

	ck_assert_int_eq(ring_next(&r, ring_first(&r), &it), -EAGAIN);
}

static uint64_t head(void)
{
	return atomic_load(&r.control->receivers.position);
}
static uint64_t tail(void)
{
	return atomic_load(&r.control->senders.position);
}

/* ---- records ---- */

START_TEST(should_keep_every_length_at_every_offset)
{
	static const uint32_t lengths[] = {
		0, 1, 15, 16, 17, 31, 32, 33, 1000, MAX - 17, MAX - 16, MAX - 1, MAX};

	for (unsigned l = 0; l < sizeof(lengths) / sizeof(*lengths); l++)
		for (unsigned offset = 0; offset < CAPACITY; offset += RING_ALIGN) {
			/* stand at the offset */
			while (tail() % CAPACITY != offset) {
				ck_assert_int_eq(put(0, 0), 0);
				get(0, 0);
			}
			ck_assert_int_eq(put(lengths[l], offset), 0);
			ck_assert_int_eq(kind->valid(&r), 0);
			get(lengths[l], offset);
			get_empty();
		}
}
END_TEST

START_TEST(should_count_messages_across_laps_and_emptiness)
{
	struct ring_item it;

	for (uint64_t i = 1; i <= 5000; i++) {
		ck_assert_int_eq(put(i % 100, i), 0);
		ck_assert_int_eq(get_one(&it), 0);
		ck_assert_uint_eq(it.seq, i);
	}
}
END_TEST

START_TEST(should_be_full_exactly_when_record_and_next_seq_do_not_fit)
{
	/* an empty record takes 16, and 16 stay for the next seq */
	unsigned n = 0;

	while (put(0, n) == 0)
		n++;
	ck_assert_uint_eq(n, CAPACITY / 16 - 1);
	ck_assert_int_eq(put(0, 0), -EAGAIN);
	ck_assert_int_eq(kind->valid(&r), 0);
	get(0, 0);
	ck_assert_int_eq(put(1, 0), -EAGAIN);
	ck_assert_int_eq(put(0, 0), 0);
	ck_assert_int_eq(put(0, 0), -EAGAIN);
}
END_TEST

START_TEST(should_show_nothing_of_a_batch_before_it_is_published)
{
	struct ring_cursor at;

	ck_assert_int_eq(ring_begin(&r, &at), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(ring_room(&r, &at, 20), 0);
		fill(ring_append(&r, &at, 20), 20, (uint64_t)i);
	}
	get_empty();
	ring_publish(&r, &at);
	for (uint64_t i = 0; i < 10; i++)
		get(20, i);
	get_empty();
}
END_TEST

START_TEST(should_write_a_shorter_record_over_a_reservation)
{
	struct ring_cursor at, again;
	void *to;

	ck_assert_int_eq(ring_begin(&r, &at), 0);
	again = at;
	to = ring_append(&r, &at, 500);
	fill(to, 100, 3);
	ring_append(&r, &again, 100);
	ring_publish(&r, &again);
	get(100, 3);
	ck_assert_int_eq(put(7, 8), 0);
	get(7, 8);
}
END_TEST

/* ---- leases ---- */

static struct ring_claim lease(uint32_t holder, uint64_t seed, uint32_t attempt)
{
	struct ring_item it;

	ck_assert_int_eq(ring_next(&r, ring_first(&r), &it), 0);
	check_item(&it, 8, seed);
	ck_assert(kind->lease(&r, &it, holder));
	ck_assert_uint_eq(record_attempts(it.state), attempt);
	return (struct ring_claim){
		.pos = it.pos, .seq = it.seq, .holder = holder, .attempt = attempt};
}

START_TEST(should_free_space_in_ring_order_only)
{
	struct ring_claim a, b, c;

	for (uint64_t i = 0; i < 4; i++)
		put(8, i);
	a = lease(1, 0, 1);
	b = lease(2, 1, 1);
	c = lease(1, 2, 1);
	ck_assert_int_eq(kind->ack(&r, &c), 0);
	ck_assert(!kind->free(&r));
	ck_assert_int_eq(kind->ack(&r, &b), 0);
	ck_assert(!kind->free(&r));
	ck_assert_uint_eq(head(), 0);
	ck_assert_int_eq(kind->ack(&r, &a), 0);
	ck_assert(kind->free(&r));
	ck_assert_uint_eq(head(), 3 * 32);
	get(8, 3);
	ck_assert(!ring_leased(&r));
	ck_assert_uint_eq(head(), tail());
}
END_TEST

START_TEST(should_deliver_a_released_message_before_newer_ones)
{
	struct ring_claim a, b;

	for (uint64_t i = 0; i < 3; i++)
		put(8, i);
	a = lease(1, 0, 1);
	b = lease(1, 1, 1);
	ck_assert_int_eq(kind->release(&r, &a), 0);
	ck_assert_int_eq(kind->valid(&r), 0);
	get(8, 0); /* again, plainly, in the middle of leases */
	ck_assert_int_eq(kind->valid(&r), 0);
	ck_assert_int_eq(kind->ack(&r, &a), -ESTALE);
	ck_assert_int_eq(kind->release(&r, &b), 0);
	b = lease(1, 1, 2);
	ck_assert_int_eq(kind->ack(&r, &b), 0);
	get(8, 2);
	get_empty();
	ck_assert_uint_eq(head(), tail());
}
END_TEST

START_TEST(should_refuse_claims_that_are_not_held)
{
	struct ring_claim a, other;

	put(8, 0);
	a = lease(1, 0, 1);
	other = a;
	other.holder = 2;
	ck_assert_int_eq(kind->ack(&r, &other), -ESTALE);
	other = a;
	other.attempt = 2;
	ck_assert_int_eq(kind->ack(&r, &other), -ESTALE);
	other = a;
	other.seq++;
	ck_assert_int_eq(kind->ack(&r, &other), -ESTALE);
	other = a;
	other.pos += 16;
	ck_assert_int_eq(kind->ack(&r, &other), -ESTALE);
	other.pos = UINT64_MAX - 15;
	ck_assert_int_eq(kind->release(&r, &other), -ESTALE);
	ck_assert_int_eq(kind->ack(&r, &a), 0);
	ck_assert_int_eq(kind->ack(&r, &a), -ESTALE);
}
END_TEST

static bool is(uint32_t holder, void *arg)
{
	return holder == *(uint32_t *)arg;
}

static struct layout_record *record_at(uint64_t pos)
{
	struct ring_end end = {0};

	return ring_at(&r, &end, pos);
}

static uint32_t header_state(uint64_t pos)
{
	return atomic_load(&record_at(pos)->state);
}

/* As chan_ack() does it without the lock. */
static bool end_held(const struct ring_claim *claim, bool alone)
{
	static _Atomic uint64_t lap;
	uint64_t end = queue_claim_end(&r, claim, &lap);

	return end && queue_end_held(&r, claim->pos, end, alone);
}

START_TEST(should_hold_the_front_and_write_no_header)
{
	const uint32_t ready = record_state(RECORD_READY, 0, 0);
	struct ring_claim a, b, c;

	for (uint64_t i = 0; i < 4; i++)
		put(8, i);
	a = lease(1, 0, 1);
	b = lease(1, 1, 1);
	ck_assert_uint_eq(header_state(0), ready);
	ck_assert_uint_eq(header_state(32), ready);
	ck_assert_uint_eq(ring_held(&r, head()), 64);
	c = lease(2, 2, 1); /* another's, behind it */
	ck_assert_uint_eq(header_state(64), record_state(RECORD_LEASED, 2, 1));
	ck_assert_int_eq(kind->valid(&r), 0);
	ck_assert(!end_held(&b, _i)); /* not the first */
	ck_assert(!end_held(&c, _i));
	ck_assert(end_held(&a, _i));
	ck_assert(!end_held(&a, _i));
	ck_assert_uint_eq(head(), 32);
	ck_assert(end_held(&b, _i));
	ck_assert_uint_eq(head(), 64);
	ck_assert(!end_held(&c, _i)); /* its header says whose it is */
	ck_assert(queue_may_free(&r));
	ck_assert(!kind->free(&r));
	ck_assert_int_eq(kind->ack(&r, &c), 0);
	get(8, 3);
	ck_assert_uint_eq(head(), tail());
}
END_TEST

START_TEST(should_refuse_to_end_what_is_not_held)
{
	struct ring_claim a, other;

	put(8, 0);
	put(8, 1);
	a = lease(1, 0, 1);
	other = a;
	other.holder = 2;
	ck_assert(!end_held(&other, _i));
	other = a;
	other.attempt = 2;
	ck_assert(!end_held(&other, _i));
	other = a;
	other.seq++;
	ck_assert(!end_held(&other, _i));
	atomic_store(&record_at(0)->length, 100); /* beyond what is held */
	ck_assert(!end_held(&a, _i));
	atomic_store(&record_at(0)->length, 8);
	ck_assert_int_eq(kind->release(&r, &a), 0);
	ck_assert(!end_held(&a, _i));
	lease(2, 0, 2);
	ck_assert(!end_held(&a, _i));
	ck_assert_uint_eq(head(), 0);
}
END_TEST

/* A death after any number of the headers. */
START_TEST(should_count_each_attempt_once_over_a_death)
{
	const uint32_t leased = record_state(RECORD_LEASED, 1, 1);
	uint32_t dead = 1;

	for (uint64_t i = 0; i < 4; i++)
		put(8, i);
	for (uint64_t i = 0; i < 3; i++)
		lease(1, i, 1);
	for (uint64_t i = 0; i < (uint64_t)_i; i++)
		atomic_store(&record_at(32 * i)->state, leased);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_int_eq(kind->valid(&r), 0);
	get(8, 3); /* nothing that is held is delivered */
	ck_assert_uint_eq(head(), 0);
	ck_assert_int_eq(kind->reclaim(&r, is, &dead), 3);
	ck_assert_int_eq(kind->valid(&r), 0);
	for (uint64_t i = 0; i < 3; i++)
		lease(2, i, 2);
	get_empty();
}
END_TEST

START_TEST(should_free_what_was_done_out_of_order_behind_what_is_held)
{
	struct ring_claim a, b, c;

	for (uint64_t i = 0; i < 3; i++)
		put(8, i);
	a = lease(1, 0, 1);
	b = lease(1, 1, 1);
	c = lease(1, 2, 1);
	ck_assert_int_eq(kind->ack(&r, &b), 0);
	ck_assert(!kind->free(&r));
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert(end_held(&a, _i));
	ck_assert(queue_may_free(&r));
	ck_assert(kind->free(&r));
	ck_assert_uint_eq(head(), 64);
	ck_assert_int_eq(kind->valid(&r), 0);
	ck_assert(end_held(&c, _i));
	ck_assert_uint_eq(head(), tail());
}
END_TEST

START_TEST(should_reclaim_the_leases_of_one_holder)
{
	uint32_t dead = 2;

	for (uint64_t i = 0; i < 4; i++)
		put(8, i);
	lease(1, 0, 1);
	lease(2, 1, 1);
	lease(1, 2, 1);
	lease(2, 3, 1);
	ck_assert_int_eq(kind->reclaim(&r, is, &dead), 2);
	ck_assert_int_eq(kind->reclaim(&r, is, &dead), 0);
	ck_assert_int_eq(kind->valid(&r), 0);
	lease(3, 1, 2);
	lease(3, 3, 2);
	get_empty();
	ck_assert_uint_eq(atomic_load(&r.control->receivers.redelivered), 2);
}
END_TEST

START_TEST(should_stop_counting_attempts_at_the_limit)
{
	struct ring_claim a;
	struct ring_item it;

	put(8, 0);
	for (uint32_t i = 1; i <= RECORD_ATTEMPTS_MAX; i++) {
		a = lease(1, 0, i);
		ck_assert_int_eq(kind->release(&r, &a), 0);
	}
	a = lease(1, 0, RECORD_ATTEMPTS_MAX);
	ck_assert_int_eq(ring_read(&r, a.pos, &it), 0);
	ck_assert_uint_eq(ring_state(&r, &it), record_state(RECORD_LEASED, 1, RECORD_ATTEMPTS_MAX));
}
END_TEST

/* ---- dropping ---- */

START_TEST(should_drop_the_oldest_and_count_it)
{
	for (uint64_t i = 0; i < 3; i++)
		put(8, i);
	ck_assert_int_eq(kind->drop(&r), 0);
	ck_assert_uint_eq(atomic_load(&r.control->receivers.dropped), 1);
	get(8, 1);
	lease(1, 2, 1);
	ck_assert_int_eq(kind->drop(&r), KIND_LEASED);
	ck_assert_uint_eq(atomic_load(&r.control->receivers.dropped), 1);
}
END_TEST

START_TEST(should_find_room_and_not_a_lease_where_receivers_emptied_the_ring)
{
	ck_assert_int_eq(kind->drop(&r), 0);
	put(8, 0);
	get(8, 0);
	ck_assert_int_eq(kind->drop(&r), 0);
	ck_assert_uint_eq(atomic_load(&r.control->receivers.dropped), 0);
}
END_TEST

START_TEST(should_purge_what_is_ready_and_keep_what_is_leased)
{
	struct ring_claim a;

	for (uint64_t i = 0; i < 5; i++)
		put(8, i);
	ck_assert_int_eq(kind->purge(&r), 5);
	get_empty();
	ck_assert_uint_eq(head(), tail());
	for (uint64_t i = 0; i < 5; i++)
		put(8, i);
	a = lease(1, 0, 1);
	ck_assert_int_eq(kind->purge(&r), 4);
	get_empty();
	ck_assert_int_eq(kind->valid(&r), 0);
	ck_assert_uint_lt(head(), tail());
	ck_assert_int_eq(kind->ack(&r, &a), 0);
	ck_assert(kind->free(&r));
	ck_assert_uint_eq(head(), tail());
	ck_assert_uint_eq(atomic_load(&r.control->receivers.dropped), 9);
}
END_TEST

/* The journal: an owner that died at each of its stores. */
START_TEST(should_keep_the_drop_count_exact_over_a_death)
{
	struct layout_receivers *rx = &r.control->receivers;

	for (uint64_t i = 0; i < 4; i++)
		put(8, i);
	/* before anything was committed */
	atomic_store(&rx->drop_position, 0);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_uint_eq(rx->dropped, 0);
	atomic_store(&rx->drop_count, 1);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_uint_eq(rx->dropped, 0);
	ck_assert_uint_eq(rx->drop_count, 0);
	/* after the record went, before the count followed */
	atomic_store(&rx->drop_position, 0);
	atomic_store(&rx->drop_count, 1);
	atomic_store(&rx->position, 32);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_uint_eq(rx->dropped, 1);
	/* the same in the middle of the ring */
	lease(1, 1, 1);
	atomic_store(&rx->drop_position, 64);
	atomic_store(&rx->drop_count, 2);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_uint_eq(rx->dropped, 1);
	atomic_store(&rx->drop_position, 64);
	atomic_store(&rx->drop_count, 2);
	{
		struct ring_end end = {0};

		atomic_store(
			&ring_at(&r, &end, 64)->state, record_state(RECORD_DONE, RECORD_PURGED, 0));
	}
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_uint_eq(rx->dropped, 2);
	ck_assert_int_eq(kind->valid(&r), 0);
	get(8, 3);
}
END_TEST

/* ---- the end ---- */

START_TEST(should_let_either_side_decide_the_end_once)
{
	struct ring_cursor at;

	put(8, 0);
	/* a send publishes, and finds the channel closed: it is in */
	ck_assert_int_eq(ring_begin(&r, &at), 0);
	fill(ring_append(&r, &at, 8), 8, 1);
	ring_publish(&r, &at);
	atomic_fetch_or(&r.control->state, LAYOUT_CLOSED);
	get_empty(); /* not before it is known where it ends */
	ck_assert(ring_inside_end(&r, at.pos));
	ring_seal(&r);
	get(8, 0);
	get(8, 1);
	get_empty();
}
END_TEST

START_TEST(should_keep_what_was_taken_before_the_end_was_decided)
{
	struct ring_item it;

	/* two sends, published, that have not looked yet; both are received */
	put(8, 0);
	put(8, 1);
	ck_assert_int_eq(ring_next(&r, 0, &it), 0);
	ck_assert_int_eq(ring_next(&r, it.end, &it), 0);
	ck_assert(consume(0, it.end));
	atomic_fetch_or(&r.control->state, LAYOUT_CLOSED);
	ck_assert(ring_inside_end(&r, 32));
	ck_assert(ring_inside_end(&r, 64));
	get_empty();
	ck_assert_int_eq(kind->valid(&r), 0);
}
END_TEST

START_TEST(should_never_show_what_was_published_behind_the_seal)
{
	struct ring_cursor at;
	uint64_t old;

	put(8, 0);
	atomic_fetch_or(&r.control->state, LAYOUT_CLOSED);
	ring_seal(&r);
	get(8, 0);
	ck_assert_int_eq(ring_begin(&r, &at), 0);
	old = at.pos;
	fill(ring_append(&r, &at, 8), 8, 1);
	ring_publish(&r, &at);
	get_empty();
	ck_assert(!ring_inside_end(&r, at.pos));
	get_empty();
	ck_assert_int_eq(kind->repair_senders(&r), 0);
	ck_assert_uint_eq(tail(), old);
}
END_TEST

/* ---- rendezvous ---- */

START_TEST(should_hand_over_or_withdraw_never_both)
{
	struct ring_item it;

	kind = &kind_rendezvous;
	put(8, 0);
	ck_assert(!kind->handed_over(&r, 0));
	ck_assert_int_eq(ring_next(&r, ring_first(&r), &it), 0);
	ck_assert(kind->withdraw(&r, 0));
	ck_assert(!consume(it.pos, it.end)); /* too late */
	ck_assert_uint_eq(head(), tail());
	put(8, 1);
	ck_assert_int_eq(get_one(&it), 0);
	ck_assert(kind->handed_over(&r, 32));
	ck_assert(!kind->withdraw(&r, 32));
	put(8, 2);
	ck_assert_int_eq(ring_next(&r, ring_first(&r), &it), 0);
	ck_assert(kind->lease(&r, &it, 1));
	ck_assert(kind->handed_over(&r, 64));
	{
		struct ring_claim c = {.pos = 64, .seq = it.seq, .holder = 1, .attempt = 1};

		ck_assert_int_eq(kind->release(&r, &c), 0);
	}
	ck_assert(kind->handed_over(&r, 64)); /* a receiver had it */
	ck_assert(!kind->withdraw(&r, 64));
	ck_assert_int_eq(kind->repair_senders(&r), 0); /* nor does the repair */
	get(8, 2);
}
END_TEST

START_TEST(should_withdraw_a_dead_sender_s_message)
{
	kind = &kind_rendezvous;
	put(8, 0);
	ck_assert_int_eq(kind->repair_senders(&r), 0);
	get_empty();
	ck_assert(kind->note_end(&r));
	ck_assert_uint_eq(head(), tail());
}
END_TEST

/* ---- repair ---- */

START_TEST(should_rebuild_what_is_derived)
{
	struct layout_receivers *rx = &r.control->receivers;
	struct ring_claim b;

	for (uint64_t i = 0; i < 5; i++)
		put(8, i);
	lease(1, 0, 1);
	b = lease(2, 1, 1);
	lease(1, 2, 1);
	ck_assert_int_eq(kind->ack(&r, &b), 0);
	atomic_store(&rx->deliver, 0);
	atomic_store(&rx->frontier, 0);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	ck_assert_int_eq(kind->valid(&r), 0);
	ck_assert_uint_eq(rx->frontier, 96);
	ck_assert_uint_eq(head(), 0);
	get(8, 3);
	get(8, 4);
	get_empty();
}
END_TEST

/* ---- damage ---- */

START_TEST(should_find_damage_in_every_field)
{
	const uint32_t states[] = {0, record_state(4, 0, 0), UINT32_MAX};
	struct ring_end end = {0};
	struct layout_record *rec;
	struct ring_item it;
	struct ring_cursor at;

	put(8, 0);
	put(8, 1);
	atomic_store(&r.control->receivers.held, 96); /* beyond the senders' position */
	ck_assert_int_eq(kind->valid(&r), -EBADMSG);
	ck_assert_int_eq(kind->repair_receivers(&r), -EBADMSG);
	atomic_store(&r.control->receivers.held, 16); /* not where a record ends */
	ck_assert_int_eq(kind->valid(&r), -EBADMSG);
	atomic_store(&r.control->receivers.held, 0);
	ck_assert_int_eq(kind->repair_receivers(&r), 0);
	rec = ring_at(&r, &end, 32);
	atomic_store(&rec->length, MAX + 1);
	get(8, 0); /* what is sound */
	ck_assert_int_eq(get_one(&it), -EBADMSG);
	ck_assert_int_eq(kind->valid(&r), -EBADMSG);
	ck_assert_int_eq(kind->repair_receivers(&r), -EBADMSG);
	atomic_store(&rec->length, UINT32_MAX);
	ck_assert_int_eq(get_one(&it), -EBADMSG);
	atomic_store(&rec->length, 17); /* beyond the senders' position */
	ck_assert_int_eq(get_one(&it), -EBADMSG);
	atomic_store(&rec->length, 8);
	for (unsigned i = 0; i < sizeof(states) / sizeof(*states); i++) {
		atomic_store(&rec->state, states[i]);
		ck_assert_int_eq(get_one(&it), -EBADMSG);
	}
	atomic_store(&rec->state, record_state(RECORD_READY, 0, 0));
	get(8, 1);

	atomic_store(&r.control->senders.position, 1);
	ck_assert_int_eq(ring_begin(&r, &at), -EBADMSG);
	atomic_store(&r.control->senders.position, UINT64_MAX & ~15ull);
	r.rx.seen = r.tx.seen = r.horizon = 0;
	ck_assert_int_eq(get_one(&it), -EBADMSG);
	ck_assert_int_eq(put(8, 0), -EBADMSG);
	ck_assert_int_eq(kind->repair_senders(&r), -EBADMSG);
	atomic_store(&r.control->senders.position, 64);
	atomic_store(&r.control->receivers.position, 33);
	r.rx.seen = r.tx.seen = r.horizon = 0;
	ck_assert_int_eq(get_one(&it), -EBADMSG);
	ck_assert_int_eq(put(MAX, 0), -EBADMSG);
}
END_TEST

/* ---- everything at random, against a plain list ---- */

#define MODEL 512

struct model {
	struct message {
		uint64_t seed, pos, seq;
		uint32_t len, holder, attempts; /* holder 0: ready */
		bool done;
	} m[MODEL];
	unsigned first, n; /* in ring order */
};

static struct message *nth(struct model *m, unsigned i)
{
	return &m->m[(m->first + i) % MODEL];
}

static void model_free(struct model *m)
{
	while (m->n && nth(m, 0)->done) {
		m->first++;
		m->n--;
	}
}

static struct message *model_ready(struct model *m)
{
	for (unsigned i = 0; i < m->n; i++)
		if (!nth(m, i)->done && !nth(m, i)->holder)
			return nth(m, i);
	return NULL;
}

static struct message *model_leased(struct model *m, unsigned seed)
{
	for (unsigned i = 0; i < m->n; i++) {
		struct message *x = nth(m, (i + seed) % m->n);

		if (!x->done && x->holder)
			return x;
	}
	return NULL;
}

static void step(struct model *m, unsigned *seed, uint64_t *sent)
{
	unsigned dice = (unsigned)rand_r(seed) % 100;
	struct ring_item it;
	struct message *x;

	if (dice < 40) {
		uint32_t len = (uint32_t)rand_r(seed) % (dice < 5 ? MAX : 60);
		int err = m->n < MODEL ? put(len, *sent) : -EAGAIN;

		if (err == 0) {
			*nth(m, m->n++) = (struct message){.seed = *sent,
				.len = len,
				.seq = *sent + 1,
				.pos = tail() - ring_size(len)};
			++*sent;
		} else {
			ck_assert_int_eq(err, -EAGAIN);
		}
	} else if (dice < 75) {
		int err = ring_next(&r, ring_first(&r), &it);

		x = model_ready(m);
		ck_assert_int_eq(err, x ? 0 : -EAGAIN);
		if (!x) {
			kind->note_end(&r);
		} else {
			ck_assert_uint_eq(it.seq, x->seq);
			check_item(&it, x->len, x->seed);
			if (dice < 55) {
				ck_assert(consume(it.pos, it.end));
				x->done = true;
			} else {
				x->holder = 1 + dice % 3;
				ck_assert(kind->lease(&r, &it, x->holder));
				x->attempts++;
			}
		}
	} else if (dice < 92) {
		x = model_leased(m, (unsigned)rand_r(seed));
		if (x) {
			struct ring_claim c = {.pos = x->pos,
				.seq = x->seq,
				.holder = x->holder,
				.attempt = x->attempts};

			if (dice < 85) {
				if (dice % 2 || !end_held(&c, dice % 4))
					ck_assert_int_eq(kind->ack(&r, &c), 0);
				x->done = true;
				kind->free(&r);
			} else {
				ck_assert_int_eq(kind->release(&r, &c), 0);
				x->holder = 0;
			}
		}
	} else if (dice < 95) {
		uint32_t dead = 1 + (unsigned)rand_r(seed) % 3;

		kind->reclaim(&r, is, &dead);
		for (unsigned i = 0; i < m->n; i++)
			if (!nth(m, i)->done && nth(m, i)->holder == dead)
				nth(m, i)->holder = 0;
	} else if (dice < 97) {
		model_free(m);
		x = m->n ? nth(m, 0) : NULL;
		if (kind->drop(&r) == 0) {
			ck_assert(!x || !x->holder);
			if (x)
				x->done = true;
		} else {
			ck_assert(x && x->holder);
		}
	} else if (dice < 99) {
		atomic_store(&r.control->receivers.deliver, (uint64_t)rand_r(seed)); /* derived */
		ck_assert_int_eq(kind->repair_receivers(&r), 0);
		ck_assert_int_eq(kind->repair_senders(&r), 0);
	} else {
		int64_t n = 0;

		for (unsigned i = 0; i < m->n; i++)
			if (!nth(m, i)->done && !nth(m, i)->holder) {
				nth(m, i)->done = true;
				n++;
			}
		ck_assert_int_eq(kind->purge(&r), n);
	}
	model_free(m);
}

START_TEST(should_agree_with_a_list_over_random_operations)
{
	static struct model m;
	uint64_t sent = 0;
	unsigned seed = (unsigned)_i + 1;

	memset(&m, 0, sizeof(m));
	for (int i = 0; i < 30000; i++) {
		step(&m, &seed, &sent);
		ck_assert_int_eq(kind->valid(&r), 0);
		ck_assert_uint_eq(head(), m.n ? nth(&m, 0)->pos : tail());
	}
	ck_assert_uint_gt(sent, 1000);
}
END_TEST

void add_tests(void)
{
	GROUP("ring", setup, teardown, should_keep_every_length_at_every_offset,
		should_count_messages_across_laps_and_emptiness,
		should_be_full_exactly_when_record_and_next_seq_do_not_fit,
		should_show_nothing_of_a_batch_before_it_is_published,
		should_write_a_shorter_record_over_a_reservation,
		should_free_space_in_ring_order_only,
		should_deliver_a_released_message_before_newer_ones,
		should_refuse_claims_that_are_not_held, should_reclaim_the_leases_of_one_holder,
		should_stop_counting_attempts_at_the_limit, should_drop_the_oldest_and_count_it,
		should_find_room_and_not_a_lease_where_receivers_emptied_the_ring,
		should_purge_what_is_ready_and_keep_what_is_leased,
		should_keep_the_drop_count_exact_over_a_death,
		should_let_either_side_decide_the_end_once,
		should_keep_what_was_taken_before_the_end_was_decided,
		should_never_show_what_was_published_behind_the_seal,
		should_hand_over_or_withdraw_never_both, should_withdraw_a_dead_sender_s_message,
		should_rebuild_what_is_derived, should_find_damage_in_every_field);
	GROUP_FOR(0, 2, "held", setup, teardown, should_hold_the_front_and_write_no_header,
		should_refuse_to_end_what_is_not_held,
		should_free_what_was_done_out_of_order_behind_what_is_held);
	GROUP_FOR(0, 4, "held, over a death", setup, teardown,
		should_count_each_attempt_once_over_a_death);
	GROUP_FOR(
		0, 10, "random", setup, teardown, should_agree_with_a_list_over_random_operations);
}
