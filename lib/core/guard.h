/* SPDX-License-Identifier: MIT */
/*
 * A guard: how sleepers learn that the process is gone that watches over them.
 *
 * A sleeper has to look again by itself from time to time, because the wake-up that it
 * waits for may have died with the process that owed it.  If somebody sees each such
 * death, and wakes everybody then, the sleeper may sleep on; but only as long as that
 * watcher lives.  The guard is what it has of the watcher: futex words in shared memory,
 * which others can only read.  A sleeper sleeps on one of them too (guard_sleep()).
 *
 *   TID | FUTEX_WAITERS   the watcher's thread lives
 *   anything else         it is gone, or watches no more
 *
 * Each word is the lock word of a robust mutex that the watcher owns for life.  However its
 * thread ends, the kernel goes through its robust mutexes, marks each word with
 * FUTEX_OWNER_DIED, and, because FUTEX_WAITERS is set, wakes one sleeper of each word.
 * Nobody ever waits for the mutexes, so it is the watcher that sets that bit, in advance.
 *
 * The kernel wakes one of each word, so that one passes it on: it wakes all that sleep on any
 * of the words.  A sleeper that is not the first on its word depends on that; if all that
 * the kernel woke are killed or stopped before they do, it sleeps for its whole slice.
 * There are many words, and those that sleep in one channel have different ones, so that
 * nearly always each is the first on its word.
 *
 * A sleeper never reads the words: it has their value from the file (guard_file.h), and the
 * kernel compares.  So whoever cuts the file off harms no sleeper.
 *
 * Model-checked in tests/model (guard.pml).
 */
#ifndef CHAN_GUARD_H
#define CHAN_GUARD_H

#include "core/condvar.h"

#define GUARD_MAGIC UINT64_C(0x3164726175676873) /* "shguard1", little-endian */
#define GUARD_WORDS 63u
#define GUARD_SIZE 4096u

struct guard_mutex {
	alignas(64) pthread_mutex_t mutex;
};

/* What the watcher shares. */
struct guard {
	_Atomic uint64_t magic; /* written last */
	uint64_t id;		/* no other guard has it */
	uint64_t first;		/* where the first word is, from the start */
	uint64_t stride;	/* from one word to the next */
	struct guard_mutex at[GUARD_WORDS];
};

static_assert(sizeof(struct guard) == GUARD_SIZE, "a guard is a page");

/* ---- the watcher ---- */

/*
 * Make a guard in `g`, which is zero, for the calling thread: it holds from now on, and
 * until guard_release() or the thread's end.  Returns 0, or
 *
 *   -EOPNOTSUPP  this system has no sleep on several words, or no list of robust mutexes
 *
 * or the error of a mutex.
 */
int guard_hold(struct guard *g, uint64_t id);

/* The watcher watches no more: wake all that sleep on it.  Call it in the same thread. */
void guard_release(struct guard *g);

/* ---- sleepers ---- */

/* A guard as a sleeper sees it. */
struct guard_view {
	uint64_t id;
	const unsigned char *page; /* where it is mapped */
	uint64_t first, stride;
	uint32_t value; /* that each word has while the guard holds */
};

/* Check what was read from a guard's file, and set what the view has of it.  Returns true
 * if that is a guard which holds. */
bool guard_examine(const struct guard *copy, struct guard_view *ret);

/* A place to sleep on: one word of a guard. */
struct guard_place {
	struct guard_view view;
	unsigned which; /* chooses the word */
	bool gone;	/* after the sleep: the guard does not hold any more */
};

/* The most guards that one sleeps on. */
#define GUARDS_MAX 4u

/*
 * Sleep as cond_wait_any() does, and until one of the guards is gone.  If one is, all that
 * sleep on it are woken, and the place says so.  Returns 0 (woken, or spuriously), or
 *
 *   -ETIMEDOUT   the deadline has passed
 *   -EINTR       a signal handler ran
 *   -EOPNOTSUPP  this system can't do that: it did not sleep
 */
int guard_sleep(struct guard_place *places, unsigned guards, const struct cond_word *words,
	unsigned n, int64_t deadline);

#endif
