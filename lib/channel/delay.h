/* SPDX-License-Identifier: MIT */
/*
 * Messages that are not to be delivered yet, or not until somebody says so.
 *
 * When a message is due is in its header.  A receiver that finds one ready which is not due
 * sets it aside, as does one that gives a message back with a delay: it is leased to a number
 * that no endpoint has (kind.set_aside).  So those behind it are delivered, no death frees it,
 * and it keeps its place.  To make it ready too early is harmless: the next receiver sets it
 * aside again.
 *
 * `due` in the segment says when the first is due, or earlier.  A receiver that finds it passed
 * looks through all that is set aside, and no receiver sleeps longer.  Whoever stores an earlier
 * time wakes one sleeper, which then sleeps as long; and one that slept and goes off with a
 * message wakes another, as long as anything is delayed.  If it is killed, the others find out as
 * after any wake-up that died.
 *
 * A buried message is the same with another number, and never due.
 */
#ifndef CHAN_DELAY_H
#define CHAN_DELAY_H

#include "channel/handle.h"

/* ---- the receivers' lock is held ---- */

/* Make ready what is due. */
void delay_look(struct chan *ch);

/* Set the message that was found aside, which is due in `wait` ns. */
void delay_first(struct chan *ch, const struct ring_item *it, int64_t wait);

/* Note that a message is due in `wait` ns.  Returns true if none was due earlier. */
bool delay_note(const struct chan *ch, int64_t wait);

/* Make ready all that is delayed, though it is not due: 0 or -EBADMSG. */
int delay_forget(struct chan *ch);

/* ---- no lock is needed ---- */

/* Returns true if anything is delayed: never in a kind that delays nothing, whatever a peer wrote.
 */
static inline bool delay_any(const struct chan *ch)
{
	return ch->kind->restore &&
	       atomic_load_explicit(&ch->control->receivers.delayed, memory_order_relaxed) > 0;
}

/* Return for how long a receiver may sleep, ns: at least 1, and INT64_MAX if nothing is delayed.
 * Call after arming: what is noted later wakes the receiver. */
int64_t delay_left(struct chan *ch);

#endif
