/* SPDX-License-Identifier: MIT */
/*
 * The latest value on memory of this process: no segment, no lock, no other process.  What
 * needs a crash or a faster sender is made by writing the half-done state.
 */
#include "kind/delivery.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define MAX 200u

static struct ring r;
static const struct kind *const kind = &kind_latest;

static void setup(void)
{
	r = (struct ring){.capacity = kind->least_capacity(MAX), .max_message = MAX};
	r.data = aligned_alloc(LAYOUT_PAIR, r.capacity);
	r.control = aligned_alloc(LAYOUT_PAIR, sizeof(*r.control));
	memset(r.data, 0, r.capacity);
	memset(r.control, 0, sizeof(*r.control));
}

static void teardown(void)
{
	free(r.data);
	free(r.control);
}

static uint64_t put(const char *text, uint64_t count)
{
	uint64_t pos;

	ck_assert_int_eq(kind->write(&r, text, (uint32_t)strlen(text), count, &pos), 0);
	ck_assert_uint_eq(atomic_load(&r.control->senders.position), pos);
	ck_assert_int_eq(kind->valid(&r), 0);
	return pos;
}

static void reads(uint64_t pos, const char *text, uint64_t seq)
{
	struct kind_value value;
	char buf[MAX];

	ck_assert_int_eq(kind->read(&r, pos, buf, sizeof(buf), &value), 0);
	ck_assert_uint_eq(value.length, strlen(text));
	ck_assert_uint_eq(value.seq, seq);
	ck_assert_mem_eq(buf, text, value.length);
}

static int reads_not(uint64_t pos, size_t size)
{
	struct kind_value value;
	char buf[MAX];

	return kind->read(&r, pos, buf, size, &value);
}

static struct layout_slot *slot_of(uint64_t pos)
{
	return latest_slot_at(&r, latest_slot(pos));
}

START_TEST(should_read_what_was_written_last)
{
	uint64_t before = 0, pos;
	char text[MAX + 1] = "";

	for (uint64_t n = 1; n <= MAX; n++) {
		text[n - 1] = (char)('a' + n % 26);
		pos = put(text, 1);
		ck_assert_uint_gt(pos, before);
		ck_assert_uint_eq(pos % 2, 0); /* a seal is a position + 1 */
		before = pos;
		reads(pos, text, n);
	}
	reads(put("", 1), "", MAX + 1);
	reads(put("three at once", 3), "three at once", MAX + 4);
}
END_TEST

/* The two before it are still there to be read: a reader need not be quick. */
START_TEST(should_keep_the_values_before_while_they_are_read)
{
	uint64_t pos[LAYOUT_SLOTS + 1];

	pos[0] = put("0", 1);
	for (unsigned n = 1; n < LAYOUT_SLOTS; n++)
		pos[n] = put("x", 1);
	reads(pos[0], "0", 1);
	pos[LAYOUT_SLOTS] = put("x", 1);
	ck_assert_int_eq(reads_not(pos[0], MAX), -ESTALE);
	reads(pos[1], "x", 2);
}
END_TEST

START_TEST(should_leave_the_old_value_if_a_sender_dies)
{
	uint64_t pos = put("old", 1), next = put("next", 1);

	/* Back to before the commit, with the new slot in each state that it goes through. */
	atomic_store(&r.control->senders.position, pos);
	for (int step = 0; step < 3; step++) {
		if (step == 1)
			atomic_store(&slot_of(next)->generation, 0);
		if (step == 2)
			memset(slot_of(next) + 1, 0xee, MAX);
		ck_assert_int_eq(kind->repair_senders(&r), 0);
		ck_assert_int_eq(kind->valid(&r), 0);
		reads(pos, "old", 1);
	}
	reads(put("new", 1), "new", 2);
}
END_TEST

START_TEST(should_say_how_long_a_value_is_that_does_not_fit)
{
	uint64_t pos = put("value", 1);
	struct kind_value value = {.length = 0};
	char buf[4];

	ck_assert_int_eq(kind->read(&r, pos, buf, sizeof(buf), &value), -EMSGSIZE);
	ck_assert_uint_eq(value.length, 5);
}
END_TEST

START_TEST(should_find_damage)
{
	uint64_t pos = put("value", 1), other;
	struct kind_value value;
	char buf[MAX];

	ck_assert_int_eq(reads_not(pos | 1, MAX), -EBADMSG);
	ck_assert_int_eq(reads_not(pos | LAYOUT_SLOTS << SLOT_SHIFT, MAX), -EBADMSG);
	atomic_store(&r.control->senders.position, pos | LAYOUT_SLOTS << SLOT_SHIFT);
	ck_assert_int_eq(kind->valid(&r), -EBADMSG);
	ck_assert_int_eq(kind->repair_senders(&r), -EBADMSG);
	ck_assert_int_eq(kind->write(&r, "x", 1, 1, &other), -EBADMSG);
	atomic_store(&r.control->senders.position, pos);
	atomic_store(&slot_of(pos)->length, MAX + 1);
	ck_assert_int_eq(kind->read(&r, pos, buf, sizeof(buf), &value), -EBADMSG);
	ck_assert_int_eq(kind->valid(&r), -EBADMSG);
	atomic_store(&slot_of(pos)->length, UINT32_MAX);
	ck_assert_int_eq(kind->read(&r, pos, buf, sizeof(buf), &value), -EBADMSG);
}
END_TEST

START_TEST(should_count_what_was_sent)
{
	struct chan_stat st = {.size = sizeof(st)};

	kind->count(&r, &st);
	ck_assert_uint_eq(st.sent + st.depth + st.used, 0);
	put("first", 1);
	put("last", 4);
	kind->count(&r, &st);
	ck_assert_uint_eq(st.sent, 5);
	ck_assert_uint_eq(st.depth, 1);
	ck_assert_uint_eq(st.used, 4);
}
END_TEST

void add_tests(void)
{
	GROUP("values", setup, teardown, should_read_what_was_written_last,
		should_keep_the_values_before_while_they_are_read,
		should_leave_the_old_value_if_a_sender_dies,
		should_say_how_long_a_value_is_that_does_not_fit, should_find_damage,
		should_count_what_was_sent);
}
