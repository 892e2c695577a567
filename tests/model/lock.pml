/* SPDX-License-Identifier: MIT */
/*
 * The robust mutex, as glibc and the kernel make it, and lock.c's use of it.
 *
 * USERS processes lock and unlock ROUNDS times; up to CRASHES are killed between
 * any two steps: while they wait, in their section, in a repair, and between
 * unlocking's store and its futex wake.  The kernel marks a dead owner's word,
 * wakes one waiter for it, and, if the word of a dying unlocker is still 0, too
 * (Linux 5.5; OLD_KERNEL: not).
 *
 * Proved: two are never inside; whoever gets the lock from a dead owner repairs before
 * anybody sees what the dead one left; and when nothing moves, nobody sleeps beside
 * a lock to be had, but for one slice for each that was killed.  M_NO_SLICES shows
 * why lock.c has slices at all.
 */

#ifndef USERS
#define USERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define BIT(p) (1 << (p))

/* The lock word. */
byte owner; /* 0 free, else process + 1 */
bit waiters, owner_died;

byte asleep; /* a set of processes */
bit unlocking[USERS]; /* list_op_pending of the robust list */
bit dead[USERS], ended[USERS];
byte inside, crashes, slices;
bit torn; /* what the lock guards is not as it should be */

#define TO_BE_HAD (owner == 0)

#define WAKE(p) asleep & BIT(p) -> asleep = asleep & ~BIT(p)

inline futex_wake_one()
{
	if
	:: d_step { WAKE(0) }
	:: d_step { WAKE(1) }
	:: d_step { WAKE(2) }
	:: d_step { WAKE(3) }
	:: asleep == 0
	fi
}

/* One compare-and-swap takes it.  `others`: the bit that a process that slept sets, for
 * there may be more that sleep. */
inline lock()
{
	do
	:: d_step { owner == 0 ->
		owner = me + 1;
		recover = owner_died;
		owner_died = 0;
		waiters = waiters || others;
		others = 0 } break
	:: d_step { owner != 0 -> waiters = 1 }
		/* FUTEX_WAIT on what was seen: sleeps only if it is still so. */
		if
		:: d_step { owner != 0 && waiters -> asleep = asleep | BIT(me) }
			!(asleep & BIT(me));
			others = 1
		:: owner == 0 || !waiters
		fi
	od
}

inline unlock()
{
	unlocking[me] = 1;
	d_step {
		had_waiters = waiters;
		owner = 0;
		waiters = 0
	}
	if
	:: had_waiters -> futex_wake_one()
	:: else
	fi;
	d_step {
		had_waiters = 0;
		unlocking[me] = 0
	}
}

proctype user(byte me)
{
	byte round;
	bit recover, others, had_waiters;

	{
		do
		:: round == ROUNDS -> break
		:: round < ROUNDS ->
			lock();
			skip;
#ifndef M_SKIP_REPAIR
			if
			:: recover ->
				torn = 1; /* in the middle of the repair */
				torn = 0
			:: else
			fi;
#endif
			d_step {
				recover = 0;
				inside++;
				assert(inside == 1 && !torn);
				torn = 1
			}
			d_step {
				torn = 0;
				inside--
			}
			unlock();
			round++
		od;
		ended[me] = 1
	} unless {
		dead[me]
	}
}

/* exit_robust_list() */
inline kill(p)
{
	if
	:: atomic { !dead[p] && !ended[p] && crashes < CRASHES ->
		dead[p] = 1;
		crashes++;
		asleep = asleep & ~BIT(p);
		if
		:: owner == p + 1 ->
			if
			:: torn -> inside = 0
			:: else
			fi;
			owner = 0;
			owner_died = 1;
			if
			:: waiters -> futex_wake_one()
			:: else
			fi
#ifndef OLD_KERNEL
		:: owner == 0 && unlocking[p] -> futex_wake_one()
#endif
		:: else
		fi }
	fi
}

proctype killer()
{
	do
	:: kill(0)
	:: kill(1)
#if USERS > 2
	:: kill(2)
#endif
#if USERS > 3
	:: kill(3)
#endif
	:: break
	od
}

proctype observer()
{
	byte i;

end:	do
	:: atomic { timeout ->
		for (i : 0 .. USERS - 1) {
			assert(dead[i] || ended[i] || asleep & BIT(i))
		}
		i = 0;
		if
		:: asleep && TO_BE_HAD ->
#ifdef M_NO_SLICES
			assert(false);
#endif
			assert(slices < crashes);
			slices++;
			asleep = 0
		:: else -> assert(asleep == 0); break
		fi }
	od
}

init
{
	byte i;

	atomic {
		for (i : 0 .. USERS - 1) {
			run user(i)
		}
		i = 0;
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
