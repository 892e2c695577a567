/* SPDX-License-Identifier: MIT */
/* The model is in waiters.h. */
#include "channel/waiters.h"

static void show(const struct waiters *all)
{
	if (all->shown)
		atomic_store_explicit(
			all->shown, all->first ? all->first->since : 0, memory_order_relaxed);
}

/* One mutex for each endpoint: a child of fork() that opens endpoints has none of its
 * parent's, held or not. */
void waiters_init(struct waiters *all)
{
	*all = (struct waiters){.first = NULL};
	pthread_mutex_init(&all->lock, NULL);
}

void waiters_destroy(struct waiters *all)
{
	pthread_mutex_destroy(&all->lock);
}

void waiters_add(struct waiters *all, struct waiter *w, int64_t since)
{
	struct waiter **at = &all->first;

	pthread_mutex_lock(&all->lock);
	while (*at && (*at)->since <= since)
		at = &(*at)->next;
	*w = (struct waiter){.since = since, .next = *at, .link = at};
	if (w->next)
		w->next->link = &w->next;
	*at = w;
	show(all);
	pthread_mutex_unlock(&all->lock);
}

void waiters_remove(struct waiters *all, struct waiter *w)
{
	if (!w->since)
		return;
	pthread_mutex_lock(&all->lock);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->since = 0;
	show(all);
	pthread_mutex_unlock(&all->lock);
}
