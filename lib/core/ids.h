/* SPDX-License-Identifier: MIT */
/*
 * The ids of the last messages, so that none is sent twice: a log, and a hash table over it, in the
 * segment.  The senders' lock guards both.
 *
 * Entry `seq` mod `slots` of the log is that of message `seq`.  It counts if that message was
 * published, is one of the last `window`, and is not too old.  There is one entry more than the
 * window has, so writing that of the next message overwrites none that counts.
 *
 * Each bucket of the table names the entry that was put there last, and that one the one before:
 * along such a chain numbers only fall.  An entry that is written anew leaves its old chain, at the
 * end of which it was, since its number is now larger than the one before it; so whoever walks a
 * chain ends where a number does not fall, or is older than the window.  Nothing is ever removed.
 * A bucket whose messages are all old may so lead into another one's chain, where no id is equal.
 *
 * The commit of an entry is that of its message, as `seq` says.  If a sender is killed before
 * that, the repair of its side takes the entry out of its chain: else the next message would take
 * its number, and what is behind it would be lost.
 *
 * Trust.  A peer may have written anything: what is read is a number of an entry, which is
 * checked, or is compared; and a walk ends after `window` steps, since numbers fall.
 */
#ifndef CHAN_IDS_H
#define CHAN_IDS_H

#include "core/layout.h"

#include <stdbool.h>

/* What time it is. */
struct ids_now {
	int64_t time; /* by the coarse monotonic clock of the time namespace `clock` */
	uint32_t clock;
};

struct ids {
	struct layout_id *slot;	  /* NULL: the channel remembers none */
	_Atomic uint32_t *bucket; /* the number of an entry */
	uint32_t window, slots;
	uint32_t mask; /* buckets are a power of two */
	uint64_t seed;
	int64_t age; /* ns, after which an id is forgotten; 0: by number only */
};

/* Return the bytes that a window of so many takes. */
uint64_t ids_size(uint32_t window);

/* Find them at `at`, which is aligned to LAYOUT_PAIR.  `seed` is the channel's. */
struct ids ids_at(void *at, uint32_t window, int64_t age, uint64_t seed);

/* Returns true if one of the last messages before `next` has this id. */
bool ids_has(const struct ids *ids, uint64_t next, const uint8_t id[16], struct ids_now now);

/* Note that message `next`, which is about to be published, has this id. */
void ids_put(const struct ids *ids, uint64_t next, const uint8_t id[16], struct ids_now now);

/* Take back what ids_put() of `next` may have done, since that is not published. */
void ids_repair(const struct ids *ids, uint64_t next);

#endif
