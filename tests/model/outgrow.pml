/* SPDX-License-Identifier: MIT */
/*
 * A broadcast that grows: kind/broadcast.c and channel/grow.c over the rungs of growing.pml,
 * window.h, and how channel/subscriber.c gets from one rung to the next.
 *
 * SENDERS send MESSAGES in all, under their lock.  One without room moves the tail on; if HOLDS
 * is in the way it moves over to the other rung, STEPS times in all, or evicts it at the
 * maximum, if EVICTS.  At any other moment it may go back, let go of what nobody holds, and give
 * the memory of a rung back that is free.  HOLDS reads by the mapping, LOSES from the file.
 * Neither takes a lock; each remembers the lap it was in.  Up to CRASHES processes are
 * killed between any two steps; the next owner of the senders' lock repairs.
 *
 * A position is a record here; the record at the senders' position has the number of the next
 * message.  Stores become visible in their order, which the releases have, and loads happen in
 * theirs.  (What is visible when within a ring is in broadcast.pml.)
 *
 * Proved: HOLDS gets each message, unless it was evicted; the number lost is exact, and not 0;
 * nobody takes what was overwritten or given back for damage; nobody touches the mapping of a
 * rung without memory; and in the end all memory is given back but that of the first rung.
 */

#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef MESSAGES
#define MESSAGES 4
#endif
#ifndef STEPS
#define STEPS 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define HOLDER SENDERS
#define LOSER (SENDERS + 1)
#define PROCS (SENDERS + 2)

#define RUNGS 2
#define MOST 3
#define CAPACITY(r) (2 + (r))
#define OPEN 255
#define NONE 0
#define UNKNOWN 1
#define WHOLE 2

byte S, T;
byte start[RUNGS], limit[RUNGS], memory[RUNGS];
bit taken[RUNGS];		/* what the kernel knows */
byte cell[RUNGS * MOST];	/* the numbers of messages */
#define CELL(r, offset) cell[(r) * MOST + (offset)]

/* The entry of HOLDS. */
#define UNUSED 0
#define ACTIVE 1
#define EVICTED 2
#ifdef NO_HOLDER
byte state = UNUSED, cursor;
#else
byte state = ACTIVE, cursor;
#endif

byte sent, steps, crashes;
bit dead[PROCS], ended[PROCS];

#define FREE 255
#define ABANDONED 254
byte tx = FREE;

#if CRASHES
#define UNLESS_KILLED unless { dead[me] }
#else
#define UNLESS_KILLED
#endif

#define IS_FREE(r, head) (limit[r] < (head) || limit[r] == 0)

/* Set rung and lap to those of `pos`: limit before start.  What has none is read somewhere. */
inline turn()
{
	if
	:: pos >= lap && pos - lap < CAPACITY(rung)
	:: else ->
		i = 0;
		do
		:: i < RUNGS ->
			upto = limit[i];
			from = start[i];
			if
			:: pos < upto && pos >= from -> break
			:: else -> i++
			fi
		:: else -> break
		od;
		assert(i <= RUNGS);
		d_step {
			if
			:: i == RUNGS -> rung = 0; base = pos; lap = pos
			:: else ->
				rung = i;
				lap = pos - (pos - from) % CAPACITY(rung);
				base = from
			fi;
			i = 0; from = 0; upto = 0
		}
	fi
}

/* Where `pos` goes on, if its rung ends there and `far` is behind that: ring_onward(). */
inline onward()
{
	i = 0;
	do
	:: i < RUNGS && pos < limit[i] && pos >= start[i] -> break
	:: i < RUNGS && !(pos < limit[i] && pos >= start[i]) -> i++
	:: else -> break
	od;
	if
	:: i < RUNGS && limit[i] != OPEN && limit[i] == pos + 1 && pos < far &&
		start[1 - i] > pos && limit[1 - i] > start[1 - i] && start[1 - i] <= far ->
		pos = start[1 - i]
	:: else
	fi;
	i = 0
}

inline repair()
{
#ifdef M_NO_REPAIR
	skip
#else
	pos = S;
	lap = 255;
	turn();
	i = 0;
	do
	:: i < RUNGS ->
		if
		:: i != rung && start[i] > pos -> limit[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	limit[rung] = OPEN;
	i = 0
#endif
}

/* ---- sending ---- */

/* The other rung, since there are two. */
#define OTHER (1 - rung)

inline step()
{
	steps++;
	memory[OTHER] = (OTHER == 0 -> memory[OTHER] : UNKNOWN);
	taken[OTHER] = 1;
	memory[OTHER] = WHOLE;
	CELL(OTHER, 0) = CELL(rung, pos - lap);
	start[OTHER] = pos + CAPACITY(rung) + 1;
	limit[OTHER] = OPEN;
	limit[rung] = pos + 1;
	S = pos + CAPACITY(rung) + 1
}

/* Set `least` to where HOLDS stands, or the end; a dead one is freed. */
inline find_held()
{
	d_step {
		if
		:: state == ACTIVE && dead[HOLDER] -> state = UNUSED
		:: else
		fi;
		far = S;
		least = S;
		if
		:: state == ACTIVE ->
			pos = cursor;
#ifndef M_END_IS_ANOTHER_PLACE
			onward();
#endif
			least = (pos < T -> T : pos) /* of a rung that is used anew */
		:: else
		fi;
		pos = far;
		far = 0
	}
}

/* Let go of what lies in rungs before that of `least`. */
inline let_go()
{
	d_step {
		i = 0;
		do
		:: i < RUNGS && !(least < limit[i] && least >= start[i]) -> i++
		:: else -> break
		od;
		if
#ifdef M_LET_GO_OF_ALL
		:: base > T -> T = base
#else
		:: i < RUNGS && start[i] > T -> T = start[i]
#endif
		:: else
		fi;
		i = 0
	}
}

/* Up to where nobody touches the mapping. */
#ifdef M_GIVE_UNDER_EVICTED
#define UNTOUCHED T
#else
#define UNTOUCHED (state == EVICTED && !dead[HOLDER] && cursor < T -> cursor : T)
#endif

inline give()
{
	limit[OTHER] = 0;
	memory[OTHER] = UNKNOWN;
	d_step {
		taken[OTHER] = 0;
		CELL(OTHER, 0) = 0; CELL(OTHER, 1) = 0; CELL(OTHER, 2) = 0
	}
	memory[OTHER] = NONE
}

/* Shrink, as channel/grow.c does after a quiet while. */
inline settle()
{
	find_held();
#ifdef M_GIVE_BEFORE_THE_TAIL
	if
	:: OTHER != 0 && least >= base && memory[OTHER] != NONE -> give()
	:: else
	fi;
#endif
	let_go();
	if
	:: steps < STEPS && IS_FREE(OTHER, T) && sent < MESSAGES -> step()
	:: OTHER != 0 && memory[OTHER] != NONE && IS_FREE(OTHER, UNTOUCHED) -> give()
	:: else
	fi
}

proctype sender(byte me)
{
	byte pos, rung, lap, base, i, from, upto, room, least, far;

	{
		do
		:: sent == MESSAGES -> break
		:: sent < MESSAGES ->
			if
			:: atomic { tx == FREE -> tx = me }
			:: atomic { tx == ABANDONED -> tx = me };
				repair()
			:: sent == MESSAGES -> break
			fi;
			pos = S;
			turn();
			room = (T > base -> T : base); /* where it counts from */
			if
			:: sent < MESSAGES && pos - room + 2 <= CAPACITY(rung) ->
				assert(taken[rung]);
				room = CELL(rung, pos - lap);
				assert(room == sent + 1);
				CELL(rung, (pos - base + 1) % CAPACITY(rung)) = room + 1;
				d_step { S = pos + 1; sent++ }
			:: sent < MESSAGES && pos - room + 2 > CAPACITY(rung) ->
				room = pos + 2 - CAPACITY(rung); /* what is needed */
				find_held();
				if
				:: least >= room -> T = room
				:: least >= room -> T = least
				:: least < room ->
					let_go();
					if
					:: steps < STEPS && IS_FREE(OTHER, T) -> step()
#ifdef EVICTS
					:: d_step { state == ACTIVE && (steps == STEPS || !IS_FREE(OTHER, T)) ->
						state = EVICTED }
#endif
					:: else
					fi
				fi
			:: else -> settle()
			:: settle()
			fi;
			d_step { room = 0; least = 0; far = 0 }
			tx = FREE
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

/* ---- receiving ---- */

/* Find the record at `pos`: ring_cross().  RING_NOTHING is `none`, RING_BROKEN
 * is `broken`. */
inline seek()
{
	d_step { none = 0; broken = 0 }
	turn();
	far = S;
	if
	:: pos == far -> none = 1
	:: pos != far && far - pos <= CAPACITY(rung)
	:: pos != far && far - pos > CAPACITY(rung) ->
		end = limit[rung];
		end = (end == OPEN || end == 0 || end > far + 1 -> far : end - 1);
		if
		:: end < pos || end - pos > CAPACITY(rung) -> broken = 1
		:: end == pos && end != far ->
			next = 0;
			i = 0;
			do
			:: i < RUNGS ->
				upto = limit[i];
				from = start[i];
				if
				:: from > pos && upto > from &&
					(!next || from < next) -> next = from
				:: else
				fi;
				i++
			:: else -> break
			od;
			assert(i == RUNGS);
			d_step {
				i = 0;
				if
				:: next && next <= far -> pos = next
				:: else -> broken = 1
				fi
			};
			turn();
			none = (pos == far && !broken)
		:: else
		fi
	fi;
	d_step { end = 0; next = 0; from = 0; upto = 0 }
}

/* Find the number where the tail is, and go on there. */
inline go_on_at_tail()
{
	do
	:: pos = T;
		lap = 255;
		turn();
		number = CELL(rung, pos - lap);
		if
		:: T != pos
		:: T == pos -> break
		fi
	od
}

#define MINE (me == HOLDER)
#ifdef M_LOSER_MAPS
#define MAPS 1
#else
#define MAPS (MINE && !lapped)
#endif

proctype subscriber(byte me)
{
	byte pos, at, expected = 1, rung, lap, base, i, from, upto, far, end, next, number;
	bit none, broken, lapped; /* as LOSES from then on */

	{
		do
		:: expected == MESSAGES + 1 -> break
		:: S != at && expected <= MESSAGES ->
			pos = at;
			seek();
			if
			:: none ->
				/* Go on where the next rung begins, if the place is still kept. */
				if
				:: T <= at -> at = pos
				:: T > at -> goto passed
				fi
			:: broken ->
				assert(T > at); /* else it would be damage */
				goto passed
			:: !none && !broken ->
				/* A holder may be evicted just now: it still maps. */
				assert(!MAPS || taken[rung]);
				number = CELL(rung, pos - lap);
				if
				:: d_step { T <= at ->
					assert(number == expected);
					number = 0 };
					at = pos + 1;
					expected++;
					if
					:: MINE -> cursor = at
					:: else
					fi
				:: T > at ->
passed:
					go_on_at_tail();
					if
#ifndef M_MOVED_IS_LOST
					:: number == expected -> /* only_moved() */
						assert(pos > at)
					:: number != expected ->
#else
					:: true ->
#endif
						assert(number > expected && pos > at);
						assert(!MINE || state == EVICTED);
						expected = number
					fi;
					at = pos;
					if
					:: MINE && state == EVICTED -> lapped = 1; cursor = at
					:: else
					fi
				fi
			fi;
			d_step { number = 0; far = 0; none = 0; broken = 0; pos = 0 }
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

/* In the end, after a quiet while: what is not in use is given back. */
active proctype keeper()
{
	byte pos, rung, lap, base, i, from, upto, least, far, me;

	(sent == MESSAGES && (tx == FREE || tx == ABANDONED) && (ended[HOLDER] || dead[HOLDER])
	 && (ended[LOSER] || dead[LOSER])
	);
	atomic {
		me = PROCS;
		if
		:: tx == ABANDONED -> repair()
		:: else
		fi;
		tx = me;
		pos = S;
		lap = 255;
		turn();
		if
		:: rung == 1 ->
			find_held();
			let_go();
			assert(IS_FREE(0, T));
			step();
			pos = S;
			turn()
		:: else
		fi;
		steps = STEPS;
		settle();
		/* One that was evicted may still touch it, until it looks again. */
		assert((memory[1] == NONE && !taken[1]) || UNTOUCHED < T)
	}
}

#if CRASHES
active proctype killer()
{
	byte victim;

end:	do
	:: atomic { crashes < CRASHES ->
		select(victim : 0 .. PROCS - 1);
		if
		:: !dead[victim] && !ended[victim] ->
			crashes++;
			dead[victim] = 1;
			if
			:: tx == victim -> tx = ABANDONED
			:: else
			fi
		:: else
		fi;
		victim = 0 }
	od
}
#endif

init {
	byte p;

	atomic {
#ifdef NO_HOLDER
		ended[HOLDER] = 1;
#endif
#ifdef NO_LOSER
		ended[LOSER] = 1;
#endif
		limit[0] = OPEN;
		memory[0] = WHOLE;
		taken[0] = 1;
		CELL(0, 0) = 1;
		do
		:: p < SENDERS -> run sender(p); p++
		:: p >= SENDERS && p < PROCS ->
			if
			:: !ended[p] -> run subscriber(p)
			:: else
			fi;
			p++
		:: else -> break
		od
	}
}
