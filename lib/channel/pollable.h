/* SPDX-License-Identifier: MIT */
/*
 * A descriptor for event loops that is readable while an endpoint's next call may go on.
 *
 * It listens to the segment's bell (segment/bell.h).  It is made readable, and becomes
 * unreadable in one place only, pollable_rest() (rest.h): when a call with timeout 0 has found
 * nothing, what was heard is taken out, the bell's bit is set in the condition (condvar.h),
 * and a look after that has found nothing either.  So a descriptor that is not readable
 * means: whoever changes something sees the bit, and rings.  A ring that finds nothing to
 * do is harmless: the next call rests again.
 *
 * Where the bell can't be heard, a thread listens (listener.h).
 *
 * Times.  What happens by itself, as the end of a subscriber's patience, nobody rings for.  The
 * call that found nothing knows of it, and has a thread of this endpoint ring then.
 *
 * Deaths.  A peer that is killed before it rang wakes the loop by the end of its file.  The
 * kernel says so a moment before it gives up the file's locks, by which endpoints live.
 * So where something depends on who lives, the descriptor stays readable for REST_ALERT after
 * that.
 */
#ifndef CHAN_POLLABLE_H
#define CHAN_POLLABLE_H

#include "base/descriptor.h"
#include "segment/segment.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct listener;

struct pollable {
	_Atomic bool there;
	struct listener *listener; /* NULL: it listens to the bell */
	struct listener *alarm;	   /* NULL: no time was waited for yet; see pollable_alarm() */
	struct descriptor own;
	_Atomic int64_t rested; /* since when it is not readable, 0 if it may be */
	_Atomic int64_t alert;	/* stay readable until then */
	pthread_mutex_t lock;	/* of this process, while it is made */
};

void pollable_init(struct pollable *p, _Atomic bool *orphan);
void pollable_close(struct pollable *p, bool orphan);

static inline bool pollable_there(const struct pollable *p)
{
	/* Acquire: pairs with the release in make(). */
	return atomic_load_explicit(&p->there, memory_order_acquire);
}

/* Let the segment's bell ring at that time: 0 or -ENOMEM.  That costs a thread, from the first
 * time on. */
int pollable_alarm(struct pollable *p, const struct segment *s, int64_t at);

/* Return its number; make it, readable, if it is not there.  Or an error. */
int pollable_get(struct pollable *p, const struct segment *s);

#endif
