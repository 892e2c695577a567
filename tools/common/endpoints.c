/* SPDX-License-Identifier: MIT */
/* See endpoints.h. */
#include "common/endpoints.h"

#include <errno.h>
#include <stdlib.h>

#define MORE 8 /* endpoints that may come between two calls */

int endpoints_read(const chan_t *ch, unsigned expected, struct endpoints *ret)
{
	struct chan_endpoint *at = NULL;
	unsigned room;
	int n = (int)expected;

	do {
		struct chan_endpoint *grown;

		room = (unsigned)n + MORE;
		grown = reallocarray(at, room, sizeof(*at));
		n = grown ? chan_endpoints(ch, grown, room) : -ENOMEM;
		if (grown)
			at = grown;
	} while (n > (int)room);
	if (n <= 0) {
		free(at);
		at = NULL;
	}
	if (n >= 0)
		*ret = (struct endpoints){at, (unsigned)n};
	return n < 0 ? n : 0;
}

bool endpoints_same(const struct chan_endpoint *a, const struct chan_endpoint *b)
{
	return a->id == b->id && a->pid == b->pid && a->attached == b->attached;
}

/* Call fn() for each endpoint of `list` that `others` lacks. */
static void each_missing(const struct endpoints *list, const struct endpoints *others,
	void (*fn)(const struct chan_endpoint *end, void *arg), void *arg)
{
	unsigned other = 0;

	for (unsigned i = 0; i < list->n; i++) {
		while (other < others->n && others->at[other].id < list->at[i].id)
			other++;
		if (other == others->n || !endpoints_same(&list->at[i], &others->at[other]))
			fn(&list->at[i], arg);
	}
}

void endpoints_compare(const struct endpoints *before, const struct endpoints *now,
	void (*came)(const struct chan_endpoint *end, void *arg),
	void (*went)(const struct chan_endpoint *end, void *arg), void *arg)
{
	each_missing(now, before, came, arg);
	each_missing(before, now, went, arg);
}
