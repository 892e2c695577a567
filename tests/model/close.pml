/* SPDX-License-Identifier: MIT */
/*
 * The end of a closed channel: ring_publish(), chan_close(), ring_seal(),
 * ring_inside_end(), ring_reload() and the repair of the senders' side.  With REMOVED, of a
 * removed one: chan_remove() and channel_notice().
 *
 * SENDERS send MESSAGES each, RECEIVERS receive till the end, one process closes;
 * up to CRASHES of them are killed between any two steps.  With LIGHT, the first
 * sender is an exclusive one, alone: its fence is a compiler's, and whoever closes or
 * seals makes the kernel put one on its processor (fence.h).  With REMOVED, the one that
 * closes removes the name first, and whoever finds it gone closes as well: a sender may ask
 * for it before each message, a receiver does when it has waited.
 *
 * Proved, when all have ended: a send that returned success was received, one that
 * returned -EPIPE was not, receivers that found the end found it at the same place,
 * nothing before it is left, and nobody meets a position behind the end (which the
 * library would take for damage).  With REMOVED: once the name is gone, all that live come
 * to the end, even if the one that removed it died before it closed.
 */

#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define PROCS (SENDERS + RECEIVERS + 1)
#define CLOSER (SENDERS + RECEIVERS)
#define SLOTS (SENDERS * MESSAGES)

#define CELLS 1
#define TAIL 0 /* senders.position */

#include "memory.pml"

bit closed;
bit nameless;
byte seal; /* 0, or position + 1 */
byte head; /* receivers.position, guarded by the receivers' lock */
bit ended[PROCS];
byte crashes;

/* What became of the record at each position. */
bit received[SLOTS], succeeded[SLOTS], refused[SLOTS];
byte the_end = 255;

#define FREE 255
#define ABANDONED 254
byte owner[2] = FREE;
#define SENDERS_LOCK 0
#define RECEIVERS_LOCK 1
#define AVAILABLE(l) (owner[l] >= ABANDONED)

/* fence_heavy(): one here, and one on every light processor. */
inline fence_heavy()
{
	d_step {
		drain(me);
#if defined(LIGHT) && !defined(M_NO_HEAVY_FENCE)
		drain(0)
#endif
	}
}

/* CAS 0 -> position, for one that has seen the bit. */
inline set_seal()
{
#ifdef LIGHT
	fence_heavy();
#endif
	d_step {
		position = LOAD(TAIL)
	}
	d_step {
		drain(me);
		if
		:: seal == 0 -> seal = position + 1
		:: else
		fi;
		position = 0
	}
}

/* Close and seal: an atomic read-modify-write first. */
inline close_channel()
{
	d_step { drain(me); closed = 1 }
	set_seal()
}

inline repair_senders()
{
	d_step {
		if
		:: seal && LOAD(TAIL) > seal - 1 ->
			assert(head <= seal - 1);
			PUT(TAIL, seal - 1);
			drain(me)
		:: else
		fi
	}
}

inline enter_senders()
{
	d_step { AVAILABLE(SENDERS_LOCK) -> dead_owner = (owner[SENDERS_LOCK] == ABANDONED);
		owner[SENDERS_LOCK] = me }
#if CRASHES
	if
	:: dead_owner -> repair_senders(); dead_owner = 0
	:: else
	fi
#endif
}

proctype sender(byte me)
{
	byte pos, position, sent;
	bit dead_owner, saw;

	MORTAL {
		do
		:: sent == MESSAGES -> goto stop
		:: sent < MESSAGES ->
			UNDISTURBED {
			enter_senders();
			if
			:: closed -> owner[SENDERS_LOCK] = FREE; goto stop
#ifdef REMOVED
			:: !closed && nameless -> goto notice
#endif
			:: !closed
			fi
			}
			UNDISTURBED {
#if defined(LIGHT) || defined(M_NO_FENCE_AFTER_PUBLISH)
			d_step { pos = LOAD(TAIL) + 1; PUT(TAIL, pos) }
#else
			d_step { pos = LOAD(TAIL) + 1; PUT(TAIL, pos); drain(me) }
#endif
			/* A position that was taken back is used again. */
			d_step { refused[pos - 1] = 0 }
#ifdef M_NO_FENCE_AFTER_PUBLISH
			/* A release only, and its own store still on the way: as a
			 * peer would find the lock taken until then, one sender. */
			owner[SENDERS_LOCK] = FREE
#else
#ifdef LIGHT
			owner[SENDERS_LOCK] = FREE
#else
			d_step { drain(me); owner[SENDERS_LOCK] = FREE }
#endif
#endif
			}
#ifdef M_LOOK_FOR_NAME_BEHIND
			if
			:: nameless && !closed ->
				close_channel();
				d_step { refused[pos - 1] = 1 }
				goto stop
			:: !nameless || closed
			fi
#endif
			saw = closed;
			if
			:: saw ->
#ifdef M_SEAL_AT_OWN_END
				d_step {
					drain(me);
					if
					:: seal == 0 -> seal = pos + 1
					:: else
					fi
				}
#else
				set_seal();
#endif
				d_step {
					if
					:: seal - 1 >= pos -> succeeded[pos - 1] = 1
					:: else -> refused[pos - 1] = 1
					fi
				}
			:: else -> succeeded[pos - 1] = 1
			fi;
			d_step {
				saw = 0;
				pos = 0;
				sent++
			}
		od;
#ifdef REMOVED
notice:		close_channel();
		owner[SENDERS_LOCK] = FREE;
#endif
stop:
		ended[me] = 1
	} UNLESS_KILLED
}

#define MIN(a, b) ((a) < (b) -> (a) : (b))

proctype receiver(byte me)
{
	byte seen, position;
	bit saw, at_end;

	MORTAL {
		do
		:: d_step { AVAILABLE(RECEIVERS_LOCK) -> owner[RECEIVERS_LOCK] = me }
again:
			/* What one process knows may be old: it only grows. */
			if
			:: seen > head
			:: seen <= head ->
				/* ring_reload() */
#ifdef M_LOOK_AT_BIT_FIRST
				saw = closed;
				position = LOAD(TAIL);
#else
				position = LOAD(TAIL);
				saw = closed;
#endif
				d_step {
					if
#ifndef M_PASS_UNSEALED_END
					:: saw && seal == 0
#endif
					:: saw && seal -> seen = MIN(position, seal - 1);
						/* Less is damage. */
						assert(seen >= head)
					:: else -> seen = position
					fi;
					position = 0;
					saw = 0
				}
			fi;
			if
			:: d_step { seen > head -> received[head] = 1; head++ }
				owner[RECEIVERS_LOCK] = FREE
			:: seen <= head && at_end ->
				d_step {
					assert(the_end == 255 || the_end == head);
					the_end = head
				}
				owner[RECEIVERS_LOCK] = FREE;
				break
			:: seen <= head && !at_end && closed ->
				/* The end, unless something came before we saw that it is. */
#ifndef M_DONT_SEAL
				set_seal();
#endif
				at_end = 1;
				goto again
			:: seen <= head && !at_end && !closed ->
				/* To be woken: by the close, at the latest. */
				owner[RECEIVERS_LOCK] = FREE;
				if
				:: closed || memory[TAIL] > head
#if defined(REMOVED) && !defined(M_DONT_LOOK_FOR_NAME)
				:: nameless && !closed -> close_channel()
#endif
				fi
			fi;
			at_end = 0
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

proctype closer(byte me)
{
	byte position;

	MORTAL {
#ifdef REMOVED
		nameless = 1;
#endif
		closed = 1;
#ifdef M_CLOSER_SEALS_AT_HEAD
		d_step {
			if
			:: seal == 0 -> seal = head + 1
			:: else
			fi
		}
#else
		set_seal();
#endif
		ended[me] = 1
	} UNLESS_KILLED
}

#if CRASHES
#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
	drain(p); \
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
	:: d_step { KILL(2) }
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

/* A dead closer may have left it open, and no receiver may have lived on. */
proctype observer()
{
	byte i;

end:	atomic { timeout ->
		for (i : 0 .. SLOTS - 1) {
			assert(!(refused[i] && received[i]));
			assert(!(refused[i] && succeeded[i]));
			assert(the_end == 255 || received[i] == (i < the_end));
			assert(the_end == 255 || !succeeded[i] || received[i])
		}
		for (i : 0 .. PROCS - 1) {
			assert(!nameless || dead[i] || ended[i])
		}
		i = 0;
		assert(the_end == 255 || the_end == seal - 1 || crashes);
		assert(the_end != 255 || crashes)
	}
}

init
{
	byte i;

	atomic {
		for (i : 0 .. PROCS - 1) {
			run processor(i);
			if
			:: i < SENDERS -> run sender(i)
			:: i >= SENDERS && i < CLOSER -> run receiver(i)
			:: else -> run closer(i)
			fi
		}
		i = 0;
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
