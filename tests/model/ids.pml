/* SPDX-License-Identifier: MIT */
/*
 * The ids of the last messages: core/ids.c, and how channel/headed.c and side.c use it.
 *
 * MESSAGES messages are sent, one after the other, as the senders' lock has it; each has one of
 * IDS ids, or none.  Up to CRASHES times the sender is killed between any two stores, in the
 * repair too; then the next one repairs first.
 *
 * Proved: before each send and behind each repair, an id is known if and only if it is that of
 * one of the last WINDOW messages; and a look ends after as many steps.
 */

#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef MESSAGES
#define MESSAGES 5
#endif
#ifndef IDS
#define IDS 4
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef BUCKETS
#define BUCKETS 2
#endif

#ifdef M_NO_SPARE
#define SLOTS WINDOW
#else
#define SLOTS (WINDOW + 1)
#endif

#define NONE 255

/* An entry of the log, and the buckets. */
byte number[SLOTS], id[SLOTS], chain[SLOTS];
byte bucket[BUCKETS];
#define BUCKET(x) bucket[(x) % BUCKETS]

/* The number that the next message gets: the senders' position says it. */
byte next = 1;

/* What was sent, by number. */
byte sent[MESSAGES + 1] = NONE;

byte crashes;
bit dead;

#define OLDEST (next > WINDOW -> next - WINDOW : 1)

byte at, before, i, x;
bit known, was;

#ifdef M_NO_FALL
#define FALLS(n) (n < next)
#else
#define FALLS(n) (n < before)
#endif

/* known = ids_has(x) */
inline look()
{
	known = 0;
	before = next;
	at = BUCKET(x);
	i = 0;
	do
	:: true ->
		assert(i <= WINDOW); /* it ends */
		i++;
		if
		:: number[at] < OLDEST || !FALLS(number[at]) -> break
		:: else
		fi;
		if
		:: id[at] == x -> known = 1; break
		:: else
		fi;
		before = number[at];
		at = chain[at]
	od
}

inline expect_all()
{
	d_step {
		x = 0;
		do
		:: x == IDS -> break
		:: x < IDS ->
			look();
			was = 0;
			i = OLDEST;
			do
			:: i >= next -> break
			:: i < next ->
				if
				:: sent[i] == x -> was = 1
				:: else
				fi;
				i++
			od;
			assert(known == was);
			x++
		od;
		x = 0; at = 0; before = 0; i = 0; known = 0; was = 0
	}
}

/* The sender may be killed here. */
#define STORE(what)                                                                                \
	if                                                                                         \
	:: crashes < CRASHES -> crashes++; goto died                                               \
	:: skip                                                                                    \
	fi;                                                                                        \
	what

#define SLOT (next % SLOTS)

active proctype senders()
{
	byte mine;

send:
	expect_all();
	if
	:: next > MESSAGES -> goto over
	:: else
	fi;
	select(mine : 0 .. IDS);
	if
	:: mine == IDS -> mine = NONE; goto publish
	:: else
	fi;
	d_step {
		x = mine;
		look();
		x = 0; at = 0; before = 0; i = 0
	}
	if
	:: known -> known = 0; goto over_once
	:: else
	fi;
	STORE(id[SLOT] = mine);
	STORE(chain[SLOT] = BUCKET(mine));
#ifdef M_BUCKET_FIRST
	STORE(BUCKET(mine) = SLOT);
	STORE(number[SLOT] = next);
#else
	STORE(number[SLOT] = next);
	STORE(BUCKET(mine) = SLOT);
#endif
publish:
	STORE(d_step { sent[next] = mine; next++ });
over_once:
	mine = 0;
	goto send;

died:
	mine = 0;
#ifndef M_NO_REPAIR
	if
	:: number[SLOT] != next -> goto send
	:: else
	fi;
#ifndef M_NUMBER_ONLY
	if
	:: BUCKET(id[SLOT]) == SLOT -> STORE(BUCKET(id[SLOT]) = chain[SLOT])
	:: else
	fi;
#endif
	STORE(number[SLOT] = 0);
#endif
	goto send;

over:
	skip
}
