/* SPDX-License-Identifier: MIT */
/*
 * A condition variable that survives the death of any process that uses it.
 *
 * POSIX has robust mutexes but no robust condition variables, and glibc's
 * pthread_cond_t is not one: a process killed inside pthread_cond_wait() leaves
 * a reference that makes a later signal wait for ever (glibc bug 21422; until
 * 2.41), and one killed inside pthread_cond_signal() leaves its inner lock taken
 * (all versions).  Here nothing in memory has to be undone by anybody: the
 * kernel forgets a dead sleeper, and the two words hold only
 *
 *   sequence   grows with each signal; a sleeper sleeps on its value
 *   waiting    a hint: somebody may sleep
 *
 * Typical use.  The predicate's memory is not guarded by a common lock (senders
 * and receivers have one each), so the waiter announces itself before it looks:
 *
 *   waiter                                signaller
 *   key = cond_arm(c);                    make the predicate true;
 *   if (!predicate)                       cond_signal(c);
 *           cond_wait(c, key, deadline);
 *   look again, from the start
 *
 * Why no wake-up is lost.  cond_arm() reads the sequence, sets the hint, fence;
 * cond_signal() has a fence, reads the hint.  Both fences are sequentially
 * consistent, so either the signaller sees the hint, or the waiter's look at the
 * predicate sees the signaller's change.  In the first case the sequence moves
 * on, and it moves after the waiter read it (or the acquire in cond_arm() makes
 * the change visible): a waiter not yet asleep finds a changed sequence and does
 * not sleep, a sleeping one is woken.  The hint is cleared before the sequence
 * moves, never after the wake: cleared after, it would erase the hint of a
 * waiter that armed in between.
 *
 * Why a death costs time only.  Killed between clearing the hint and the wake, a
 * signaller leaves sleepers without a hint; killed after it was woken, a waiter
 * takes the wake-up with it.  So no sleep is longer than a slice (wait.c): the
 * sleeper looks again by itself.
 *
 * One signal wakes one, and two signallers at once may, between them, wake one
 * only: the second finds the hint cleared.  So a waiter that has slept owes the
 * others a look: before it leaves, it sets the hint again (cond_rearm()), and if it
 * leaves anything behind, or leaves empty-handed, it passes the wake-up on.  Every
 * clearing is followed by a wake, and the woken one sets the hint, fence, looks: a
 * signaller that found it cleared made its change before that fence, so the look
 * sees it.  (The signaller sets the hint again too if it woke somebody.  That is
 * for the case that the woken one dies.)
 *
 * Model-checked in tests/model.  The construction is an eventcount (D. P. Reed,
 * R. K. Kanodia, "Synchronization with eventcounts and sequencers", CACM 22(2),
 * 1979) on futex(2).
 */
#ifndef CHAN_CONDVAR_H
#define CHAN_CONDVAR_H

#include "core/layout.h"

/* The kind that this library uses, recorded in each segment. */
#ifdef CHAN_CONDVAR_PTHREAD
#define CONDVAR_KIND LAYOUT_CONDVAR_PTHREAD
#else
#define CONDVAR_KIND LAYOUT_CONDVAR_FUTEX
#endif

/* Make it: 0, or a negative errno (of the reference only). */
int cond_init(struct layout_cond *c);

/* Announce a waiter, and return the key for cond_wait(). */
static inline uint32_t cond_arm(struct layout_cond *c)
{
	/* Acquire: pairs with the release of the sequence in cond_wake(): whoever
	 * reads the new sequence sees the change that was signalled with it. */
	uint32_t key = atomic_load_explicit(&c->sequence, memory_order_acquire);

	atomic_store_explicit(&c->waiting, 1, memory_order_relaxed);
	/* Pairs with the fence in cond_signal(). */
	atomic_thread_fence(memory_order_seq_cst);
	return key;
}

/*
 * Sleep until a signal or broadcast after the cond_arm() that gave `key`, or
 * until `deadline` (CLOCK_MONOTONIC, ns).  The caller must hold no lock that the
 * signaller needs.  Returns 0 (woken, or spuriously), or
 *
 *   -ETIMEDOUT  the deadline has passed
 *   -EINTR      a signal handler ran
 */
int cond_wait(struct layout_cond *c, uint32_t key, int64_t deadline);

/* Clear the hint, move the sequence on, and wake so many: the rest of cond_signal() and
 * cond_broadcast(), when a waiter may sleep. */
void cond_wake(struct layout_cond *c, int how_many);

/* Returns true if a signal would wake a waiter, as far as known.  The fence makes the
 * caller's stores before it visible to whoever arms after it. */
static inline int cond_waited(struct layout_cond *c)
{
	/* Pairs with the fence in cond_arm(). */
	atomic_thread_fence(memory_order_seq_cst);
	return __builtin_expect(atomic_load_explicit(&c->waiting, memory_order_relaxed) != 0, 0);
}

/* Wake one waiter, if any.  Costs a fence and a load when there is none. */
static inline void cond_signal(struct layout_cond *c)
{
	if (cond_waited(c))
		cond_wake(c, 1);
}

/* Wake one waiter, if any, after a full fence of the caller's: that takes the place of
 * cond_signal()'s. */
static inline void cond_signal_fenced(struct layout_cond *c)
{
	if (__builtin_expect(atomic_load_explicit(&c->waiting, memory_order_relaxed) != 0, 0))
		cond_wake(c, 1);
}

/* Call on the way out after sleeping, before checking what is left: others may still be
 * asleep. */
static inline void cond_rearm(struct layout_cond *c)
{
	atomic_store_explicit(&c->waiting, 1, memory_order_relaxed);
	/* Pairs with the fence in cond_waited(), as cond_arm()'s. */
	atomic_thread_fence(memory_order_seq_cst);
}

/* Call on the way out after sleeping, if something is left or nothing was got: another
 * waiter may be able to go on. */
static inline void cond_pass_on(struct layout_cond *c)
{
	cond_rearm(c);
	cond_wake(c, 1);
}

/* Wake all, whatever the hint says.  Async-signal-safe on futex. */
void cond_broadcast(struct layout_cond *c);

#endif
