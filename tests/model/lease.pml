/* SPDX-License-Identifier: MIT */
/*
 * Leases and space: kind/queue.c, and lease.c.
 *
 * RECEIVERS processes receive plainly, take (HOLDS leases at a time), acknowledge, and
 * give back up to RELEASES times, as they like, while a sender publishes RECORDS
 * records.  All stores are under the receivers' lock, but for the one that acknowledges
 * the front for its holder.  That one waits in the store buffer of the holder's processor as
 * long as it likes, up to the holder's next full fence, or another process's heavy one; all
 * others are visible at once.  Up to CRASHES processes are killed between any two of them,
 * in a repair too; the next owner repairs.  In the end a newcomer takes what is left.
 *
 * Proved: no record is consumed twice, or under another's lease; none is lost; no
 * space is freed that holds a record not consumed; a living process that has a lease
 * can end it; while a process holds the front, nobody else moves the position; each
 * lease counts as one attempt, deaths included; what is done at the front is freed by
 * the last one that did something about it, unless that one died; in the end all is
 * consumed and all space is free.
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
#ifndef HOLDS
#define HOLDS 2
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

byte head, deliver, frontier, fenced, tail, held, held_by;

/* The store to `head` that is not yet visible, and whose it is. */
#define NOBODY 255
byte late, late_by = NOBODY;

#define FLUSH \
	if \
	:: late_by != NOBODY -> \
		assert(head == late - 1); \
		head = late; \
		late = 0; \
		late_by = NOBODY \
	:: else \
	fi

/* A full fence of this process: a locked instruction, too. */
#define FENCE \
	if \
	:: late_by == me -> FLUSH \
	:: else \
	fi
byte state[RECORDS];
byte attempts[RECORDS];

#define FREE 255
#define ABANDONED 254
byte owner = FREE;

bit dead[PROCS], ended[PROCS];
byte crashes, releases;

/* What has become of each record, and how often it was leased. */
bit consumed[RECORDS];
byte takes[RECORDS];

#if CRASHES
#define MORTAL
#define UNLESS_KILLED unless { dead[me] }
#else
#define MORTAL
#define UNLESS_KILLED
#endif

#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Where what is held at the front ends. */
#define HELD MAX(held, head)

/* Looks, and moves the position if it is still where it was. */
inline queue_free()
{
	d_step {
		i = head;
		j = head;
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
	d_step {
		if
		:: head == j ->
			do
			:: head < i ->
				assert(consumed[head]);
				head++
			:: else -> break
			od
		:: else
		fi;
		i = 0;
		j = 0
	}
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

inline begin_fencing(to)
{
	fenced = to;
#ifndef M_NO_HEAVY_FENCE
	d_step { FLUSH }
#endif
}

inline raise_frontier(to)
{
#ifndef M_FRONTIER_STAYS
	if
	:: frontier < to ->
		if
		:: fenced < to -> begin_fencing(to)
		:: else
		fi;
		frontier = to
	:: else
	fi
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

/* Record pos is this process's: the model's own note of it. */
inline taken()
{
	assert(!consumed[pos] && attempts[pos] == takes[pos]);
	takes[pos]++;
	mine = mine | (1 << pos);
	holds++
}

inline lease()
{
	if
	/* No header is written. */
#ifdef M_EXTEND_ANYBODYS
	:: pos == HELD ->
#else
	:: pos == HELD && (held_by == me || held <= head) ->
#endif
		deliver = pos + 1;
		held_by = me;
		d_step {
			taken();
			held = pos + 1
		}
	:: else ->
		raise_frontier(pos + 1);
		deliver = pos + 1;
		d_step {
			taken();
			attempts[pos]++;
			state[pos] = LEASED(me)
		}
	fi
}

/* Write what is held from record `from` on into the headers. */
inline spread(from)
{
	raise_frontier(held);
	j = from;
#ifdef M_HELD_BEFORE_HEADERS
	d_step { pos = held; held = from }
	do
	:: j < pos ->
#else
	do
	:: j < held ->
#endif
		d_step {
			if
			:: state[j] == READY ->
				state[j] = LEASED(held_by);
				attempts[j]++
			:: else
			fi;
			j++
		}
	:: else ->
		d_step { held = from; j = 0 }
		break
	od
}

/* The lease on record i, the lock held: at the front by the position alone. */
inline acknowledge()
{
	d_step {
		if
#ifdef M_ACK_MOVES_POSITION
		:: i >= head -> consumed[i] = 1; position = i + 1
#else
		:: i == head -> consumed[i] = 1; position = i + 1
#endif
		:: else -> position = head
		fi;
		do
		:: head < position ->
			assert(consumed[head]);
			head++
		:: else -> break
		od
	}
	if
	:: position <= i ->
		raise_frontier(i + 1);
		d_step {
			consumed[i] = 1;
			state[i] = DONE
		}
	:: else
	fi
}

/* The lease on record i, which its header has. */
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
	if
	:: held > head && GONE(held_by) -> i = head; spread(i)
	:: else -> i = HELD
	fi;
	do
	:: i < frontier && i < tail ->
		if
		:: state[i] >= LEASED(0) && GONE(state[i] - LEASED(0)) -> give_back()
		:: else
		fi;
		i++
	:: else ->
		i = 0;
		break
	od
}

inline repair()
{
#ifdef M_REPAIR_FORGETS_HELD
	deliver = head;
#else
	deliver = HELD;
#endif
	d_step {
		position = HELD;
		i = position;
		do
		:: i < tail ->
			if
			:: state[i] != READY -> position = i + 1
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
	begin_fencing(position);
	frontier = position;
	position = 0;
	queue_free();
	reclaim()
}

inline enter()
{
	d_step {
		owner >= ABANDONED ->
		recover = (owner == ABANDONED);
		owner = me;
		FENCE
	}
#if CRASHES
	if
#ifndef M_SKIP_REPAIR
	:: recover -> repair(); recover = 0
#endif
	:: else -> recover = 0
	fi
#endif
}

/* The front is this process's, and no header says so: acknowledge it, without the lock. */
inline end_front()
{
#ifdef M_FENCED_SEEN_BEFORE
	seen = fenced;
#endif
	d_step {
		/* Nobody else has moved the position or ended the lease meanwhile. */
		assert(head == i && held > i && held_by == me && !consumed[i]);
		consumed[i] = 1;
		mine = mine & ~(1 << i);
		holds--;
		late = i + 1;
		late_by = me;
		position = i + 1;
		i = 0
	}
#ifndef M_FENCED_SEEN_BEFORE
	seen = fenced;
#endif
	if
	:: seen >= position -> d_step { FENCE }
	:: else
	fi;
#ifndef M_LOOK_NOT_BEHIND
	if
	:: frontier > position ->
		enter();
		queue_free();
		owner = FREE
	:: else
	fi
#endif
}

proctype receiver(byte me)
{
	byte pos, seen, i, j, position;
	byte mine, holds; /* its leases, a bit each */
	bit recover;

	MORTAL {
		do
		:: true ->
			if
			:: late_by == NOBODY && mine & (1 << head) && held > head && held_by == me &&
				state[head] == READY ->
				i = head;
				end_front()
			/* End any lease.  It has to be there. */
			:: mine ->
				enter();
				if
				:: mine & 1 -> i = 0
				:: mine & 2 -> i = 1
				:: mine & 4 -> i = 2
				fi;
				d_step {
					assert(!consumed[i] && i >= head);
					assert(state[i] == LEASED(me) ||
						(state[i] == READY && held > i && held_by == me));
					mine = mine & ~(1 << i);
					holds--
				}
				if
				:: acknowledge()
				:: d_step { releases < RELEASES -> releases++ }
#ifndef M_NO_SPREAD
					if
					:: i < held -> spread(i)
					:: else
					fi;
#endif
					give_back()
				fi;
				queue_free();
				owner = FREE
			/* Get another. */
			:: true ->
				enter();
				ring_next();
				if
				:: pos < seen -> consume(); owner = FREE
				:: pos < seen && holds < HOLDS -> lease(); owner = FREE
				:: pos == seen ->
					/* when_empty() */
#ifndef M_NO_RECLAIM
					if
					:: frontier > head || held > head -> reclaim()
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
			if
			:: true -> goto next
			/* It does nothing more. */
			:: me != NEWCOMER && !mine -> break
			fi;
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

proctype buffer()
{
end:
	do
	:: d_step { late_by != NOBODY -> FLUSH }
	od
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
	:: late_by == p -> FLUSH \
	:: else \
	fi; \
	if \
	:: owner == p -> owner = ABANDONED \
	:: else \
	fi

#if CRASHES
proctype killer()
{
	do
	:: d_step { KILL(0) }
#if RECEIVERS > 1
	:: d_step { KILL(1) }
#endif
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
		assert(crashes || head == tail || state[head] != DONE);
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
		run buffer();
#if CRASHES
		run killer();
#endif
		run observer()
	}
}
