/* SPDX-License-Identifier: MIT */
/* What is outstanding, by number, beside a plain array. */
#include "channel/outstanding.h"
#include "support/suite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5000 };

static struct entry entry[MOST];
static bool there[MOST];
static struct outstanding table;
static size_t n;

static void setup(void)
{
	memset(there, 0, sizeof(there));
	n = 0;
}

static void teardown(void)
{
	outstanding_free(&table);
}

static void count(struct entry *e, void *arg)
{
	ck_assert(there[e - entry]);
	++*(size_t *)arg;
}

static void expect_all(void)
{
	size_t seen = 0;

	for (unsigned i = 0; i < MOST; i++)
		ck_assert_ptr_eq(outstanding_find(&table, 100 + i), there[i] ? &entry[i] : NULL);
	outstanding_each(&table, count, &seen);
	ck_assert_uint_eq(seen, n);
	ck_assert_uint_eq(table.n, n);
}

static void turn(unsigned i)
{
	entry[i].number = 100 + i;
	if (there[i])
		outstanding_remove(&table, &entry[i]);
	else
		ck_assert_int_eq(outstanding_add(&table, &entry[i]), 0);
	there[i] = !there[i];
	n = there[i] ? n + 1 : n - 1;
}

START_TEST(should_find_what_is_there)
{
	ck_assert_ptr_null(outstanding_find(&table, 0));
	srandom(3);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < MOST; i++)
			turn((unsigned)random() % MOST);
		expect_all();
	}
}
END_TEST

START_TEST(should_come_to_be_empty)
{
	for (unsigned i = 0; i < MOST; i++)
		turn(i);
	expect_all();
	for (unsigned i = MOST; i-- > 0;)
		turn(i);
	expect_all();
}
END_TEST

void add_tests(void)
{
	GROUP("outstanding", setup, teardown, should_find_what_is_there, should_come_to_be_empty);
}
