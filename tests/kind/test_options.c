/* SPDX-License-Identifier: MIT */
/* What options mean: defaults, limits, what is left to the library, and the
 * geometry that follows; and which geometries of a segment are believed. */
#include "kind/options.h"

#include "core/layout.h"
#include "core/ring.h"
#include "support/suite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MIB (UINT64_C(1) << 20)
#define CAPACITY_MAX (UINT64_C(1) << 46)
#define MESSAGE_MAX (UINT32_C(1) << 31)

static struct chan_options o, full;
static struct geometry g;
static uint64_t page;

static void setup(void)
{
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	o = (struct chan_options){.size = sizeof(o)};
}

static int resolve(void)
{
	return options_resolve(&o, &full, &g);
}

START_TEST(should_fill_in_every_default)
{
	for (int i = 0; i < 2; i++) {
		memset(&full, 0xff, sizeof(full));
		ck_assert_int_eq(options_resolve(i ? &o : NULL, &full, &g), 0);
		ck_assert_uint_eq(full.size, sizeof(full));
		ck_assert_uint_eq(full.capacity, MIB);
		ck_assert_uint_eq(full.max_message, MIB / 4);
		ck_assert_uint_eq(full.mode, 0600);
		ck_assert_uint_eq(full.endpoints, 256);
		ck_assert_uint_eq(full.flags | full.overflow | full.lifetime | full.kind, 0);
		ck_assert_uint_eq(full.linger, 0);
		ck_assert_uint_eq(g.capacity, full.capacity);
		ck_assert_uint_eq(g.max_message, full.max_message);
		ck_assert_uint_eq(g.endpoints, full.endpoints);
	}
}
END_TEST

START_TEST(should_keep_what_is_asked_for)
{
	o = (struct chan_options){.size = sizeof(o),
		.flags = CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS,
		.capacity = 16 * page,
		.max_message = 77,
		.overflow = CHAN_DROP_OLDEST,
		.mode = 0640,
		.endpoints = 3,
		.lifetime = CHAN_REF,
		.linger = INT64_MAX};
	ck_assert_int_eq(resolve(), 0);
	ck_assert_mem_eq(&o, &full, sizeof(o));
}
END_TEST

START_TEST(should_lay_the_ring_on_whole_pages_behind_the_table)
{
	for (uint32_t n = 1; n <= LAYOUT_ENDPOINTS_MAX; n = n * 3 + 1) {
		uint64_t table = LAYOUT_TABLE_OFFSET + n * sizeof(struct layout_endpoint);

		o.endpoints = n;
		o.capacity = page + n;
		ck_assert_int_eq(resolve(), 0);
		ck_assert_uint_eq(g.capacity, 2 * page);
		ck_assert_uint_eq(g.capacity, full.capacity);
		ck_assert_uint_eq(g.ring_offset % page, 0);
		ck_assert_uint_ge(g.ring_offset, table);
		ck_assert_uint_lt(g.ring_offset, table + page);
		ck_assert_uint_eq(g.size, g.ring_offset + g.capacity);
		ck_assert_int_eq(geometry_check(&g), 0);
		ck_assert_int_eq(chan_footprint(&o), (int64_t)g.size);
	}
}
END_TEST

/* The longest message and the number of the next one have to fit. */
START_TEST(should_take_the_longest_message_that_fits_and_no_longer)
{
	uint32_t longest = (uint32_t)page - 2 * RING_ALIGN;

	o.capacity = page;
	o.max_message = longest;
	ck_assert_int_eq(resolve(), 0);
	ck_assert_uint_eq(full.capacity, page);
	o.max_message = longest + 1;
	ck_assert_int_eq(resolve(), -EINVAL);
	ck_assert_int_eq(chan_footprint(&o), -EINVAL);
}
END_TEST

START_TEST(should_make_room_for_two_of_the_longest_message_by_default)
{
	o.max_message = 3 * (uint32_t)MIB;
	ck_assert_int_eq(resolve(), 0);
	ck_assert_uint_ge(full.capacity, 2 * (ring_size(o.max_message) + RING_ALIGN));
	ck_assert_uint_lt(full.capacity, 2 * (ring_size(o.max_message) + RING_ALIGN) + page);
	o.max_message = 100;
	ck_assert_int_eq(resolve(), 0);
	ck_assert_uint_eq(full.capacity, MIB);
}
END_TEST

START_TEST(should_size_a_rendezvous_by_its_message_alone)
{
	o.kind = CHAN_KIND_RENDEZVOUS;
	ck_assert_int_eq(resolve(), 0);
	ck_assert_uint_eq(full.max_message, 64 << 10);
	ck_assert_uint_ge(full.capacity, 2 * ring_size(full.max_message));
	o.capacity = page;
	ck_assert_int_eq(resolve(), -EINVAL);
	o.capacity = 0;
	o.overflow = CHAN_DROP_OLDEST;
	ck_assert_int_eq(resolve(), -EINVAL);
	o.overflow = CHAN_FAIL;
	ck_assert_int_eq(resolve(), 0);
	/* The flag of before means the same. */
	o.kind = 0;
	o.flags = CHAN_RENDEZVOUS;
	ck_assert_int_eq(resolve(), 0);
	ck_assert_uint_eq(full.kind, CHAN_KIND_RENDEZVOUS);
	ck_assert_uint_eq(full.flags, 0);
}
END_TEST

/* Each limit: the last good value, and the first that is none. */
static const struct limit_of {
	const char *what;
	struct chan_options good, bad;
} limits[] = {
	{"capacity", {.capacity = CAPACITY_MAX}, {.capacity = CAPACITY_MAX + 1}},
	{"max_message", {.max_message = MESSAGE_MAX}, {.max_message = MESSAGE_MAX + 1}},
	{"endpoints", {.endpoints = LAYOUT_ENDPOINTS_MAX}, {.endpoints = LAYOUT_ENDPOINTS_MAX + 1}},
	{"overflow", {.overflow = CHAN_DROP_OLDEST}, {.overflow = CHAN_DROP_OLDEST + 1}},
	{"lifetime", {.lifetime = CHAN_REF}, {.lifetime = CHAN_REF + 1}},
	{"kind", {.kind = CHAN_KIND_RENDEZVOUS}, {.kind = 100}},
	{"mode", {.mode = 0666}, {.mode = 0667}},
	{"flags", {.flags = CHAN_END_WITH_SENDERS}, {.flags = 1u << 31}},
	{"linger", {.lifetime = CHAN_REF, .linger = INT64_MAX},
		{.lifetime = CHAN_REF, .linger = (uint64_t)INT64_MAX + 1}},
	{"linger without CHAN_REF", {.lifetime = CHAN_REF, .linger = 1}, {.linger = 1}},
};

START_TEST(should_refuse_what_is_beyond_a_limit)
{
	const struct limit_of *l = &limits[_i];

	o = l->good;
	o.size = sizeof(o);
	ck_assert_msg(resolve() == 0, "%s: the last good value is refused", l->what);
	o = l->bad;
	o.size = sizeof(o);
	memset(&full, 0x55, sizeof(full));
	memset(&g, 0x55, sizeof(g));
	ck_assert_msg(resolve() == -EINVAL, "%s: is not refused", l->what);
	/* Outputs are set only on success. */
	for (size_t i = 0; i < sizeof(full); i++)
		ck_assert_uint_eq(((unsigned char *)&full)[i], 0x55);
	for (size_t i = 0; i < sizeof(g); i++)
		ck_assert_uint_eq(((unsigned char *)&g)[i], 0x55);
}
END_TEST

/* An older program knows less of the structure, and a newer one more. */
START_TEST(should_read_structures_of_other_versions)
{
	union {
		struct chan_options o;
		char bytes[4097];
	} any = {.o = {.capacity = 16 * page, .max_message = 77, .overflow = CHAN_FAIL}};
	const uint32_t least = offsetof(struct chan_options, max_message);

	any.o.size = least;
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), 0);
	ck_assert_uint_eq(full.capacity, 16 * page);
	ck_assert_uint_eq(full.max_message, 4 * page); /* not read */
	any.o.size = offsetof(struct chan_options, overflow);
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), 0);
	ck_assert_uint_eq(full.max_message, 77);
	ck_assert_uint_eq(full.overflow, 0);
	any.o.size = least - 1;
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), -EINVAL);
	any.o.size = 0;
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), -EINVAL);
	any.o.size = 4096;
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), 0);
	any.bytes[4095] = 1; /* an option that it doesn't know */
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), -EINVAL);
	any.bytes[4095] = 0;
	any.o.size = 4097;
	ck_assert_int_eq(options_resolve(&any.o, &full, &g), -EINVAL);
}
END_TEST

START_TEST(should_believe_no_geometry_that_it_would_not_make)
{
	struct geometry good;

	ck_assert_int_eq(resolve(), 0);
	good = g;
	ck_assert_int_eq(geometry_check(&good), 0);
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct geometry *b = &g;                                                           \
		g = good;                                                                          \
		change;                                                                            \
		ck_assert_msg(geometry_check(b) == -EBADMSG, "believed: " #change);                \
	} while (0)
	REFUSED(b->capacity = 0; b->size = b->ring_offset);
	REFUSED(b->capacity += 16; b->size += 16);
	REFUSED(b->capacity = CAPACITY_MAX + 2 * page; b->size = b->ring_offset + b->capacity);
	REFUSED(b->capacity = UINT64_MAX - page + 1; b->size = b->ring_offset + b->capacity);
	REFUSED(b->ring_offset += 16; b->size += 16);
	REFUSED(b->ring_offset = 0; b->size = b->capacity);
	REFUSED(b->ring_offset = LAYOUT_TABLE_OFFSET; b->size = b->ring_offset + b->capacity);
	REFUSED(b->ring_offset = UINT64_C(2) << 30; b->size = b->ring_offset + b->capacity);
	REFUSED(b->endpoints = 0);
	REFUSED(b->endpoints = LAYOUT_ENDPOINTS_MAX + 1);
	REFUSED(b->endpoints = LAYOUT_ENDPOINTS_MAX); /* its table would reach into the ring */
	REFUSED(b->size++);
	REFUSED(b->size--);
	REFUSED(b->max_message = MESSAGE_MAX + 1);
	REFUSED(b->max_message = (uint32_t)b->capacity - 31);
}
END_TEST

void add_tests(void)
{
	GROUP("options", setup, NULL, should_fill_in_every_default, should_keep_what_is_asked_for,
		should_lay_the_ring_on_whole_pages_behind_the_table,
		should_take_the_longest_message_that_fits_and_no_longer,
		should_make_room_for_two_of_the_longest_message_by_default,
		should_size_a_rendezvous_by_its_message_alone,
		should_read_structures_of_other_versions,
		should_believe_no_geometry_that_it_would_not_make);
	GROUP_FOR(0, COUNT(limits), "limits", setup, NULL, should_refuse_what_is_beyond_a_limit);
}
