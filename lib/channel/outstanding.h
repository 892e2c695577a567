/* SPDX-License-Identifier: MIT */
/*
 * What is outstanding, by number: a hash table whose entries are part of what they find.  Numbers
 * are given one after the other, so their low bits part them evenly.
 */
#ifndef CHAN_OUTSTANDING_H
#define CHAN_OUTSTANDING_H

#include <stddef.h>
#include <stdint.h>

struct entry {
	uint64_t number;
	struct entry *next; /* in its bucket */
};

/* All zero is empty. */
struct outstanding {
	struct entry **bucket;
	size_t n, mask;
};

/* Add one whose number is none of theirs: 0 or -ENOMEM. */
int outstanding_add(struct outstanding *o, struct entry *e);

/* Return the one of that number, or NULL. */
static inline struct entry *outstanding_find(const struct outstanding *o, uint64_t number)
{
	struct entry *e = o->bucket ? o->bucket[number & o->mask] : NULL;

	while (e && e->number != number)
		e = e->next;
	return e;
}

/* Take out one that is there. */
void outstanding_remove(struct outstanding *o, struct entry *e);

/* Call fn for each; it may free the entry, but neither add nor remove one. */
void outstanding_each(
	const struct outstanding *o, void (*fn)(struct entry *e, void *arg), void *arg);

/* Free the table, not what is in it. */
void outstanding_free(struct outstanding *o);

#endif
