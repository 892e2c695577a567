/* SPDX-License-Identifier: MIT */
/* Pointers in order, found by a key.  `order` compares an item with a key, as
 * strcmp() does.  All zero but for `order` is an empty one. */
#ifndef CHAND_TABLE_H
#define CHAND_TABLE_H

#include <stddef.h>

struct table {
	void **at;
	size_t n, room;
	int (*order)(const void *item, const void *key);
};

/* The index of the first item that is not before the key. */
size_t table_place(const struct table *table, const void *key);

/* The item, or NULL. */
void *table_find(const struct table *table, const void *key);

/* The item's key is `key`, and none in the table has it.  -ENOMEM. */
int table_add(struct table *table, const void *key, void *item);

/* Take the item of that key out, which is there. */
void table_remove(struct table *table, const void *key);

void table_done(struct table *table);

#endif
