/* SPDX-License-Identifier: MIT */
/*
 * Waiting for one of two channels: channel/select.c, wait_arm(), wait_sleep() and
 * wait_leave() of channel/wait.c, beside plain receivers, which are those of wait.pml.
 *
 * SELECTORS processes wait for both channels and take one message each; RECEIVERS wait for
 * one channel, the first receiver for channel 0, the next for 1, and so on; SENDERS send one
 * message each, in the same turn, or (ONE_CHANNEL) all to channel 0.  All that is said of
 * messages and receivers holds for room and senders.
 *
 * To try is one step here, and so is to arm, and so is to clear the hint and move the
 * sequence on: the lock, the ring and these, step by step, are in lock.pml and wait.pml.  So
 * is what a fence left out would do: here each step is visible at once.  Of the sequence only
 * is kept for whom it moved since that process armed.
 *
 * futex_waitv(2) puts the process in one queue after the other, and on its way back out of
 * one after the other.  Meanwhile a FUTEX_WAKE on each may count it.
 *
 * Up to TIMEOUTS sleepers look again by themselves, or leave with -ETIMEDOUT or -EINTR; up to
 * CRASHES processes are killed.
 *
 * Proved: whenever nothing moves any more, everybody has ended, or sleeps without a message
 * that it waits for: with no slice ever needed when nobody was killed, and at most one for
 * each that was.
 */

#ifndef SELECTORS
#define SELECTORS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 1
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define PROCS (SELECTORS + RECEIVERS + SENDERS)

#include "mortal.pml"

#define BIT(p) (1 << (p))

byte messages[2];
bit hint[2];
byte asleep[2]; /* the futexes' queues: sets of processes */
byte waiters;   /* those that armed */
byte moved[2];  /* those for which the sequence is not the key that they have */
bit ended[PROCS];
byte timeouts, crashes, slices;

/* ---- the condition variable, as in wait.pml ---- */

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
	:: WAKE(c, 2)
	:: WAKE(c, 3)
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

/* After a success. */
inline look_behind(c)
{
	hint[c] = 1;
#ifndef M_DONT_LOOK_BEHIND
	if
	:: messages[c] -> signal(c)
	:: !messages[c]
	fi
#endif
}

/* A slice or a time limit passes, or a signal comes. */
#if TIMEOUTS
#define TIMEOUT \
	:: atomic { ASLEEP(c) && timeouts < TIMEOUTS -> \
		timeouts++; \
		asleep[c] = asleep[c] & ~BIT(me); \
		if \
		:: timed_out = 1 \
		:: skip \
		fi }
#define LEAVE_IF_TIMED_OUT \
	if \
	:: timed_out -> goto leave \
	:: else \
	fi
#else
#define TIMEOUT
#define LEAVE_IF_TIMED_OUT skip
#endif

inline retire()
{
	d_step {
		waiters = waiters & ~BIT(me);
		moved[0] = moved[0] & ~BIT(me);
		moved[1] = moved[1] & ~BIT(me);
		slept = 0;
		timed_out = 0;
		ended[me] = 1
	}
}

/* ---- a plain receiver ---- */

proctype receiver(byte me; bit c)
{
	bit slept, timed_out, got;

	MORTAL {
		skip;
try:
		if
		:: atomic { messages[c] -> messages[c]--; got = 1; goto leave }
		:: atomic { !messages[c] -> LEAVE_IF_TIMED_OUT }
		fi;
		arm(c);
		if
		:: messages[c] -> goto try
		:: !messages[c]
		fi;
		if
		:: atomic { MOVED(c) -> slept = 1; goto try }
		:: d_step { !MOVED(c) -> slept = 1; asleep[c] = asleep[c] | BIT(me) }
		fi;
		if
		:: atomic { !ASLEEP(c) -> goto try }
		TIMEOUT
		fi;
		goto try;
leave:
		if
		:: slept && !got -> pass_on(c)
		:: slept && got -> look_behind(c)
		:: !slept
		fi;
		retire()
	} UNLESS_KILLED
}

/* ---- a selector ---- */

#define NOTHING 2

#define TAKE(c) atomic { messages[c] -> messages[c]--; found = c; goto leave }
#define NONE(c) atomic { !messages[c] -> LEAVE_IF_TIMED_OUT }

/* Tries one, then the other. */
inline try_each()
{
	if
	:: TAKE(0)
	:: TAKE(1)
	:: !messages[0] ->
		if
		:: TAKE(1)
		:: NONE(1)
		fi
	:: !messages[1] ->
		if
		:: TAKE(0)
		:: NONE(0)
		fi
	fi
}

/* After the sleep, and on the way out. */
inline note_what_it_owes(c)
{
#ifdef M_FORGET_WHEN_ARMED_AGAIN
	owes[c] = MOVED(c)
#else
	owes[c] = owes[c] || MOVED(c)
#endif
}

inline leave_one(c)
{
	if
	:: found == c -> look_behind(c)
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

proctype selector(byte me)
{
	byte found = NOTHING;
	bit c, owes[2], slept, timed_out;

	MORTAL {
		try_each();
again:
		arm(0);
		arm(1);
#ifndef M_NO_SECOND_TRY
		try_each();
#endif
		/* futex_waitv() */
		if
		:: atomic { MOVED(0) -> slept = 1; goto awake }
		:: d_step { !MOVED(0) -> slept = 1; asleep[0] = asleep[0] | BIT(me) }
		fi;
		if
		:: atomic { MOVED(1) -> goto awake }
		:: d_step { !MOVED(1) -> asleep[1] = asleep[1] | BIT(me) }
		fi;
		if
		:: !ASLEEP(0) || !ASLEEP(1)
		TIMEOUT
		fi;
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
			found = 0;
			owes[0] = 0;
			owes[1] = 0
		}
		retire()
	} UNLESS_KILLED
}

/* ---- a sender ---- */

proctype sender(byte me; bit c)
{
	MORTAL {
		messages[c]++;
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
#if PROCS > 6
	:: d_step { KILL(6) }
#endif
	:: break
	od
}
#endif

/* ---- what has to hold when nothing moves ---- */

#define AT_REST(p) (p >= PROCS || dead[p] || ended[p] || asleep[0] & BIT(p) || asleep[1] & BIT(p))
#define BESIDE(c) (messages[c] && asleep[c])

proctype observer()
{
end:	do
	:: atomic { timeout ->
		assert(AT_REST(0) && AT_REST(1) && AT_REST(2) && AT_REST(3) && AT_REST(4) &&
			AT_REST(5) && AT_REST(6));
		if
		:: BESIDE(0) || BESIDE(1) ->
#ifdef M_NO_SLICES
			assert(false);
#endif
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
			:: i < SELECTORS -> run selector(i)
			:: i >= SELECTORS && i < SELECTORS + RECEIVERS ->
				run receiver(i, (i - SELECTORS) & 1)
			#ifdef ONE_CHANNEL
			:: else -> run sender(i, 0)
#else
			:: else -> run sender(i, (i - SELECTORS - RECEIVERS) & 1)
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
