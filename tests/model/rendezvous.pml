/* SPDX-License-Identifier: MIT */
/*
 * A rendezvous: what becomes of the message that a sender waits with (sender.c's
 * await_receiver(), kind/rendezvous.c).
 *
 * SENDERS processes, one at a time under the senders' lock, publish a record each and
 * wait until its state is not what they wrote, or take it back: when their time is over,
 * or the channel is closed.  A receiver and a purger, one at a time under the receivers'
 * lock, consume it or drop it.  Up to CRASHES processes are killed between any two
 * steps; the next owner of a side repairs it.
 *
 * Proved: each message is received, purged or withdrawn, one of them only; a sender that
 * reports success was received, one that reports an error was not, and *purged* only if
 * it was; and the count of what was purged is exact, a death in the middle of a purge
 * included.
 */

#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define NONE 0
#define READY 1
#define DONE 2
#define PURGED 3

/* The ring has room for both records: one freed by nobody yet, and the next. */
byte state[SENDERS];
byte tail;

#define FREE 255
#define ABANDONED 254
byte tx_owner = FREE, rx_owner = FREE;

/* Processes: the senders, then receiver, purger, and a newcomer that repairs. */
#define RECEIVER SENDERS
#define PURGER (SENDERS + 1)
#define NEWCOMER (SENDERS + 2)
#define PROCS (SENDERS + 3)
bit dead[PROCS], ended[PROCS];
byte crashes;

/* The journal of drops, and the count. */
byte dropped, drop_count, drop_position;

/* What has become of each, as a matter of fact, and as its sender says. */
#define RECEIVED 1
#define REMOVED 2
#define WITHDRAWN 4
byte fate[SENDERS];
bit success[SENDERS], failure[SENDERS], told_purged[SENDERS];

#if CRASHES
#define UNLESS_KILLED unless { dead[me] }
#else
#define UNLESS_KILLED
#endif

/* Compare-and-swap from READY; what it means is noted with it. */
inline change(which, to, what)
{
	atomic {
		changed = 0;
		if
#ifdef M_PLAIN_STORE
		:: true ->
#else
		:: state[which] == READY ->
#endif
			assert(fate[which] == 0);
			state[which] = to;
			fate[which] = what;
			changed = 1
		:: else
		fi
	}
}

inline repair_senders()
{
	i = 0;
	do
	:: i < tail -> change(i, DONE, WITHDRAWN); i++
	:: else -> break
	od
}

inline repair_receivers()
{
#ifndef M_NO_JOURNAL
	if
	:: drop_count != dropped ->
		if
#ifdef M_ANY_DONE_COUNTS
		:: state[drop_position] >= DONE -> dropped = drop_count
#else
		:: state[drop_position] == PURGED -> dropped = drop_count
#endif
		:: else -> drop_count = dropped
		fi
	:: else
	fi
#else
	skip
#endif
}

proctype sender(byte me)
{
	bit changed, recover;
	byte i, at;

	{
		atomic { tx_owner >= ABANDONED -> recover = (tx_owner == ABANDONED); tx_owner = me }
		if
		:: recover -> repair_senders()
		:: else
		fi;
		atomic { at = tail; state[at] = READY }
		atomic { tail++ }
		if
		:: state[at] != READY /* woken, or a look of its own */
		:: change(at, DONE, WITHDRAWN);	 /* the time is over, or it is closed */
			if
			:: changed -> failure[at] = 1; goto leave
			:: else
			fi
		fi;
		if
#ifndef M_PURGE_IS_SUCCESS
		:: state[at] == PURGED -> atomic { failure[at] = 1; told_purged[at] = 1 }
#endif
		:: else -> success[at] = 1
		fi;
leave:
		atomic { tx_owner = FREE; ended[me] = 1 }
	} UNLESS_KILLED
}

inline find()
{
	atomic {
		i = 0;
		do
		:: i < tail && state[i] != READY -> i++
		:: else -> break
		od
	}
}

proctype receiver(byte me)
{
	bit changed, recover;
	byte i;

	{
		do
		:: atomic { rx_owner >= ABANDONED -> recover = (rx_owner == ABANDONED);
				rx_owner = me }
			if
			:: recover -> repair_receivers()
			:: else
			fi;
			find();
			if
			:: i < tail -> change(i, DONE, RECEIVED)
			:: else
			fi;
			rx_owner = FREE
		:: break
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

proctype purger(byte me)
{
	bit changed, recover;
	byte i, rounds;

	{
		do
		:: rounds < 2 ->
			rounds++;
			atomic { rx_owner >= ABANDONED -> recover = (rx_owner == ABANDONED);
				rx_owner = me }
			if
			:: recover -> repair_receivers()
			:: else
			fi;
			find();
			if
			:: i < tail ->
				drop_position = i;
				drop_count = dropped + 1;
				change(i, PURGED, REMOVED);
				if
				:: changed -> dropped = drop_count
				:: else -> drop_count = dropped
				fi
			:: else
			fi;
			rx_owner = FREE
		:: break
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
	if \
	:: tx_owner == p -> tx_owner = ABANDONED \
	:: else \
	fi; \
	if \
	:: rx_owner == p -> rx_owner = ABANDONED \
	:: else \
	fi

#if CRASHES
proctype killer()
{
	do
	:: atomic { KILL(0) }
#if SENDERS > 1
	:: atomic { KILL(1) }
#endif
	:: atomic { KILL(RECEIVER) }
	:: atomic { KILL(PURGER) }
	:: break
	od
}
#endif

/* All is over: a newcomer repairs both sides, and the books agree. */
proctype observer()
{
	bit changed;
	byte i, n;

	timeout;
	for (i : 0 .. PROCS - 2) {
		assert(dead[i] || ended[i])
	}
	atomic {
		if
		:: rx_owner == ABANDONED -> repair_receivers()
		:: else
		fi;
		if
		:: tx_owner == ABANDONED -> repair_senders()
		:: else
		fi;
		for (i : 0 .. SENDERS - 1) {
			if
			:: fate[i] == REMOVED -> n++
			:: else
			fi;
			assert(!success[i] || fate[i] == RECEIVED);
			assert(!failure[i] || fate[i] != RECEIVED);
			assert(told_purged[i] == (failure[i] && fate[i] == REMOVED))
		}
		assert(dropped == n)
	}
}

init
{
	byte i;

	atomic {
		for (i : 0 .. SENDERS - 1) {
			run sender(i)
		}
		i = 0;
		run receiver(RECEIVER);
		run purger(PURGER);
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
