/* SPDX-License-Identifier: MIT */
#include "registry/found.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shmchan.h"

/* Sorted by name once they are read. */
static struct found {
	char *name;
	bool taken;
} * all;
static size_t n, room, next, left;

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static int add(const char *name, void *arg)
{
	(void)arg;
	if (strchr(name, '/')) /* another user's */
		return 0;
	if (n == room) {
		size_t larger = room ? 2 * room : 64;
		struct found *grown = reallocarray(all, larger, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		all = grown;
		room = larger;
	}
	all[n].taken = false;
	all[n].name = strdup(name);
	if (!all[n].name)
		return -ENOMEM;
	n++;
	return 0;
}

static void forget_all(void)
{
	while (n)
		free(all[--n].name);
	free(all);
	all = NULL;
	room = next = left = 0;
}

int found_read(void)
{
	int err = chan_list(add, NULL);

	if (err < 0) {
		forget_all();
		return err;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_name);
	left = n;
	return 0;
}

static struct found *find(const char *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(all[middle].name, name);

		if (order == 0)
			return all[middle].taken ? NULL : &all[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool found_has(const char *name)
{
	return find(name) != NULL;
}

const char *found_next(void)
{
	while (next < n && all[next].taken)
		next++;
	return next < n ? all[next].name : NULL;
}

void found_forget(const char *name)
{
	struct found *found = find(name);

	if (!found)
		return;
	found->taken = true;
	if (--left == 0)
		forget_all();
}

size_t found_count(void)
{
	return left;
}
