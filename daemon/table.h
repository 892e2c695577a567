/* SPDX-License-Identifier: MIT */
/* A table of pointers in order, which are found by a key.  `order` compares an item with a
 * key, as strcmp() does.  A table that is all zero but for `order` is empty. */
#ifndef CHAND_TABLE_H
#define CHAND_TABLE_H

#include <stddef.h>

struct table {
	void **at;
	size_t n, room;
	int (*order)(const void *item, const void *key);
};

/* Returns the index of the first item that is not before the key. */
size_t table_place(const struct table *table, const void *key);

/* Returns the item, or NULL. */
void *table_find(const struct table *table, const void *key);

/* Add an item whose key is `key`, which no item in the table has.  Returns 0 or -ENOMEM. */
int table_add(struct table *table, const void *key, void *item);

/* Take the item of that key out, which is there. */
void table_remove(struct table *table, const void *key);

void table_done(struct table *table);

#endif
