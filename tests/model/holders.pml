/* SPDX-License-Identifier: MIT */
/*
 * Broadcast: subscribers that sleep, and senders that wait for the slowest of those that hold
 * the ring.  What is kept and copied is in broadcast.pml.
 *
 * SUBSCRIBERS processes receive RECEIVES messages each, and then do something else, for ever,
 * or leave (LEAVES); SENDERS send MESSAGES each.  The ring has room for CAPACITY, and FILL: it
 * begins full.  All subscribers but READERS of them hold it; readers may not write, so
 * nothing says that they sleep, and a sender wakes all with each message if there are any.
 * UNEVEN: the senders need one to three.
 *
 * A sender that finds no room notes the smallest cursor, the lock held, and waits for that
 * one to move, whatever it needs itself.  A holder that was there, or behind it, wakes all
 * senders that wait.
 *
 * Up to TIMEOUTS sleepers look again by themselves, or leave with -ETIMEDOUT; up to CRASHES
 * processes are killed between any two steps.  Locks are ideal here.  Of the receivers' lock
 * is only left that a sender sees who is there: a holder joined before it began.
 *
 * Proved: whenever nothing moves any more, everybody has ended, or sleeps without work
 * beside it: with no slice ever needed when nobody was killed, and at most one for each that
 * was.
 */

#ifndef SUBSCRIBERS
#define SUBSCRIBERS 2
#endif
#ifndef READERS
#define READERS 0
#endif
#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef RECEIVES
#define RECEIVES 1
#endif
#ifndef MESSAGES
#define MESSAGES 1
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define PROCS (SUBSCRIBERS + SENDERS)

/* Cells.  Of the two conditions, the hint is kept here. */
#define NOT_EMPTY 0
#define NOT_FULL 1
#define HEAD 2
#define WANTED 3 /* the smallest cursor + 1, as a sender noted it */
#define CURSOR(p) (4 + (p))
#define CELLS (4 + SUBSCRIBERS)

#include "memory.pml"

#define BIT(p) (1 << (p))

byte sequence[2];
byte asleep[2]; /* in the futex's queue: a set of processes */
bit ended[PROCS];
byte timeouts, crashes, slices;
byte size[16]; /* of the message at a position */
bit attached[SUBSCRIBERS]; /* and holds the ring */
byte position[SUBSCRIBERS]; /* of the next message for it: its own memory */
#define pos position[me]

#define FREE 255
byte senders = FREE; /* their lock */

/* ---- the condition variable, as in wait.pml ---- */

inline arm(c)
{
#ifndef M_KEY_AFTER_LOOK
	key = sequence[c];
#endif
	if
	:: me < READERS
#ifdef M_ARM_WITHOUT_FENCE
	:: else -> STORE(c, 1)
#else
	:: else -> STORE_NOW(c, 1)
#endif
	fi
}

inline futex_wait(c)
{
	d_step {
#ifdef M_KEY_AFTER_LOOK
		key = sequence[c];
#endif
		slept = 1;
		if
		:: sequence[c] == key -> asleep[c] = asleep[c] | BIT(me)
		:: else
		fi;
		key = 0
	}
}

inline wake_all(c)
{
#ifndef M_CLEAR_AFTER_WAKE
	STORE_NOW(c, 0);
#endif
	d_step {
		drain(me);
		sequence[c]++
	}
#ifdef M_WAKE_ONE
	if
	:: d_step { asleep[c] & BIT(0) -> asleep[c] = asleep[c] & ~BIT(0) }
	:: d_step { asleep[c] & BIT(1) -> asleep[c] = asleep[c] & ~BIT(1) }
	:: d_step { asleep[c] & BIT(2) -> asleep[c] = asleep[c] & ~BIT(2) }
	:: d_step { asleep[c] & BIT(3) -> asleep[c] = asleep[c] & ~BIT(3) }
	:: asleep[c] == 0
	fi;
#else
	asleep[c] = 0;
#endif
#ifdef M_CLEAR_AFTER_WAKE
	STORE_NOW(c, 0)
#endif
}

inline sleep(c)
{
	futex_wait(c);
	if
	:: !(asleep[c] & BIT(me))
#if TIMEOUTS
	:: d_step { asleep[c] & BIT(me) && timeouts < TIMEOUTS ->
		timeouts++; asleep[c] = asleep[c] & ~BIT(me) }
	:: d_step { asleep[c] & BIT(me) && timeouts < TIMEOUTS ->
		timeouts++; asleep[c] = asleep[c] & ~BIT(me); timed_out = 1 }
#endif
	fi
}

/* ---- a subscriber ---- */

inline leave_ring()
{
	if
	:: me >= READERS ->
		attached[me] = 0;
#ifndef M_LEAVE_SILENTLY
		fence();
		if
		:: LOAD(NOT_FULL) -> wake_all(NOT_FULL)
		:: else
		fi
#endif
	:: else
	fi
}

proctype subscriber(byte me)
{
	byte key, received, was, wanted;
	bit slept, timed_out;

	MORTAL {
		do
		:: received == RECEIVES -> break
		:: received < RECEIVES ->
			if
			:: LOAD(HEAD) == pos ->
				arm(NOT_EMPTY);
				if
				:: LOAD(HEAD) != pos -> key = 0
				:: else ->
					sleep(NOT_EMPTY);
					if
					:: timed_out -> break
					:: else
					fi
				fi
			:: else ->
				d_step { was = pos; pos = pos + size[pos]; received++ }
				if
				:: me >= READERS ->
#ifdef M_NO_FENCE_AFTER_CURSOR
					STORE(CURSOR(me), pos);
#else
					STORE_NOW(CURSOR(me), pos);
#endif
					if
					:: LOAD(NOT_FULL) ->
						wanted = LOAD(WANTED);
						if
#ifdef M_WAIT_FOR_NEED
						:: was < wanted && pos >= wanted ->
#else
						:: was < wanted ->
#endif
							wake_all(NOT_FULL)
						:: else
						fi;
						wanted = 0
					:: else
					fi
				:: else
				fi;
				was = 0
			fi
		od;
#ifdef LEAVES
		leave_ring();
#endif
		atomic { pos = 0; slept = 0; timed_out = 0; ended[me] = 1 }
	} UNLESS_KILLED
}

/* ---- a sender ---- */

#ifdef UNEVEN
#define NEED(p) (1 + (p) % 3)
#else
#define NEED(p) 1
#endif

#define SMALLER(p, than) (p < SUBSCRIBERS && attached[p] && LOAD(CURSOR(p)) < than)

inline consider(p)
{
	if
	:: d_step { SMALLER(p, least) -> least = LOAD(CURSOR(p)) }
	:: else
	fi
}

/* Find the smallest cursor. */
inline look()
{
	least = LOAD(HEAD);
	consider(READERS);
#if SUBSCRIBERS - READERS > 1
	consider(READERS + 1);
#endif
#if SUBSCRIBERS - READERS > 2
	consider(READERS + 2)
#endif
}

/* The position that the smallest cursor has to reach. */
#define NEEDED (LOAD(HEAD) + NEED(me) - CAPACITY)

#define ROOM (LOAD(HEAD) + NEED(me) - least <= CAPACITY)

proctype sender(byte me)
{
	byte key, sent, least, noted;
	bit slept, timed_out;

	MORTAL {
		do
		:: sent == MESSAGES -> break
		:: sent < MESSAGES ->
			atomic { senders == FREE -> senders = me }
			look();
			if
			:: ROOM ->
				d_step {
					size[LOAD(HEAD)] = NEED(me);
					PUT(HEAD, LOAD(HEAD) + NEED(me));
#ifndef M_NO_FENCE_AFTER_PUBLISH
					drain(me);
#endif
					senders = FREE;
					sent++;
					least = 0
				}
				if
				:: READERS || LOAD(NOT_EMPTY) -> wake_all(NOT_EMPTY)
				:: else
				fi
			:: else ->
				d_step {
					noted = least;
#ifdef M_WAIT_FOR_NEED
					PUT(WANTED, NEEDED);
#else
					PUT(WANTED, least + 1);
#endif
					drain(me);
					senders = FREE
				}
				arm(NOT_FULL);
				look();
				if
#ifdef M_LOOK_FOR_ROOM_ONLY
				:: ROOM -> key = 0
#else
				:: least != noted -> key = 0
#endif
				:: else ->
					sleep(NOT_FULL);
					if
					:: timed_out -> break
					:: else
					fi
				fi;
				d_step { noted = 0; least = 0 }
			fi
		od;
		atomic { least = 0; slept = 0; timed_out = 0; ended[me] = 1 }
	} UNLESS_KILLED
}

/* ---- death ---- */

#if CRASHES
#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
	drain(p); \
	asleep[0] = asleep[0] & ~BIT(p); \
	asleep[1] = asleep[1] & ~BIT(p); \
	if \
	:: p < SUBSCRIBERS -> attached[p] = 0 \
	:: else \
	fi; \
	if \
	:: senders == p -> senders = FREE \
	:: else \
	fi

proctype killer()
{
	do
	:: d_step { KILL(0) }
	:: d_step { KILL(1) }
#if PROCS > 2
	:: d_step { KILL(2) }
#endif
#if PROCS > 3
	:: d_step { KILL(3) }
#endif
	:: break
	od
}
#endif

/* ---- what has to hold when nothing moves ---- */

#define WAITS(p, c) (p < PROCS && asleep[c] & BIT(p))
#define AT_REST(p) (p >= PROCS || dead[p] || ended[p] || WAITS(p, 0) || WAITS(p, 1))

/* A subscriber that sleeps has everything. */
#define BEHIND(p) (p < SUBSCRIBERS && WAITS(p, NOT_EMPTY) && position[p] != memory[HEAD])
#define IN_THE_WAY(p, need) \
	(p < SUBSCRIBERS && attached[p] && memory[HEAD] + need - memory[CURSOR(p)] > CAPACITY)
#define BESIDE_ROOM(p) \
	(WAITS(p, NOT_FULL) && !IN_THE_WAY(0, NEED(p)) && !IN_THE_WAY(1, NEED(p)) && \
		!IN_THE_WAY(2, NEED(p)))

proctype observer()
{
end:	do
	:: atomic { timeout ->
		assert(AT_REST(0) && AT_REST(1) && AT_REST(2) && AT_REST(3) && AT_REST(4));
		if
		:: BEHIND(0) || BEHIND(1) || BEHIND(2) || BESIDE_ROOM(0) || BESIDE_ROOM(1) ||
			BESIDE_ROOM(2) || BESIDE_ROOM(3) || BESIDE_ROOM(4) ->
#ifdef M_NO_SLICES
			assert(false);
#endif
			/* Their slices end. */
			assert(slices < crashes);
			slices++;
			asleep[NOT_EMPTY] = 0;
			asleep[NOT_FULL] = 0
		:: else -> break
		fi }
	od
}

init
{
	byte i;

	atomic {
#ifdef FILL
		for (i : 0 .. CAPACITY - 1) {
			size[i] = 1
		}
		memory[HEAD] = CAPACITY;
#endif
		for (i : 0 .. PROCS - 1) {
			run processor(i);
			if
			:: i < SUBSCRIBERS -> attached[i] = i >= READERS; run subscriber(i)
			:: else -> run sender(i)
			fi
		}
		i = 0;
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
