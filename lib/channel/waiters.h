/* SPDX-License-Identifier: MIT */
/*
 * The calls of one endpoint that wait now.  Several threads may wait at once; what the
 * endpoint table shows is since when the call waits that has waited longest.
 */
#ifndef CHAN_WAITERS_H
#define CHAN_WAITERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* One of them. */
struct waiter {
	int64_t since; /* 0: it does not wait */
	struct waiter *next, **link;
};

struct waiters {
	struct waiter *first;	/* the one that has waited longest */
	pthread_mutex_t lock;	/* of this process: no other one has this endpoint */
	_Atomic int64_t *shown; /* in the endpoint table, or NULL */
};

void waiters_init(struct waiters *all);
void waiters_destroy(struct waiters *all);

/* Add `w`, which waits since `since`. */
void waiters_add(struct waiters *all, struct waiter *w, int64_t since);

/* Take `w` out, unless it was never added and its `since` is 0. */
void waiters_remove(struct waiters *all, struct waiter *w);

#endif
