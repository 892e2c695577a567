/* SPDX-License-Identifier: MIT */
/*
 * Waiting and waking: condvar.h, as sender.h, receive.h, lease.c and wait.c use it.
 *
 * RECEIVERS processes receive RECEIVES messages each, and SENDERS send MESSAGES each,
 * into a ring for CAPACITY; then they do something else, for ever.  FILL: the ring begins full.  UNEVEN: the senders need room for one
 * and two in turn.  LEASES: the ring begins with one leased record for each
 * "sender", which gives it back: work that appears before the end.
 *
 * Up to TIMEOUTS sleepers look again by themselves, or leave with -ETIMEDOUT; up to
 * ABORTS senders that found room use none (chan_abort()); up to CRASHES processes
 * are killed, between any two steps.  The futex wakes any one of its sleepers.  The
 * locks are ideal here (lock.pml has the real one); a process that gets one from a dead
 * owner wakes all (side.c).
 *
 * Proved: whenever nothing moves any more, everybody has ended, or sleeps without
 * work beside it: with no slice ever needed when nobody was killed, and at most one
 * for each that was.
 *
 * Mutations, each an error that has to be found, are the M_ below.
 */

#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVES
#define RECEIVES 1
#endif
#ifndef MESSAGES
#define MESSAGES 1
#endif
#ifndef CAPACITY
#define CAPACITY 8
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0
#endif
#ifndef ABORTS
#define ABORTS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define PROCS (RECEIVERS + SENDERS)

/* Cells. Of the two conditions, the hint is kept here: not_empty's at 0. */
#ifdef LEASES
#define CELLS 5
#else
#define CELLS 4
#endif
#define NOT_EMPTY 0
#define NOT_FULL 1
#define HEAD 2 /* receivers.position */
#define TAIL 3 /* senders.position */
#define DELIVER 4

#include "memory.pml"

#define BIT(p) (1 << (p))

byte sequence[2];
byte asleep[2]; /* in the futex's queue: a set of processes */
bit ended[PROCS];
byte timeouts, aborts, crashes, slices;

#ifdef LEASES
byte ready; /* a set of records; guarded by the receivers' lock */
#endif
byte noted_need; /* guarded by the senders' lock */
bit uneven; /* stored before a fence, loaded after one, as the hint */

/* ---- locks ---- */

#define FREE 255
#define ABANDONED 254
#define RECEIVERS_LOCK 0
#define SENDERS_LOCK 1

byte owner[2] = FREE;
bit unlocking[PROCS]; /* the store to the lock word is still in the buffer */

#define AVAILABLE(l) (owner[l] >= ABANDONED)

/* A release store: what was stored before is visible before. */
inline finish_unlock(p)
{
	drain(p);
	if
	:: owner[RECEIVERS_LOCK] == p -> owner[RECEIVERS_LOCK] = FREE
	:: else -> owner[SENDERS_LOCK] = FREE
	fi;
	unlocking[p] = 0
}

#ifdef M_UNLOCK_WITHOUT_FENCE
#define PUBLISH(cell, x) STORE(cell, x)

inline unlock(l)
{
	unlocking[me] = 1
}

proctype unlocker(byte p)
{
end:	do
	:: d_step { unlocking[p] -> finish_unlock(p) }
	od
}
#else
#define PUBLISH(cell, x) STORE_NOW(cell, x)

inline unlock(l)
{
	owner[l] = FREE
}
#endif

/* ---- the condition variable ---- */

inline arm(c)
{
#ifdef M_HINT_BEFORE_KEY
	STORE_NOW(c, 1);
	key = sequence[c]
#else
#ifndef M_KEY_AFTER_LOOK
	key = sequence[c];
#endif
#ifdef M_ARM_WITHOUT_FENCE
	STORE(c, 1)
#else
	STORE_NOW(c, 1)
#endif
#endif
}

/* FUTEX_WAIT: compare and sleep, or not. */
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

#define WAKE(c, p) asleep[c] & BIT(p) -> asleep[c] = asleep[c] & ~BIT(p); woken = 1

/* Any one of the sleepers. */
inline futex_wake_one(c)
{
	if
	:: d_step { WAKE(c, 0) }
	:: d_step { WAKE(c, 1) }
	:: d_step { WAKE(c, 2) }
	:: d_step { WAKE(c, 3) }
	:: d_step { WAKE(c, 4) }
	:: asleep[c] == 0
	fi
}

inline clear_hint_and_move_on(c)
{
#ifndef M_CLEAR_AFTER_WAKE
	STORE_NOW(c, 0);
#endif
	d_step {
		drain(me);
#ifndef M_SEQUENCE_STAYS
		sequence[c]++
#endif
	}
}

/* cond_wake(c, 1) */
inline wake_one(c)
{
	clear_hint_and_move_on(c);
	futex_wake_one(c);
#ifdef M_CLEAR_AFTER_WAKE
	STORE_NOW(c, 0);
#endif
	if
	:: d_step { woken -> woken = 0; PUT(c, 1) }
	:: else
	fi
}

/* After a full fence. */
inline signal_fenced(c)
{
	if
	:: LOAD(c) -> wake_one(c)
	:: else
	fi
}

inline broadcast(c)
{
	clear_hint_and_move_on(c);
	asleep[c] = 0
}

#ifdef M_NO_REARM
#define REARM(c) fence()
#else
#define REARM(c) STORE_NOW(c, 1)
#endif

inline leave_empty_handed(c)
{
	if
#ifndef M_LEAVE_WITH_WAKE_UP
	:: slept ->
		REARM(c);
		wake_one(c)
#endif
	:: else
	fi
}

/* ---- entering a side, and sleeping ---- */

/* Sets timed_out when the lock is not to be had in time. */
inline enter(l)
{
	if
	:: d_step { AVAILABLE(l) -> dead_owner = (owner[l] == ABANDONED); owner[l] = me }
#if TIMEOUTS
	:: d_step { !AVAILABLE(l) && slept && timeouts < TIMEOUTS -> timeouts++; timed_out = 1 }
#endif
	fi;
#if CRASHES
	if
	:: dead_owner ->
#ifdef LEASES
		/* The repair of the receivers' side: look from the front. */
		STORE_NOW(DELIVER, 0);
#endif
		broadcast(NOT_EMPTY);
		broadcast(NOT_FULL);
		dead_owner = 0
	:: else
	fi
#endif
}

inline sleep(c)
{
	futex_wait(c);
	if
	:: !(asleep[c] & BIT(me))
#if TIMEOUTS
	/* A slice, or EINTR. */
	:: d_step { asleep[c] & BIT(me) && timeouts < TIMEOUTS ->
		timeouts++; asleep[c] = asleep[c] & ~BIT(me) }
	:: d_step { asleep[c] & BIT(me) && timeouts < TIMEOUTS ->
		timeouts++; asleep[c] = asleep[c] & ~BIT(me); timed_out = 1 }
#endif
	fi
}

/* ---- receiving ---- */

#ifdef LEASES
/* Everything before deliver is taken or leased. */
#define EMPTY ((ready >> LOAD(DELIVER)) == 0)
#define NEWS (LOAD(TAIL) != seen || LOAD(DELIVER) != seen)
#define ANY_LEFT (LOAD(DELIVER) != LOAD(TAIL))
#else
#define EMPTY (LOAD(HEAD) == LOAD(TAIL))
#define NEWS (LOAD(TAIL) != seen)
#define ANY_LEFT (LOAD(HEAD) != LOAD(TAIL))
#endif
#ifdef M_LOOK_BEHIND_ONLY
#define LEFT (LOAD(TAIL) != seen)
#else
#define LEFT ANY_LEFT
#endif

inline take()
{
#ifdef LEASES
	d_step {
		seen = LOAD(DELIVER);
		do
		:: !(ready & BIT(seen)) -> seen++
		:: else -> break
		od;
		ready = ready & ~BIT(seen);
		seen++;
		PUT(DELIVER, seen);
#ifndef M_UNLOCK_WITHOUT_FENCE
		drain(me)
#endif
	}
#else
	PUBLISH(HEAD, LOAD(HEAD) + 1)
#endif
}

/* After a full fence: one that waits for less than another may be the one to wake. */
inline freed()
{
	if
	:: !LOAD(NOT_FULL)
	:: LOAD(NOT_FULL) ->
		if
#ifndef M_WAKE_ONE_OF_UNEVEN
		:: uneven -> broadcast(NOT_FULL)
#endif
		:: else -> wake_one(NOT_FULL)
		fi
	fi
}

proctype receiver(byte me)
{
	byte key, seen, received;
	bit slept, timed_out, woken, dead_owner;

	MORTAL {
		do
		:: received == RECEIVES -> break
		:: received < RECEIVES ->
			UNDISTURBED {
			enter(RECEIVERS_LOCK);
			if
			:: timed_out -> break
			:: d_step { !timed_out && EMPTY ->
				seen = LOAD(TAIL);
#ifdef LEASES
				PUT(DELIVER, seen);
				drain(me)
#endif
				}
				unlock(RECEIVERS_LOCK);
				goto wait
			:: !timed_out && !EMPTY ->
				take();
				unlock(RECEIVERS_LOCK)
			fi
			}
#ifndef LEASES
			freed();
#endif
			if
			:: slept ->
				REARM(NOT_EMPTY);
				slept = 0;
#ifndef M_NO_BATON
				if
				:: LEFT -> signal_fenced(NOT_EMPTY)
				:: else
				fi
#endif
			:: else
			fi;
			d_step {
				seen = 0;
				received++
			}
			goto next;
wait:
			arm(NOT_EMPTY);
			if
			:: NEWS -> key = 0
			:: else ->
				sleep(NOT_EMPTY);
				if
				:: timed_out && !NEWS -> break
				:: timed_out && NEWS -> timed_out = 0
				:: !timed_out
				fi
			fi;
			seen = 0;
next:
			skip
		od;
		leave_empty_handed(NOT_EMPTY);
		ended[me] = 1
	} UNLESS_KILLED
}

/* ---- sending, or giving back ---- */

#ifdef LEASES

proctype sender(byte me)
{
	byte pos = me - RECEIVERS;
	bit slept, timed_out, woken, dead_owner;

	MORTAL {
		UNDISTURBED {
			enter(RECEIVERS_LOCK);
			d_step {
				if
				:: pos < LOAD(DELIVER) -> PUT(DELIVER, pos);
#ifndef M_UNLOCK_WITHOUT_FENCE
					drain(me)
#endif
				:: else
				fi;
				ready = ready | BIT(pos)
			}
			unlock(RECEIVERS_LOCK)
		}
		signal_fenced(NOT_EMPTY);
		ended[me] = 1
	} UNLESS_KILLED
}

#else

#ifdef UNEVEN
#define NEED(p) (1 + (p) % 2)
#else
#define NEED(p) 1
#endif
#define ROOM_FOR(need) (LOAD(TAIL) + need - LOAD(HEAD) <= CAPACITY)

/* A sender goes to wait, the lock held. */
inline note_need()
{
#ifdef UNEVEN
	turned = !uneven && noted_need && noted_need != NEED(me);
	uneven = uneven || turned;
	noted_need = NEED(me);
#endif
	seen = LOAD(HEAD)
}

proctype sender(byte me)
{
	byte key, seen, sent;
	bit slept, timed_out, woken, dead_owner, more, turned;

	MORTAL {
		do
		:: sent == MESSAGES -> break
		:: sent < MESSAGES ->
			UNDISTURBED {
			enter(SENDERS_LOCK);
			if
			:: timed_out -> break
#if ABORTS
			:: d_step { !timed_out && ROOM_FOR(NEED(me)) && aborts < ABORTS -> aborts++ }
				unlock(SENDERS_LOCK);
				break
#endif
			:: d_step { !timed_out && !ROOM_FOR(NEED(me)) -> note_need() }
				unlock(SENDERS_LOCK);
				goto wait
			:: !timed_out && ROOM_FOR(NEED(me)) ->
				PUBLISH(TAIL, LOAD(TAIL) + NEED(me));
				if
				:: !slept -> unlock(SENDERS_LOCK); goto sent_it
				:: else
				fi
			fi
			}
			REARM(NOT_FULL);
			UNDISTURBED {
				more = ROOM_FOR((uneven -> 1 : NEED(me)));
				unlock(SENDERS_LOCK)
			}
			if
#ifndef M_NO_SENDER_BATON
			:: more ->
				REARM(NOT_FULL);
				wake_one(NOT_FULL)
#endif
			:: else
			fi;
sent_it:
			signal_fenced(NOT_EMPTY);
			d_step {
				slept = 0;
				more = 0;
				seen = 0;
				sent++
			}
			goto next;
wait:
#ifdef UNEVEN
			if
#ifndef M_TURN_UNEVEN_SILENTLY
			:: turned ->
				broadcast(NOT_FULL);
				turned = 0
#endif
			:: else
			fi;
#endif
			arm(NOT_FULL);
			if
			:: LOAD(HEAD) != seen -> key = 0
			:: else ->
				sleep(NOT_FULL);
				if
				:: timed_out && LOAD(HEAD) == seen -> break
				:: timed_out && LOAD(HEAD) != seen -> timed_out = 0
				:: !timed_out
				fi
			fi;
next:
			skip
		od;
		leave_empty_handed(NOT_FULL);
		ended[me] = 1
	} UNLESS_KILLED
}

#endif

/* ---- death ---- */

#if CRASHES
/* What the kernel does: forget the sleeper, mark its locks. */
#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
	if \
	:: unlocking[p] -> finish_unlock(p) \
	:: else -> drain(p) \
	fi; \
	asleep[0] = asleep[0] & ~BIT(p); \
	asleep[1] = asleep[1] & ~BIT(p); \
	if \
	:: owner[0] == p -> owner[0] = ABANDONED \
	:: else \
	fi; \
	if \
	:: owner[1] == p -> owner[1] = ABANDONED \
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
#if PROCS > 4
	:: d_step { KILL(4) }
#endif
	:: break
	od
}
#endif

/* ---- what has to hold when nothing moves ---- */

#define WAITS(p, c) (p < PROCS && asleep[c] & BIT(p))

#ifdef LEASES
#define WORK (ready != 0)
#define CAN_SEND(p) 0
#else
#define WORK (memory[HEAD] != memory[TAIL])
#define CAN_SEND(p) (WAITS(p, NOT_FULL) && memory[TAIL] + NEED(p) - memory[HEAD] <= CAPACITY)
#endif

#define AT_REST(p) (p >= PROCS || dead[p] || ended[p] || WAITS(p, 0) || WAITS(p, 1))

proctype observer()
{
end:	do
	:: atomic { timeout ->
		assert(AT_REST(0) && AT_REST(1) && AT_REST(2) && AT_REST(3) && AT_REST(4));
		if
		:: (WORK && asleep[NOT_EMPTY]) || CAN_SEND(0) || CAN_SEND(1) || CAN_SEND(2) ||
			CAN_SEND(3) || CAN_SEND(4) ->
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
#ifdef LEASES
		memory[TAIL] = SENDERS;
		memory[DELIVER] = SENDERS;
#endif
#ifdef FILL
		memory[TAIL] = CAPACITY;
#endif
		for (i : 0 .. PROCS - 1) {
			run processor(i);
#ifdef M_UNLOCK_WITHOUT_FENCE
			run unlocker(i);
#endif
			if
			:: i < RECEIVERS -> run receiver(i)
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
