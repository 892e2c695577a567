/* SPDX-License-Identifier: MIT */
/* A broadcast on memory of this process: no segment, no lock, no other process.  Deaths are
 * what `gone` says, and what one leaves half-done is written. */
#include "base/clock.h"
#include "kind/broadcast.h"
#include "kind/delivery.h"
#include "support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CAPACITY 4096u
#define ENDPOINTS 4u
#define GROUPS 2u

static struct ring r;
static uint32_t dead; /* a bit for each slot */
static struct broadcast_holder holder;

static void setup(void)
{
	size_t table = (ENDPOINTS + GROUPS) * sizeof(struct layout_subscriber);
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
		.max_message = 1000,
		.subscribers = ENDPOINTS + GROUPS,
		.fresh = broadcast_fresh(clock_real())};
	r.control = aligned_alloc(LAYOUT_PAIR, sizeof(*r.control));
	r.subscriber = aligned_alloc(LAYOUT_PAIR, table);
	memset(r.control, 0, sizeof(*r.control));
	memset(r.subscriber, 0, table);
	ring_init(&r);
	dead = 0;
}

static void teardown(void)
{
	munmap(r.data, 2 * CAPACITY);
	free(r.control);
	free(r.subscriber);
}

static bool gone(uint32_t slot, void *arg)
{
	(void)arg;
	return dead & 1u << slot;
}

/* Send messages of 16 bytes, which take 32, while there is room: how many. */
static unsigned send_up_to(unsigned n)
{
	struct ring_cursor at;
	unsigned sent;

	for (sent = 0; sent < n; sent++) {
		ck_assert_int_eq(ring_begin(&r, &at), 0);
		if (ring_room(&r, &at, 16) < 0 &&
			broadcast_make_room(&r, at.pos, 16, false, gone, NULL, &holder) < 0)
			break;
		ck_assert_int_ge(ring_room(&r, &at, 16), 0);
		ring_append(&r, &at, 16);
		ring_publish(&r, &at);
	}
	ck_assert_int_eq(kind_broadcast.valid(&r), 0);
	return sent;
}

static void join(uint32_t entry, uint32_t on_lag, int64_t patience)
{
	struct chan_subscription how = {.on_lag = on_lag, .patience = (uint64_t)patience};
	struct broadcast_place at;

	ck_assert_int_eq(broadcast_find_start(&r, &how, &at), 0);
	broadcast_join(&r, entry, &how, &at);
}

static uint32_t state_of(uint32_t entry)
{
	return atomic_load(&r.subscriber[entry].state);
}

START_TEST(should_overwrite_what_nobody_holds)
{
	struct broadcast_place oldest;

	join(0, CHAN_LAG_LOSE, 0);
	ck_assert_uint_eq(send_up_to(10000), 10000);
	ck_assert_int_eq(broadcast_oldest(&r, &oldest), 0);
	/* An eighth, and a mark's part, less than fits. */
	ck_assert_uint_ge(10001 - oldest.seq, 127 * 3 / 4);
	ck_assert_uint_le(10001 - oldest.seq, 127);
}
END_TEST

START_TEST(should_stop_at_the_slowest_that_lives)
{
	struct broadcast_place at = {.pos = 64, .seq = 3};

	join(0, CHAN_LAG_BLOCK, 0);
	join(1, CHAN_LAG_BLOCK, 0);
	ck_assert_uint_eq(send_up_to(1000), 127);
	ck_assert_ptr_eq(holder.entry, &r.subscriber[0]);
	ck_assert_uint_eq(atomic_load(&r.control->senders.wanted), 1);
	broadcast_advance(&r.subscriber[0], false, &at);
	ck_assert_uint_eq(send_up_to(1000), 0);
	ck_assert_ptr_eq(holder.entry, &r.subscriber[1]);
	dead = 1u << 1;
	ck_assert_uint_eq(send_up_to(1000), 2);
	ck_assert_ptr_eq(holder.entry, &r.subscriber[0]);
	/* It is free, so a new endpoint in that slot is not taken for it. */
	ck_assert_uint_eq(state_of(1), 0);
}
END_TEST

START_TEST(should_evict_when_the_patience_is_over)
{
	join(0, CHAN_LAG_EVICT, INT64_C(3600000000000));
	ck_assert_uint_eq(send_up_to(1000), 127);
	ck_assert_int_gt(holder.left, INT64_C(3500000000000));
	atomic_store(&r.subscriber[0].patience, 1);
	ck_assert_uint_eq(send_up_to(1000), 1000);
	ck_assert_uint_eq(state_of(0), SUBSCRIBER_EVICTED);
	ck_assert_uint_eq(atomic_load(&r.control->receivers.evicted), 1);
}
END_TEST

START_TEST(should_keep_a_groups_number_whatever_a_death_left)
{
	struct chan_subscription how = {.on_lag = CHAN_LAG_LOSE, .group = "g"};
	struct broadcast_place at, to = {.pos = 64, .seq = 3};
	uint32_t entry;

	ck_assert_int_eq(broadcast_use_group(&r, ENDPOINTS, 0, &how, gone, NULL, &entry, &at), 0);
	ck_assert_uint_eq(send_up_to(3), 3);
	broadcast_advance(&r.subscriber[entry], true, &to);
	/* Killed before the store to `position`: the other mark is written. */
	to = (struct broadcast_place){.pos = 96, .seq = 4};
	broadcast_advance(&r.subscriber[entry], true, &to);
	atomic_store(&r.subscriber[entry].position, 64);
	ck_assert_uint_eq(send_up_to(1000), 1000); /* it is lapped */
	ck_assert_int_eq(
		broadcast_use_group(&r, ENDPOINTS, 1, &how, gone, NULL, &entry, &at), -EBUSY);
	dead = 1;
	ck_assert_int_eq(broadcast_use_group(&r, ENDPOINTS, 1, &how, gone, NULL, &entry, &at), 0);
	/* It goes on at the tail, and its user is told what was lost. */
	ck_assert_uint_eq(at.pos, atomic_load(&r.control->receivers.position));
	ck_assert_uint_eq(at.seq, 3);
}
END_TEST

START_TEST(should_find_damage_in_the_positions)
{
	ck_assert_uint_eq(send_up_to(200), 200);
	atomic_store(&r.control->receivers.position, 8);
	ck_assert_int_eq(broadcast_make_room(&r, 6400, 16, false, gone, NULL, &holder), -EBADMSG);
	ck_assert_int_eq(kind_broadcast.valid(&r), -EBADMSG);
	ck_assert_int_eq(kind_broadcast.repair_receivers(&r), -EBADMSG);
}
END_TEST

void add_tests(void)
{
	GROUP("broadcast", setup, teardown, should_overwrite_what_nobody_holds,
		should_stop_at_the_slowest_that_lives, should_evict_when_the_patience_is_over,
		should_keep_a_groups_number_whatever_a_death_left,
		should_find_damage_in_the_positions);
}
