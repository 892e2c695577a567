/* SPDX-License-Identifier: MIT */
/*
 * Leases and space: kind/queue.c, and lease.c.
 *
 * RECEIVERS processes receive plainly, take, acknowledge, and give back up to
 * RELEASES times, as they like, while a sender publishes RECORDS records.  All
 * stores are under the receivers' lock; up to CRASHES processes are killed between
 * any two of them, in a repair too; the next owner repairs.  In the end a newcomer
 * takes what is left.
 *
 * Proved: no record is consumed twice, or under another's lease; none is lost; no
 * space is freed that holds a record not consumed; a living process that has a lease
 * can end it; in the end all is consumed and all space is free.
 */

#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef RECORDS
#define RECORDS 3
#endif
#ifndef RELEASES
#define RELEASES 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

/* The newcomer is the last. */
#define PROCS (RECEIVERS + 1)
#define NEWCOMER RECEIVERS

#define READY 0
#define DONE 1
#define LEASED(p) (2 + (p))

byte head, deliver, frontier, tail;
byte state[RECORDS];

#define FREE 255
#define ABANDONED 254
byte owner = FREE;

bit dead[PROCS], ended[PROCS];
byte crashes, releases;

/* What has become of each record. */
bit consumed[RECORDS];

#if CRASHES
#define MORTAL
#define UNLESS_KILLED unless { dead[me] }
#define UNDISTURBED
#else
/* Nobody sees what happens under the lock. */
#define MORTAL
#define UNLESS_KILLED
#define UNDISTURBED atomic
#endif

#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Every move of the position. */
inline move_head(to)
{
	d_step {
		do
		:: head < to ->
			assert(consumed[head]);
			head++
		:: else -> break
		od
	}
}

inline queue_free()
{
	d_step {
		i = head;
		do
		:: i < frontier && i < tail ->
			if
#ifdef M_FREE_LEASED
			:: state[i] != READY -> i++
#else
			:: state[i] == DONE -> i++
#endif
			:: else -> break
			fi
		:: else -> break
		od
	}
	move_head(i);
	i = 0
}

/* pos: the first ready record, or what was seen as the end. */
inline ring_next()
{
	d_step {
		seen = tail;
		pos = MAX(head, deliver);
		do
		:: pos < seen && state[pos] != READY -> pos++
		:: else -> break
		od
	}
}

inline raise_frontier(to)
{
#ifndef M_FRONTIER_STAYS
	d_step {
		frontier = MAX(frontier, to)
	}
#else
	skip
#endif
}

inline consume()
{
	if
#ifdef M_FREE_PAST_LEASES
	:: true ->
#else
	:: pos == head && frontier <= head ->
#endif
		d_step {
			assert(!consumed[pos] && state[pos] == READY);
			consumed[pos] = 1;
			/* The commit of a plain receive, and the release of space. */
			do
			:: head <= pos -> assert(consumed[head]); head++
			:: else -> break
			od
		}
	:: else ->
		raise_frontier(pos + 1);
		d_step {
			assert(!consumed[pos] && state[pos] == READY);
			consumed[pos] = 1;
			state[pos] = DONE
		}
		deliver = pos + 1;
		queue_free()
	fi
}

inline lease()
{
	raise_frontier(pos + 1);
	deliver = pos + 1;
	d_step {
		assert(!consumed[pos]);
		state[pos] = LEASED(me)
	}
}

/* The lease on record i is done: at the front by the position alone. */
inline acknowledge()
{
	d_step {
		consumed[i] = 1;
		if
#ifdef M_ACK_MOVES_POSITION
		:: i >= head -> position = i + 1
#else
		:: i == head -> position = i + 1
#endif
		:: else ->
			state[i] = DONE;
			position = head
		fi;
		do
		:: head < position ->
			assert(consumed[head]);
			head++
		:: else -> break
		od
	}
}

/* The lease on record i. */
inline give_back()
{
#ifndef M_DELIVER_STAYS
	d_step {
		deliver = (i < deliver -> i : deliver)
	}
#endif
	d_step {
		assert(!consumed[i]);
		state[i] = READY
	}
}

#ifdef M_RECLAIM_ALL
#define GONE(p) ((p) != me)
#else
#define GONE(p) dead[p]
#endif

inline reclaim()
{
	i = head;
	do
	:: i < frontier && i < tail ->
		if
		:: state[i] >= LEASED(0) && GONE(state[i] - LEASED(0)) -> give_back()
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline repair()
{
	deliver = head;
	d_step {
		frontier = head;
		i = head;
		do
		:: i < tail ->
			if
			:: state[i] != READY -> frontier = i + 1
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
	queue_free();
	reclaim()
}

inline enter()
{
	d_step { owner >= ABANDONED -> recover = (owner == ABANDONED); owner = me }
#if CRASHES
	if
#ifndef M_SKIP_REPAIR
	:: recover -> repair(); recover = 0
#endif
	:: else -> recover = 0
	fi
#endif
}

proctype receiver(byte me)
{
	byte pos, seen, i, position, mine; /* mine: the record leased, + 1 */
	bit recover;

	MORTAL {
		do
		:: UNDISTURBED {
			enter();
			if
			/* End a lease.  It has to be there. */
			:: mine ->
				d_step {
					i = mine - 1;
					assert(state[i] == LEASED(me))
				}
				if
				:: acknowledge()
				:: d_step { releases < RELEASES -> releases++ }
					give_back()
				fi;
				queue_free();
				mine = 0;
				owner = FREE
			/* Get another. */
			:: true ->
				ring_next();
				if
				:: pos < seen -> consume(); owner = FREE
				:: d_step { pos < seen && !mine -> mine = pos + 1 }
					lease();
					owner = FREE
				:: pos == seen ->
					/* when_empty() */
#ifndef M_NO_RECLAIM
					if
					:: frontier > head -> reclaim()
					:: else
					fi;
#endif
					ring_next();
					if
					:: pos < seen -> owner = FREE
					:: pos == seen ->
						deliver = seen;
						queue_free();
						owner = FREE;
						if
						:: mine
						:: !mine -> goto rest
						fi
					fi
				fi
			fi;
			d_step {
				pos = 0;
				seen = 0;
				position = 0
			}
			}
			goto next;
rest:
			skip;
			d_step {
				pos = 0;
				seen = 0
			}
			if
			:: me == NEWCOMER -> break
			/* Asleep until something new may be there. */
			:: me != NEWCOMER && deliver != tail
			:: me != NEWCOMER -> break
			fi;
next:
			skip
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

proctype sender()
{
	do
	:: tail < RECORDS -> tail++
	:: else -> break
	od
}

#define KILL(p) \
	!dead[p] && !ended[p] && crashes < CRASHES -> \
	dead[p] = 1; \
	crashes++; \
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
	:: break
	od
}
#endif

proctype observer()
{
	byte i;

	atomic { timeout ->
		for (i : 0 .. RECEIVERS - 1) {
			assert(dead[i] || ended[i])
		}
		run receiver(NEWCOMER)
	}
	atomic { timeout ->
		assert(ended[NEWCOMER]);
		for (i : 0 .. RECORDS - 1) {
			assert(consumed[i])
		}
		assert(head == RECORDS)
	}
}

init
{
	byte i;

	atomic {
		for (i : 0 .. RECEIVERS - 1) {
			run receiver(i)
		}
		i = 0;
		run sender();
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
