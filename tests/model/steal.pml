/* SPDX-License-Identifier: MIT */
/*
 * Lanes by key: channel/steal.c, and what headed.c (kept_out()) and wait.c do for it.
 *
 * There are two lanes.  SENDERS send one message each, in the two lanes in turn, or (ONE_LANE)
 * all in the first.  WORKERS take TAKES messages each under a lease, from whichever lane has one
 * that they may have, and end the lease: the message is done, or, up to GIVE_BACKS times in all, is
 * given back.  Up to CRASHES processes are killed.
 *
 * To try a lane is one step here, since it has the lane's lock, and so is to end a lease; the
 * waiting for several conditions is that of select.pml, which says how it is modelled.
 *
 * Proved: while a worker that lives has a lease in a lane, nobody else gets anything there, and a
 * message is taken only when all before it in its lane are done.  None is lost.  Whenever nothing
 * moves any more, no worker sleeps beside a message that it may have: with no slice ever needed
 * when nobody was killed, and at most one for each that was.
 */

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef TAKES
#define TAKES 1
#endif
#ifndef GIVE_BACKS
#define GIVE_BACKS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define PROCS (WORKERS + SENDERS)

#include "mortal.pml"

#define BIT(p) (1 << (p))

/* Lane c has the messages c * SENDERS and so on. */
#define NONE 0
#define READY 1
#define DONE 2
#define LEASED(p) (3 + (p))
byte state[2 * SENDERS];
byte sent[2];

bit hint[2];
byte asleep[2], moved[2], waiters; /* as in select.pml */
bit ended[PROCS];
byte crashes, slices, give_backs;
byte s, k; /* of steps that are one */
bit beside, beside_looks; /* the observer's */

/* ---- the condition variable, as in select.pml ---- */

#define WAKE(c, p) d_step { asleep[c] & BIT(p) -> asleep[c] = asleep[c] & ~BIT(p) } hint[c] = 1

inline wake_one(c)
{
	d_step {
		hint[c] = 0;
		moved[c] = waiters
	}
	if
	:: WAKE(c, 0)
	:: WAKE(c, 1)
#if WORKERS > 2
	:: WAKE(c, 2)
#endif
	:: asleep[c] == 0
	fi
}

inline signal(c)
{
	if
	:: hint[c] -> wake_one(c)
	:: !hint[c]
	fi
}

inline pass_on(c)
{
	hint[c] = 1;
	wake_one(c)
}

inline arm(c)
{
	d_step {
		waiters = waiters | BIT(me);
		moved[c] = moved[c] & ~BIT(me);
		hint[c] = 1
	}
}

#define MOVED(c) (moved[c] & BIT(me))
#define ASLEEP(c) (asleep[c] & BIT(me))

/* ---- a lane ---- */

/* Set `s` to the message of lane c that process p may have, or to NOTHING; leases of the dead
 * are given back. */
#define NOTHING 255
#ifdef M_DEAD_KEEPS
#define RECLAIMS beside_looks
#else
#define RECLAIMS 1
#endif
#define HELD_BY_OTHER(x, p) (state[x] > DONE && state[x] != LEASED(p))

inline find(c, p)
{
	s = NOTHING;
	k = c * SENDERS;
	do
	:: k == c * SENDERS + sent[c] -> break
	:: else ->
		if
		:: RECLAIMS && HELD_BY_OTHER(k, p) && dead[state[k] - 3] -> state[k] = READY
#ifndef M_STEAL_LEASED
		:: HELD_BY_OTHER(k, p) && !dead[state[k] - 3] -> s = NOTHING; break
#endif
		:: else
		fi;
		if
		:: s == NOTHING && state[k] == READY -> s = k
		:: else
		fi;
		k++
	od;
	/* Who holds one behind it keeps it, too. */
	if
	:: s != NOTHING && k < c * SENDERS + sent[c] -> s = NOTHING
	:: else
	fi;
	k = 0
}

/* What is before it is done, or is this process's own. */
inline expect_order(c)
{
	k = c * SENDERS;
	do
	:: k == mine -> break
	:: else ->
		assert(state[k] == DONE || state[k] == LEASED(me));
		k++
	od;
	k = 0
}

inline try_lane(c)
{
	d_step {
		find(c, me);
		mine = s;
		s = 0;
		if
		:: mine != NOTHING ->
			expect_order(c);
			state[mine] = LEASED(me);
			found = c
		:: else
		fi
	}
}

#define ANY_READY(c) (sent[c] > 0 && state[c * SENDERS] == READY || \
	sent[c] > 1 && state[c * SENDERS + 1] == READY || \
	sent[c] > 2 && state[c * SENDERS + 2] == READY)

/* ---- a worker ---- */

/* Its home first. */
inline try_each()
{
	try_lane(home);
	if
	:: mine == NOTHING -> try_lane((1 - home))
	:: else
	fi;
	if
	:: mine != NOTHING -> goto leave
	:: else
	fi
}

inline note_what_it_owes(c)
{
	owes[c] = owes[c] || MOVED(c)
}

inline leave_one(c)
{
	if
	:: found == c ->
		hint[c] = 1;
		if
		:: ANY_READY(c) -> signal(c)
		:: else
		fi
	:: else ->
		d_step {
			note_what_it_owes(c)
		}
		if
#ifndef M_NO_PASSING_ON
		:: owes[c] -> pass_on(c)
#endif
		:: else
		fi
	fi
}

inline end_lease(c)
{
	if
	:: state[mine] = DONE
	:: atomic { give_backs < GIVE_BACKS -> give_backs++; state[mine] = READY }
	fi;
#ifndef M_END_SILENTLY
	if
	:: ANY_READY(c) -> signal(c)
	:: else
	fi
#endif
}

proctype worker(byte me)
{
	byte mine = NOTHING, takes;
	bit found, owes[2], slept, home;

	MORTAL {
		home = me & 1;
next:
		try_each();
again:
		arm(0);
#ifndef M_ARM_HOME_ONLY
		arm(1);
#endif
#ifndef M_NO_SECOND_TRY
		try_each();
#endif
		/* futex_waitv() */
		if
		:: atomic { MOVED(0) -> slept = 1; goto awake }
		:: d_step { !MOVED(0) -> slept = 1; asleep[0] = asleep[0] | BIT(me) }
		fi;
#ifndef M_ARM_HOME_ONLY
		if
		:: atomic { MOVED(1) -> goto awake }
		:: d_step { !MOVED(1) -> asleep[1] = asleep[1] | BIT(me) }
		fi;
		!ASLEEP(0) || !ASLEEP(1);
#else
		!ASLEEP(0);
#endif
awake:
		asleep[0] = asleep[0] & ~BIT(me);
		d_step {
			asleep[1] = asleep[1] & ~BIT(me);
			note_what_it_owes(0);
			note_what_it_owes(1)
		}
#ifdef M_NO_SECOND_TRY
		try_each();
#endif
		goto again;
leave:
		if
		:: slept ->
			leave_one(0);
			leave_one(1)
		:: else
		fi;
		d_step {
			owes[0] = 0;
			owes[1] = 0;
			slept = 0;
			waiters = waiters & ~BIT(me);
			moved[0] = moved[0] & ~BIT(me);
			moved[1] = moved[1] & ~BIT(me)
		}
		end_lease(found);
		d_step {
			mine = NOTHING;
			found = 0;
			takes++
		}
		if
		:: takes < TAKES -> goto next
		:: else
		fi;
		ended[me] = 1
	} UNLESS_KILLED
}

/* ---- a sender ---- */

proctype sender(byte me; bit c)
{
	MORTAL {
		d_step {
			state[c * SENDERS + sent[c]] = READY;
			sent[c]++
		}
		signal(c);
		ended[me] = 1
	} UNLESS_KILLED
}

/* ---- death ---- */

#if CRASHES
#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
	asleep[0] = asleep[0] & ~BIT(p); \
	asleep[1] = asleep[1] & ~BIT(p); \
	waiters = waiters & ~BIT(p)

proctype killer()
{
	do
	:: d_step { KILL(0) }
	:: d_step { KILL(1) }
	:: d_step { KILL(2) }
#if PROCS > 3
	:: d_step { KILL(3) }
#endif
#if PROCS > 4
	:: d_step { KILL(4) }
#endif
#if PROCS > 5
	:: d_step { KILL(5) }
#endif
	:: break
	od
}
#endif

/* ---- what has to hold when nothing moves ---- */

#define AT_REST(p) (p >= PROCS || dead[p] || ended[p] || asleep[0] & BIT(p) || asleep[1] & BIT(p))
#define SLEEPS(p) (asleep[0] & BIT(p) || asleep[1] & BIT(p))

/* Worker p sleeps beside what it may have. */
inline look_at(p)
{
	if
	:: p < WORKERS && SLEEPS(p) ->
		find(0, p);
		beside = beside || s != NOTHING;
		find(1, p);
		beside = beside || s != NOTHING;
		s = 0
	:: else
	fi
}

proctype observer()
{
end:	do
	:: atomic { timeout ->
		assert(AT_REST(0) && AT_REST(1) && AT_REST(2) && AT_REST(3) && AT_REST(4) &&
			AT_REST(5));
		d_step {
			beside = 0;
			beside_looks = 1;
			look_at(0);
			look_at(1);
			look_at(2);
			beside_looks = 0
		}
		if
		:: beside ->
			/* Their slices end. */
			assert(slices < crashes);
			slices++;
			asleep[0] = 0;
			asleep[1] = 0
		:: else -> break
		fi }
	od
}

init
{
	byte i;

	atomic {
		for (i : 0 .. PROCS - 1) {
			if
			:: i < WORKERS -> run worker(i)
#ifdef ONE_LANE
			:: else -> run sender(i, 0)
#else
			:: else -> run sender(i, (i - WORKERS) & 1)
#endif
			fi
		}
		i = 0;
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
