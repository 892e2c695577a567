/* SPDX-License-Identifier: MIT */
/*
 * Messages that are not due yet: channel/delay.c, aside.c, and what headed.c, receive.c and wait.c
 * do for them.
 *
 * A sender sends MESSAGES messages, which are due at FIRST, SECOND and THIRD; with GIVEN another
 * process has the first one leased instead, and gives it back, to be due at FIRST.  RECEIVERS
 * processes receive RECEIVES messages each, then they do something else, for ever.  Up to
 * GIVE_UPS times one of them leaves as its time is over.  Up to CRASHES processes are killed
 * between any two steps.
 *
 * Time goes on only when nothing else can: what a process does takes none.  It begins at 1, so
 * what is due at 1 is due at once.  A sleeper looks again after a SLICE.
 *
 * Proved: nothing is delivered before it is due, or twice.  When all that can be done at a time
 * was done, no receiver sleeps beside a message that is due: none at all if nobody was killed,
 * and none that has been due for a slice for each that was.  In the end all is delivered, if a
 * receiver is there.
 */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef FIRST
#define FIRST 3
#endif
#ifndef SECOND
#define SECOND 1
#endif
#ifndef THIRD
#define THIRD 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef RECEIVES
#define RECEIVES 1
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define SLICE 4
#define END 12

#define SENDER RECEIVERS
#define GIVER (RECEIVERS + 1)
#define PROCS (RECEIVERS + 2)
#include "mortal.pml"

#define BIT(p) (1 << (p))
#define MIN(a, b) ((a) < (b) -> (a) : (b))

byte now = 1;
bit ended[PROCS];
byte crashes, give_ups;

/* The messages. */
#define NOT_YET 0
#define READY 1
#define ASIDE 2
#define LEASED 3 /* to the giver */
#define DONE 4
byte state[MESSAGES];
byte due_of[MESSAGES]; /* in its header */

/* What the segment says: how many are set aside, and when the first is due; 0: none is. */
#define NOW 1
byte delayed, due;

/* The receivers' lock. */
#define FREE 255
#define ABANDONED 254
byte owner = FREE;

/* The condition variable, as in wait.pml. */
byte sequence, asleep;
bit hint;
byte wakes_at[RECEIVERS];

#define WAKE(p) asleep & BIT(p) -> asleep = asleep & ~BIT(p); woken = 1

inline wake_one()
{
	hint = 0;
	sequence++;
	if
	:: atomic { WAKE(0) }
	:: atomic { WAKE(1) }
#if RECEIVERS > 2
	:: atomic { WAKE(2) }
#endif
	:: atomic { asleep == 0 -> skip }
	fi;
	if
	:: atomic { woken -> woken = 0; hint = 1 }
	:: else
	fi
}

inline signal()
{
	if
	:: hint -> wake_one()
	:: else
	fi
}

/* ---- the lock ---- */

inline repair()
{
	d_step {
		delayed = 0;
		for (i : 0 .. MESSAGES - 1) {
			if
			:: state[i] == ASIDE -> delayed++
			:: else
			fi
		}
		i = 0
	}
#ifndef M_NO_REPAIR
	due = (delayed -> NOW : 0)
#endif
}

inline enter()
{
	atomic { owner >= ABANDONED -> recover = (owner == ABANDONED); owner = me }
	if
	:: recover ->
		recover = 0;
		repair();
		d_step { hint = 0; sequence++; asleep = 0 }
	:: else
	fi
}

/* Note when a message is due, the lock held. */
inline note(at)
{
#ifdef M_FORGET_AN_EARLIER_ONE
	earlier = 1;
#else
	earlier = (due == 0 || at < due);
#endif
	if
	:: earlier -> due = at
	:: else
	fi
}

inline set_aside()
{
	delayed++;
	state[i] = ASIDE
}

/* ---- receivers ---- */

inline make_ready()
{
	delayed--;
	state[i] = READY
}

inline delay_look()
{
	if
	:: due && due <= now ->
		next = 0;
		i = 0;
		do
		:: i < MESSAGES ->
			if
			:: state[i] == ASIDE && due_of[i] <= now -> make_ready()
			:: state[i] == ASIDE && due_of[i] > now ->
				next = (next == 0 -> due_of[i] : MIN(next, due_of[i]))
			:: else
			fi;
			i++
		:: else -> break
		od;
#ifdef M_LOOK_AT_THE_FIRST_ONLY
		next = 0;
#endif
		due = 0;
		if
		:: next -> due = next
		:: else
		fi;
		i = 0;
		next = 0
	:: else
	fi
}

/* i: the first that is ready, or MESSAGES. */
inline find()
{
	d_step {
		i = 0;
		do
		:: i < MESSAGES && state[i] != READY -> i++
		:: else -> break
		od
	}
}

inline find_lost()
{
	d_step {
		i = 0;
		do
		:: i < MESSAGES && !(state[i] == LEASED && dead[GIVER]) -> i++
		:: else -> break
		od
	}
}

proctype receiver(byte me)
{
	byte i, next, until, key, received;
	bit recover, earlier, slept, woken, any;

	MORTAL {
		skip;
again:
		slept = 0;
look:
		enter();
retry:
		delay_look();
found:
		find();
		if
		:: i < MESSAGES && due_of[i] > now ->
#ifndef M_DELIVER_EARLY
			set_aside();
			note(due_of[i]);
			slept = 1;
			goto found
#endif
		:: i < MESSAGES && due_of[i] <= now
		:: i == MESSAGES -> goto nothing
		fi;
		d_step {
			assert(state[i] == READY && now >= due_of[i]);
			state[i] = DONE;
#ifdef M_LOOK_BEFORE_REARMING
			any = delayed > 0;
#endif
			received++
		}
		owner = FREE;
		/* It goes off: another one may have to know. */
		if
		:: slept ->
			hint = 1;
			find();
			if
			:: i < MESSAGES -> signal()
			:: else
			fi;
#ifndef M_LOOK_BEFORE_REARMING
			any = delayed > 0;
#endif
#ifndef M_GO_OFF_SILENTLY
			if
			:: any -> signal()
			:: else
			fi
#endif
		:: else
		fi;
		any = 0;
		i = 0;
		if
		:: received < RECEIVES -> goto again
		:: else -> goto leave
		fi;
nothing:
		find_lost();
		if
		:: i < MESSAGES -> state[i] = READY; goto retry
		:: else -> i = 0
		fi;
#ifdef M_DUE_BEFORE_ARMING
		until = due;
#endif
		owner = FREE;
		key = sequence;
		hint = 1;
		find();
		if
		:: i < MESSAGES -> goto look
		:: else -> i = 0
		fi;
#ifndef M_DUE_BEFORE_ARMING
		until = due;
#endif
		if
		:: d_step { give_ups < GIVE_UPS -> give_ups++ }
			if
			:: slept -> hint = 1; wake_one()
			:: else
			fi;
			goto leave
		:: true
		fi;
		d_step {
#ifdef M_SLEEP_WITHOUT_BOUND
			until = 0;
#endif
			wakes_at[me] = now + SLICE;
			if
			:: until && until < wakes_at[me] -> wakes_at[me] = until
			:: else
			fi;
			if
			:: sequence == key -> asleep = asleep | BIT(me)
			:: else
			fi;
			until = 0;
			key = 0
		}
		d_step {
			!(asleep & BIT(me)) || now >= wakes_at[me] ->
			asleep = asleep & ~BIT(me);
			wakes_at[me] = 0;
			slept = 1
		}
		goto look;
leave:
		ended[me] = 1
	} UNLESS_KILLED
}

/* ---- those that send and give back ---- */

proctype sender(byte me)
{
	byte i;
	bit woken;

	MORTAL {
		do
		:: i < MESSAGES ->
			if
			:: state[i] == NOT_YET -> state[i] = READY; signal()
			:: else
			fi;
			i++
		:: else -> break
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

#ifdef GIVEN
proctype giver(byte me)
{
	byte i;
	bit woken, recover, earlier;

	MORTAL {
		enter();
		due_of[0] = FIRST;
		set_aside();
		note(FIRST);
		owner = FREE;
#ifndef M_GIVE_BACK_SILENTLY
		if
		:: earlier -> signal()
		:: else
		fi;
#endif
		ended[me] = 1
	} UNLESS_KILLED
}
#endif

/* ---- time, and death ---- */

#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
	asleep = asleep & ~BIT(p); \
	if \
	:: owner == p -> owner = ABANDONED \
	:: else \
	fi

#if CRASHES
proctype killer()
{
	do
	:: d_step { KILL(0) }
	:: d_step { KILL(1) }
#if RECEIVERS > 2
	:: d_step { KILL(2) }
#endif
	:: d_step { KILL(SENDER) }
#ifdef GIVEN
	:: d_step { KILL(GIVER) }
#endif
	:: break
	od
}
#endif

/* All that can be done now was done. */
inline look_at_all()
{
	d_step {
		for (i : 0 .. RECEIVERS - 1) {
			if
			:: !dead[i] && !ended[i] -> waits = 1
			:: else
			fi
		}
		for (i : 0 .. MESSAGES - 1) {
			assert(!waits || state[i] == DONE || state[i] == NOT_YET ||
				now < due_of[i] + SLICE * crashes)
		}
		waits = 0;
		i = 0
	}
}

proctype clock()
{
	byte i;
	bit waits;

	do
	:: atomic { timeout && now < END ->
			look_at_all();
			now++
		}
	:: atomic { timeout && now == END ->
			look_at_all();
			break
		}
	od
}

init
{
	byte i;

	atomic {
		due_of[0] = FIRST;
#ifdef GIVEN
		due_of[0] = 1;
		state[0] = LEASED;
		run giver(GIVER);
#endif
#if MESSAGES > 1
		due_of[1] = SECOND;
#endif
#if MESSAGES > 2
		due_of[2] = THIRD;
#endif
		for (i : 0 .. RECEIVERS - 1) {
			run receiver(i)
		}
		run sender(SENDER);
#if CRASHES
		run killer();
#endif
		run clock()
	}
}
