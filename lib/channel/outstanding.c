/* SPDX-License-Identifier: MIT */
#include "channel/outstanding.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST 64

static void insert(struct outstanding *o, struct entry *e)
{
	struct entry **at = &o->bucket[e->number & o->mask];

	e->next = *at;
	*at = e;
}

/* Make the table twice as large; without memory the old one goes on. */
static void grow(struct outstanding *o)
{
	struct outstanding larger = {.mask = 2 * o->mask + 1};

	larger.bucket = calloc(larger.mask + 1, sizeof(struct entry *));
	if (!larger.bucket)
		return;
	for (size_t i = 0; i <= o->mask; i++)
		for (struct entry *next, *e = o->bucket[i]; e; e = next) {
			next = e->next;
			insert(&larger, e);
		}
	free(o->bucket);
	o->bucket = larger.bucket;
	o->mask = larger.mask;
}

int outstanding_add(struct outstanding *o, struct entry *e)
{
	if (!o->bucket) {
		o->bucket = calloc(FIRST, sizeof(struct entry *));
		if (!o->bucket)
			return -ENOMEM;
		o->mask = FIRST - 1;
	} else if (o->n > o->mask) {
		grow(o);
	}
	insert(o, e);
	o->n++;
	return 0;
}

void outstanding_remove(struct outstanding *o, struct entry *e)
{
	struct entry **at = &o->bucket[e->number & o->mask];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	o->n--;
}

void outstanding_each(
	const struct outstanding *o, void (*fn)(struct entry *e, void *arg), void *arg)
{
	for (size_t i = 0; o->bucket && i <= o->mask; i++)
		for (struct entry *next, *e = o->bucket[i]; e; e = next) {
			next = e->next;
			fn(e, arg);
		}
}

void outstanding_free(struct outstanding *o)
{
	free(o->bucket);
	*o = (struct outstanding){.bucket = NULL};
}
