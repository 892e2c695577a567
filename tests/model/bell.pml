/* SPDX-License-Identifier: MIT */
/*
 * The bell: condvar.h, channel_ring() of channel/wake.h, pollable_rest() of channel/rest.c
 * and settle() of channel/set.c, beside plain receivers.
 *
 * LOOPS event loops receive from a channel, each by a descriptor of its own: a loop calls
 * once when the descriptor is readable, and then waits again until it is.  RECEIVERS take
 * one message each, asleep on the futex, and SENDERS send one each.
 *
 * Up to CRASHES processes are killed, and up to STOPS are stopped for ever (SIGSTOP).  The
 * kernel closes the file of a killed one some time later.  The steps are those of select.pml.
 * Of the bells' count only is kept for whom the bell was armed since that process read it.
 *
 * Proved: whenever nothing moves any more, no loop is asleep beside a message, but one whose
 * sender was stopped before it rang; and the receivers need a slice for each process that
 * was killed or stopped, at most.
 */

#ifndef LOOPS
#define LOOPS 1
#endif
#ifndef RECEIVERS
#define RECEIVERS 0
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef STOPS
#define STOPS 0
#endif

#define PROCS (LOOPS + RECEIVERS + SENDERS)

#if STOPS && !CRASHES
#undef CRASHES
#define CRASHES 1 /* for mortal.pml */
#define KILLS 0
#else
#define KILLS CRASHES
#endif

#include "mortal.pml"

#define BIT(p) (1 << (p))
#define ALL 255
#define ALL_LOOPS (BIT(LOOPS) - 1)

byte messages;
bit sleeper, bell; /* the hint */
byte armed_since = ALL;
byte heard = ALL_LOOPS; /* the descriptors that are readable */
byte asleep;		/* in the futex's queue */
byte moved;		/* as in select.pml */
byte telling;		/* those that have not yet announced what they sent */
byte stopped;
bit ended[PROCS];
byte kills, stops, closing, slices;

/* ---- the condition variable and the bell ---- */

#define WAKE(p) d_step { asleep & BIT(p) -> asleep = asleep & ~BIT(p) } sleeper = 1

inline ring()
{
	heard = ALL_LOOPS
}

/* cond_wake(c, 1), and the ring */
inline wake_one()
{
	d_step {
		rings = bell;
		futex = (sleeper || !bell);
		armed_since = armed_since & ~BIT(me);
		moved = ALL;
#ifdef M_CLEAR_BEFORE_RING
		bell = 0;
#endif
		sleeper = 0
	}
	if
	:: futex ->
		if
		:: WAKE(0)
		:: WAKE(1)
		:: WAKE(2)
		:: WAKE(3)
		:: asleep == 0
		fi
	:: else
	fi;
	if
	:: rings ->
		ring();
#ifdef M_CLEAR_ALWAYS
		bell = 0
#else
		d_step {
			if
			:: !(armed_since & BIT(me)) -> bell = 0
			:: else
			fi
		}
#endif
	:: else
	fi;
	d_step {
		armed_since = armed_since | BIT(me);
		rings = 0;
		futex = 0
	}
}

inline signal()
{
	if
	:: sleeper || bell -> wake_one()
	:: !sleeper && !bell
	fi
}

/* ---- an event loop ---- */

proctype loop(byte me)
{
	MORTAL {
		skip;
poll:
end:		heard & BIT(me);
call:
		if
		:: atomic { messages -> messages--; goto poll }
		:: !messages
		fi;
#ifdef M_ARM_BEFORE_TAKING_OUT
		d_step { bell = 1; armed_since = ALL }
		heard = heard & ~BIT(me);
#else
		heard = heard & ~BIT(me);
		d_step { bell = 1; armed_since = ALL }
#endif
#ifndef M_NO_LOOK
		if
		:: atomic { messages ->
#ifndef M_NO_RING_OF_ITS_OWN
			ring();
#endif
			goto call }
		:: !messages
		fi;
#endif
		goto poll
	} UNLESS_KILLED
}

/* ---- a plain receiver ---- */

proctype receiver(byte me)
{
	bit slept, rings, futex;

	MORTAL {
		skip;
try:
		if
		:: atomic { messages -> messages--; goto leave }
		:: !messages
		fi;
		d_step { moved = moved & ~BIT(me); sleeper = 1 }
		if
		:: messages -> goto try
		:: !messages
		fi;
		if
		:: atomic { moved & BIT(me) -> slept = 1; goto try }
		:: d_step { !(moved & BIT(me)) -> slept = 1; asleep = asleep | BIT(me) }
		fi;
		!(asleep & BIT(me)) -> goto try;
leave:
		if
		:: slept ->
			sleeper = 1;
			if
			:: messages -> signal()
			:: !messages
			fi
		:: else
		fi;
		d_step { slept = 0; ended[me] = 1 }
	} UNLESS_KILLED
}

/* ---- a sender ---- */

proctype sender(byte me)
{
	bit rings, futex;

	MORTAL {
		d_step { messages++; telling = telling | BIT(me) }
		signal();
		d_step { telling = telling & ~BIT(me); ended[me] = 1 }
	} UNLESS_KILLED
}

/* ---- the kernel ---- */

#if CRASHES
#define FATE(p) \
	:: d_step { !dead[p] && !ended[p] && kills < KILLS -> \
		dead[p] = 1; \
		kills++; \
		closing++; \
		telling = telling & ~BIT(p); \
		asleep = asleep & ~BIT(p) } \
	:: d_step { !dead[p] && !ended[p] && stops < STOPS -> \
		dead[p] = 1; \
		stops++; \
		stopped = stopped | BIT(p) }

proctype killer()
{
	do
	FATE(0)
	FATE(1)
#if PROCS > 2
	FATE(2)
#endif
#if PROCS > 3
	FATE(3)
#endif
#if PROCS > 4
	FATE(4)
#endif
	:: break
	od
}

/* It closes the files of the dead. */
proctype reaper()
{
end:	do
	:: d_step { closing ->
		closing--;
#ifndef M_SILENT_END
		ring()
#endif
		}
	od
}
#endif

/* ---- what has to hold when nothing moves ---- */

#define IDLE(p) (p < LOOPS && !dead[p] && !(heard & BIT(p)))
#define AT_REST(p) (p >= PROCS || dead[p] || ended[p] || IDLE(p) || asleep & BIT(p))
#define UNTOLD ((stopped & telling) != 0) /* messages: one at most is stopped */

proctype observer()
{
end:	do
	:: atomic { timeout ->
		assert(AT_REST(0) && AT_REST(1) && AT_REST(2) && AT_REST(3) && AT_REST(4));
		if
		:: messages > UNTOLD && (IDLE(0) || IDLE(1)) -> assert(false)
		:: else
		fi;
		if
		:: messages && asleep & ~stopped ->
			/* Their slices end. */
			assert(slices < kills + stops);
			slices++;
			asleep = asleep & stopped
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
			:: i < LOOPS -> run loop(i)
			:: i >= LOOPS && i < LOOPS + RECEIVERS -> run receiver(i)
			:: else -> run sender(i)
			fi
		}
		i = 0;
#if CRASHES
		run killer();
		run reaper();
#endif
		run observer()
	}
}
