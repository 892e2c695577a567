/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t table_place(const struct table *table, const void *key)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->order(table->at[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *table_find(const struct table *table, const void *key)
{
	size_t i = table_place(table, key);

	return i < table->n && table->order(table->at[i], key) == 0 ? table->at[i] : NULL;
}

int table_add(struct table *table, const void *key, void *item)
{
	size_t at = table_place(table, key);

	if (table->n == table->room) {
		size_t larger = table->room ? 2 * table->room : 64;
		void **grown = reallocarray(table->at, larger, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		table->at = grown;
		table->room = larger;
	}
	memmove(table->at + at + 1, table->at + at, (table->n - at) * sizeof(*table->at));
	table->at[at] = item;
	table->n++;
	return 0;
}

void table_remove(struct table *table, const void *key)
{
	size_t at = table_place(table, key);

	table->n--;
	memmove(table->at + at, table->at + at + 1, (table->n - at) * sizeof(*table->at));
}

void table_done(struct table *table)
{
	free(table->at);
	table->at = NULL;
	table->n = table->room = 0;
}
