/* SPDX-License-Identifier: MIT */
/* The window of ids, beside a plain list of them; and what a death leaves, at each store. */
#include "core/ids.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 5
#define MESSAGES 4000
#define NAMES 16 /* ids that are used, so that they come again, before and behind the window */

static alignas(LAYOUT_PAIR) unsigned char memory[1 << 20];
static struct ids ids;
static int sent[MESSAGES]; /* which id each message had, or -1 */
static uint64_t next;
static struct ids_now now;

static void begin(uint32_t window)
{
	ck_assert_uint_le(ids_size(window), sizeof(memory));
	memset(memory, 0, sizeof(memory));
	ids = ids_at(memory, window, 0, 1);
	next = 1;
	now = (struct ids_now){1000, 7};
}

static void setup(void)
{
	begin(WINDOW);
}

static const uint8_t *id_of(int name)
{
	static uint8_t id[16];

	memset(id, name, sizeof(id));
	return id;
}

static bool is_known(int name)
{
	uint64_t oldest = next > ids.window ? next - ids.window : 1;

	for (uint64_t i = oldest; i < next; i++)
		if (sent[i] == name)
			return true;
	return false;
}

static void expect_all(void)
{
	for (int name = 0; name < NAMES; name++)
		ck_assert_msg(ids_has(&ids, next, id_of(name), now) == is_known(name),
			"after %d messages: id %d is %sremembered", (int)next - 1, name,
			is_known(name) ? "not " : "");
}

static void send_named(int name)
{
	if (name >= 0)
		ids_put(&ids, next, id_of(name), now);
	sent[next++] = name;
}

START_TEST(should_know_the_last_ids_and_no_others)
{
	static const uint32_t windows[] = {1, 2, 3, 5, 64, 1000};

	begin(windows[_i]);
	srandom(7);
	while (next < MESSAGES) {
		int name = (int)(random() % (NAMES + 1)) - 1;

		if (name < 0 || !ids_has(&ids, next, id_of(name), now))
			send_named(name);
		else
			send_named(-1);
		expect_all();
	}
}
END_TEST

START_TEST(should_compare_all_of_an_id)
{
	uint8_t id[16];

	send_named(3);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(id, id_of(3), 16);
		id[i] ^= 0x80;
		ck_assert(!ids_has(&ids, next, id, now));
	}
	ck_assert(ids_has(&ids, next, id_of(3), now));
}
END_TEST

START_TEST(should_forget_an_id_when_it_is_too_old)
{
	ids = ids_at(memory, WINDOW, 50, 1);
	send_named(3);
	now.time += 50;
	ck_assert(ids_has(&ids, next, id_of(3), now));
	now.time++;
	ck_assert(!ids_has(&ids, next, id_of(3), now));
	/* What another clock says can't be compared, and a time to come is none. */
	now.clock++;
	ck_assert(ids_has(&ids, next, id_of(3), now));
	now.clock--;
	send_named(3);
	now.time -= 20;
	ck_assert(ids_has(&ids, next, id_of(3), now));
	now.time = INT64_MAX;
	ck_assert(!ids_has(&ids, next, id_of(3), now));
}
END_TEST

/* The stores of a put: both halves of the id, the chain, the number, the bucket. */
#define STORES 5

/* Do as ids_put(), but `stores` of its stores only. */
static void put_in_part(int name, unsigned stores)
{
	static unsigned char before[sizeof(memory)];
	uint64_t size = ids_size(ids.window);
	struct layout_id *slot = &ids.slot[next % ids.slots];
	struct layout_id all;
	uint32_t old_bucket[64];

	memcpy(before, memory, size);
	for (uint32_t i = 0; i <= ids.mask; i++)
		old_bucket[i] = ids.bucket[i];
	ids_put(&ids, next, id_of(name), now);
	memcpy(&all, (void *)slot, sizeof(all));
	if (stores < 4)
		memcpy((void *)slot, before + ((unsigned char *)slot - memory), sizeof(all));
	if (stores < 5)
		for (uint32_t i = 0; i <= ids.mask; i++)
			ids.bucket[i] = old_bucket[i];
	if (stores < 4 && stores > 0)
		slot->id[0] = all.id[0];
	if (stores < 4 && stores > 1)
		slot->id[1] = all.id[1];
	if (stores < 4 && stores > 2)
		slot->next = all.next;
}

START_TEST(should_know_the_same_after_a_death_at_each_store)
{
	srandom(11);
	while (next < MESSAGES) {
		int name = (int)(random() % NAMES);

		if (ids_has(&ids, next, id_of(name), now)) {
			send_named(-1);
			continue;
		}
		put_in_part((int)(random() % NAMES), (unsigned)(random() % (STORES + 1)));
		ids_repair(&ids, next);
		expect_all();
		ids_repair(&ids, next);
		if (random() % 2)
			send_named(name);
		else
			send_named(-1);
		expect_all();
	}
}
END_TEST

/* Whatever stands there, a look ends and stays inside. */
START_TEST(should_bear_any_bytes)
{
	srandom(13);
	for (int round = 0; round < 2000; round++) {
		begin(round % 70 + 1);
		for (uint64_t i = 0; i < ids_size(ids.window); i++)
			memory[i] = (unsigned char)(random() % 3 ? random() % 4 : random());
		next = (uint64_t)(random() % 100);
		for (int name = 0; name < NAMES; name++)
			ids_has(&ids, next, id_of(name), now);
		ids_put(&ids, next, id_of(1), now);
		ids_repair(&ids, next);
		for (uint64_t i = ids_size(ids.window); i < ids_size(ids.window) + 64; i++)
			ck_assert_uint_eq(memory[i], 0);
	}
}
END_TEST

START_TEST(should_take_no_memory_for_none)
{
	ck_assert_uint_eq(ids_size(0), 0);
	ck_assert_ptr_null(ids_at(memory, 0, 0, 1).slot);
}
END_TEST

void add_tests(void)
{
	GROUP_FOR(0, 6, "ids, windows", setup, NULL, should_know_the_last_ids_and_no_others);
	GROUP("ids", setup, NULL, should_compare_all_of_an_id,
		should_forget_an_id_when_it_is_too_old,
		should_know_the_same_after_a_death_at_each_store, should_bear_any_bytes,
		should_take_no_memory_for_none);
}
