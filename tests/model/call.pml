/* SPDX-License-Identifier: MIT */
/*
 * Requests and replies: channel/call.c, serve.c, and what headed.c and kind/queue.c do for them.
 *
 * A client makes CALLS requests; those whose bit is in ONCE are to be tried once only.  SERVERS
 * servers take them, as they like, and send PARTS replies to each, the last of which ends it.  The
 * client cancels up to CANCELS of them; REMOVED: somebody removes its inbox; up to FULL times
 * a server finds no room in the inbox to say that another one died.  Up to CRASHES processes are
 * killed between any two steps, of the servers, and with MORTAL_CLIENT the client, too.
 *
 * What is done under the receivers' lock is a step for each store that commits something, as
 * lease.pml has it: a lease, its end, its return after a death, a request that is taken out.  A
 * reply that is sent is one step: the inbox is a channel like any other.
 *
 * Proved: a request ends once for its client, by the last reply, an error, or its cancellation.
 * One that is to be tried once is carried out once at most; its client has got all replies that
 * were sent before it is told of the server's death; and it is told, also if there is no server
 * any more.  Any other one is answered, if any server lives.  The replies of each attempt come in
 * order, and attempts one behind the other.  What was cancelled before a server had it is not
 * carried out.  In the end nothing is left in the channel, whoever died.
 */

#ifndef CALLS
#define CALLS 1
#endif
#ifndef SERVERS
#define SERVERS 2
#endif
#ifndef PARTS
#define PARTS 2
#endif
#ifndef ONCE
#define ONCE 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef FULL
#define FULL 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define BIT(n) (1 << (n))
#define IS_ONCE(n) (ONCE & BIT(n))

#define CLIENT SERVERS
#define PROCS (SERVERS + 1)
bit dead[PROCS];
byte crashes;

/* The requests, in the channel. */
#define NOT_YET 0
#define READY 1
#define DONE 2
#define DELAYED 3
#define LEASED(p) (4 + (p))
byte state[CALLS];
byte attempts[CALLS];

/* The inbox: which request, which reply (0: its server has died), and of which attempt. */
chan inbox = [4] of { byte, byte, byte };
bit removed;

/* The requests that the client waits for, which goes with it. */
byte known;
bit finished;

/* What happened, for the proof. */
byte carried[CALLS]; /* so often it was carried out */
byte sent[CALLS];    /* replies of the last attempt */
byte got[CALLS], got_attempt[CALLS];
bit over[CALLS];      /* for the client */
bit untouched[CALLS]; /* it was cancelled, and no server was to have it */
byte cancels, refused;

#if CRASHES
#define UNLESS_KILLED unless { dead[me] }
#else
#define UNLESS_KILLED
#endif

/* Give the lease of a dead server back: whoever finds nothing ready, or is the client. */
#define LOST(n) (state[n] >= LEASED(0) && dead[state[n] - LEASED(0)])

/* What was set aside is due. */
#define IS_DUE(n) (state[n] == DELAYED)

#if CALLS > 1
#define ALL_OVER (over[0] && over[1])
#else
#define ALL_OVER (over[0])
#endif

inline end_call(n)
{
	assert(!over[n]);
	over[n] = 1;
#ifndef M_KEEP_NUMBER
	known = known & ~BIT(n)
#endif
}

/* ---- the client ---- */

/* A message out of the inbox. */
inline accept(n, part, attempt)
{
	if
	:: !(known & BIT(n)) /* nobody waits for it any more */
	:: known & BIT(n) && part == 0 ->
		assert(IS_ONCE(n) && got[n] == sent[n]);
		end_call(n)
	:: known & BIT(n) && part > 0 ->
		if
		:: attempt == got_attempt[n] -> assert(part == got[n] + 1)
		:: else -> assert(attempt > got_attempt[n] && part == 1)
		fi;
		got_attempt[n] = attempt;
		got[n] = part;
		if
		:: part == PARTS ->
			assert(carried[n] && (!IS_ONCE(n) || carried[n] == 1));
			end_call(n)
		:: else
		fi
	fi
}

/* The request is ready, was delivered, and must not be again. */
#define IS_BROKEN(n) \
	(known & BIT(n) && IS_ONCE(n) && state[n] == READY && attempts[n] > 0)

#define TAKE_OUT(which) \
	!removed && IS_BROKEN(which) -> state[which] = DONE; n = which

#define TAKE_BACK(which) \
	cancels < CANCELS && known & BIT(which) && state[which] != NOT_YET -> cancels++; n = which

inline read_inbox()
{
	inbox?m,part,attempt;
	accept(m, part, attempt);
	m = 0;
	part = 0;
	attempt = 0
}

/* A thread that asks, and one that reads the inbox. */
proctype asker(byte me)
{
	byte n;

	{
		do
		:: n < CALLS ->
#ifdef M_NUMBER_AFTER_SENDING
			state[n] = READY;
#endif
			known = known | BIT(n);
#ifndef M_NUMBER_AFTER_SENDING
			state[n] = READY;
#endif
			n++
		:: n == CALLS -> break
		od
	} UNLESS_KILLED
}

proctype client(byte me)
{
	byte n, m, part, attempt;

	{
next:
		do
		:: atomic { !removed && nempty(inbox) -> read_inbox() }
		/* Its inbox is no channel any more: all calls end so. */
		:: atomic { removed && known ->
				do
				:: n < CALLS ->
					if
					:: known & BIT(n) -> end_call(n)
					:: else
					fi;
					n++
				:: else -> n = 0; break
				od
			}
#ifndef M_CLIENT_LOOKS_NOT
		/* It looks when it hears that an endpoint ended, and each slice. */
#ifndef M_LOOK_AT_READY_ONLY
		:: atomic { known & ONCE && LOST(0) -> state[0] = READY }
#if CALLS > 1
		:: atomic { known & ONCE && LOST(1) -> state[1] = READY }
#endif
#endif
#ifndef M_LOOK_NOT_AT_DELAYED
		:: atomic { known & ONCE && IS_DUE(0) -> state[0] = READY }
#if CALLS > 1
		:: atomic { known & ONCE && IS_DUE(1) -> state[1] = READY }
#endif
#endif
		:: atomic { TAKE_OUT(0) } goto tell
#if CALLS > 1
		:: atomic { TAKE_OUT(1) } goto tell
#endif
#endif
		:: atomic { TAKE_BACK(0) } goto cancel
#if CALLS > 1
		:: atomic { TAKE_BACK(1) } goto cancel
#endif
		:: atomic { ALL_OVER -> break }
		od;
		goto leave;
tell:
		/* What the server sent before it died is there. */
#ifndef M_INBOX_STAYS
		do
		:: atomic { !removed && nempty(inbox) -> read_inbox() }
		:: atomic { removed || empty(inbox) -> break }
		od;
#endif
		atomic {
			if
			:: known & BIT(n) ->
				assert(removed || got[n] == sent[n]);
				end_call(n)
			:: else
			fi;
			n = 0
		}
		goto next;
cancel:
		atomic {
			if
#ifdef M_CANCEL_LEASED
			:: state[n] != DONE ->
#else
			:: state[n] == READY ->
#endif
				state[n] = DONE;
				untouched[n] = 1
			:: else
			fi;
			end_call(n);
			n = 0
		}
		goto next;
leave:
		finished = 1
	} UNLESS_KILLED
}

/* ---- the servers ---- */

#define CLIENT_GONE (removed || dead[CLIENT])

#define TAKE(which) \
	state[which] == READY -> state[which] = LEASED(me); attempts[which]++; n = which

proctype server(byte me)
{
	byte n, part;

	{
next:
		do
		:: atomic { TAKE(0); break }
#if CALLS > 1
		:: atomic { TAKE(1); break }
#endif
		:: atomic { LOST(0) -> state[0] = READY }
#if CALLS > 1
		:: atomic { LOST(1) -> state[1] = READY }
#endif
		:: atomic { IS_DUE(0) -> state[0] = READY }
#if CALLS > 1
		:: atomic { IS_DUE(1) -> state[1] = READY }
#endif
		od;
		if
#ifndef M_CARRY_OUT_TWICE
		:: IS_ONCE(n) && attempts[n] > 1 -> goto tell
#endif
		:: else
		fi;
		atomic {
			assert(!untouched[n]);
			carried[n]++;
			assert(!IS_ONCE(n) || carried[n] == 1);
			sent[n] = 0;
			part = 1
		}
		do
		:: part <= PARTS ->
#ifdef M_END_BEFORE_REPLY
			if
			:: part == PARTS -> state[n] = DONE
			:: else
			fi;
#endif
			if
#ifndef M_WAIT_FOR_THE_DEAD
			:: atomic { CLIENT_GONE -> part++ }
#endif
			:: atomic { !CLIENT_GONE && nfull(inbox) ->
					inbox!n,part,attempts[n];
					sent[n] = part;
					part++
				}
			fi
		:: else -> break
		od;
#ifndef M_END_BEFORE_REPLY
		atomic { assert(state[n] == LEASED(me)); state[n] = DONE }
#endif
		goto again;
tell:
		if
		:: atomic { CLIENT_GONE -> skip }
		:: atomic { !CLIENT_GONE && nfull(inbox) -> inbox!n,0,attempts[n] }
		/* It has no room now. */
		:: atomic { !CLIENT_GONE && refused < FULL -> refused++ }
#ifndef M_GIVE_UP_WHEN_FULL
			state[n] = DELAYED;
			goto again
#endif
		fi;
		state[n] = DONE;
again:
		atomic { n = 0; part = 0 }
		goto next
	} UNLESS_KILLED
}

/* ---- what happens to them ---- */

#define KILL(p) !dead[p] && crashes < CRASHES -> dead[p] = 1; crashes++

#if CRASHES
proctype killer()
{
	do
	:: atomic { KILL(0) }
#if SERVERS > 1
	:: atomic { KILL(1) }
#endif
#ifdef MORTAL_CLIENT
	:: atomic { !finished && !dead[CLIENT] && crashes < CRASHES -> dead[CLIENT] = 1; crashes++ }
#endif
	:: break
	od
}
#endif

proctype remover()
{
	removed = 1
}

/* Nothing moves any more. */
proctype observer()
{
	byte n;
	bit served;

	atomic { timeout ->
		for (n : 0 .. SERVERS - 1) {
			served = served || !dead[n]
		}
		for (n : 0 .. CALLS - 1) {
			assert(!served || state[n] == DONE || (dead[CLIENT] && state[n] == NOT_YET));
			assert(dead[CLIENT] || over[n] ||
				(!served && (!IS_ONCE(n) || state[n] == READY && attempts[n] == 0)))
		}
		assert(!served || dead[CLIENT] || finished)
	}
}

init
{
	byte i;

	atomic {
		run asker(CLIENT);
		run client(CLIENT);
		for (i : 0 .. SERVERS - 1) {
			run server(i)
		}
#if CRASHES
		run killer();
#endif
#ifdef REMOVED
		run remover();
#endif
		run observer()
	}
}
