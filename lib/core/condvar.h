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
 *   waiting    a hint: somebody may sleep (COND_SLEEPER), or wants the bell to be rung
 *              (COND_BELL; what that is and how it is rung is the caller's: bell.h); and
 *              how often the bell was armed
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
 * Several words.  Who sleeps on several conditions at once (cond_wait_any()) may be
 * counted by the signallers of more than one of them, while it goes on for one.  So it
 * owes each of them a look: see cond_moved().
 *
 * The bell.  A waiter that sleeps elsewhere (in epoll, say) has no slices.  It arms by
 * cond_arm_bell(), and a signaller that sees the bell's bit rings.  What is said above of
 * the hint and its fences holds for this bit, but for when it is cleared: after the ring,
 * by the one that rang (cond_rung()).  So a signaller that is killed or stopped before it
 * rang leaves the bit to the next one.  A waiter that heard the ring may have armed again
 * before the bit is cleared, which must not erase that: so the word counts how often the
 * bell was armed, and the bit is cleared only if the count is still what it was before the
 * ring.
 *
 * Model-checked in tests/model.  The construction is an eventcount (D. P. Reed,
 * R. K. Kanodia, "Synchronization with eventcounts and sequencers", CACM 22(2),
 * 1979) on futex(2).
 */
#ifndef CHAN_CONDVAR_H
#define CHAN_CONDVAR_H

#include "core/layout.h"

#include <stdbool.h>

/* The kind that this library uses, recorded in each segment. */
#ifdef CHAN_CONDVAR_PTHREAD
#define CONDVAR_KIND LAYOUT_CONDVAR_PTHREAD
#else
#define CONDVAR_KIND LAYOUT_CONDVAR_FUTEX
#endif

/* The bits of the hint; above them is the count of armed bells. */
enum {
	COND_SLEEPER = 1u << 0,
	COND_BELL = 1u << 1,
	COND_WAITER = COND_SLEEPER | COND_BELL,
	COND_ARMED = 1u << 2 /* one */
};

/* Make it: 0, or a negative errno (of the reference only). */
int cond_init(struct layout_cond *c);

/* Return the key for cond_wait() of a waiter that can't announce itself: signallers know of
 * it in another way. */
static inline uint32_t cond_key(const struct layout_cond *c)
{
	/* Acquire: as in cond_arm(). */
	return atomic_load_explicit(&c->sequence, memory_order_acquire);
}

/* Announce a waiter, and return the key for cond_wait(). */
static inline uint32_t cond_arm(struct layout_cond *c)
{
	/* Acquire: pairs with the release of the sequence in cond_wake(): whoever
	 * reads the new sequence sees the change that was signalled with it. */
	uint32_t key = atomic_load_explicit(&c->sequence, memory_order_acquire);

	atomic_fetch_or_explicit(&c->waiting, COND_SLEEPER, memory_order_relaxed);
	/* Pairs with the fence in cond_signal(). */
	atomic_thread_fence(memory_order_seq_cst);
	return key;
}

/* Announce a waiter that the bell wakes.  It must look at the predicate after this. */
static inline void cond_arm_bell(struct layout_cond *c)
{
	uint32_t hint = atomic_load_explicit(&c->waiting, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(&c->waiting, &hint,
		(hint + COND_ARMED) | COND_BELL, memory_order_relaxed, memory_order_relaxed))
		;
	/* Pairs with the fence in cond_signal(). */
	atomic_thread_fence(memory_order_seq_cst);
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

/* One of several words to sleep on. */
struct cond_word {
	_Atomic uint32_t *word;
	uint32_t key; /* it sleeps only while the word has this value */
};

/* The most words that cond_wait_any() takes: the kernel's limit. */
#define COND_WORDS_MAX 128u

/* Return the word of a condition that cond_arm() gave `key` for. */
static inline struct cond_word cond_word(struct layout_cond *c, uint32_t key)
{
	return (struct cond_word){.word = &c->sequence, .key = key};
}

/* Sleep as cond_wait() does, until any of the words differs from its key.  Where the system
 * has no futex_waitv(2), and in the reference, it looks each millisecond. */
int cond_wait_any(const struct cond_word *words, unsigned n, int64_t deadline);

/* Returns true if a signal or broadcast came since cond_arm() gave `key`: it may have
 * counted this waiter, which owes it a look, or cond_pass_on() if it does not look. */
static inline bool cond_moved(const struct layout_cond *c, uint32_t key)
{
	return atomic_load_explicit(&c->sequence, memory_order_relaxed) != key;
}

/* What cond_wake() returns: 0, or that the caller has to ring the bell, and to hand this to
 * cond_rung() after that. */
typedef uint32_t cond_bell;

/* Clear the sleepers' hint, move the sequence on, and wake so many: the rest of
 * cond_signal() and cond_broadcast(), when a waiter may sleep. */
cond_bell cond_wake(struct layout_cond *c, int how_many);

/* Call after the bell was rung: clear its bit, unless the bell was armed since. */
static inline void cond_rung(struct layout_cond *c, cond_bell bell)
{
	uint32_t hint = bell;

	/* Release: keeps the clearing behind the ring. */
	while (!((hint ^ bell) & ~(uint32_t)COND_SLEEPER) &&
		!atomic_compare_exchange_weak_explicit(&c->waiting, &hint,
			hint & ~(uint32_t)COND_BELL, memory_order_release, memory_order_relaxed))
		;
}

/* Returns true if the hint says that somebody waits. */
static inline bool cond_hinted(const struct layout_cond *c)
{
	return atomic_load_explicit(&c->waiting, memory_order_relaxed) & COND_WAITER;
}

/* Returns true if a signal would wake a waiter, as far as known.  The fence makes the
 * caller's stores before it visible to whoever arms after it. */
static inline bool cond_waited(struct layout_cond *c)
{
	/* Pairs with the fence in cond_arm(). */
	atomic_thread_fence(memory_order_seq_cst);
	return __builtin_expect(cond_hinted(c), 0);
}

/* Wake one waiter, if any, and return as cond_wake().  Costs a fence and a load when there
 * is none. */
static inline cond_bell cond_signal(struct layout_cond *c)
{
	return cond_waited(c) ? cond_wake(c, 1) : 0;
}

/* Wake one waiter, if any, after a full fence of the caller's: that takes the place of
 * cond_signal()'s. */
static inline cond_bell cond_signal_fenced(struct layout_cond *c)
{
	return __builtin_expect(cond_hinted(c), 0) ? cond_wake(c, 1) : 0;
}

/* Call on the way out after sleeping, before checking what is left: others may still be
 * asleep. */
static inline void cond_rearm(struct layout_cond *c)
{
	atomic_fetch_or_explicit(&c->waiting, COND_SLEEPER, memory_order_relaxed);
	/* Pairs with the fence in cond_waited(), as cond_arm()'s. */
	atomic_thread_fence(memory_order_seq_cst);
}

/* Call on the way out after sleeping, if something is left or nothing was got: another
 * waiter may be able to go on.  Returns as cond_wake(). */
static inline cond_bell cond_pass_on(struct layout_cond *c)
{
	cond_rearm(c);
	return cond_wake(c, 1);
}

/* Wake all that sleep, and store nothing: one that is about to sleep is missed.  For a
 * process that may not write; futex only. */
void cond_nudge(struct layout_cond *c);

/* Wake all, whatever the hint says, and return as cond_wake().  Async-signal-safe on
 * futex. */
cond_bell cond_broadcast(struct layout_cond *c);

#endif
