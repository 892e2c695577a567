/* SPDX-License-Identifier: MIT */
/*
 * A ring that grows: core/ladder.c, ring_turn(), ring_cross(), ring_step() and ring_follow() of
 * core/ring.c, and channel/grow.c.
 *
 * SENDERS send MESSAGES in all, under the senders' lock, and move to any rung that is free,
 * STEPS times in all, whether the one they are in is full or not; they give the memory of free
 * rungs back when they like.  RECEIVERS receive under theirs.  Each process remembers the lap
 * that it was in last and looks at the table only outside that, or if the senders are further
 * away than its ring is large.  Up to CRASHES processes are killed between any two steps; the
 * next owner of the senders' lock repairs.
 *
 * A position is a record here; the record at the senders' position has the number of the next
 * message.  Stores become visible in their order, which the releases have, and loads happen in
 * theirs.
 *
 * Proved: each message is received once, in order; no rung without memory is written or read;
 * and memory that a rung has is known of, so that it is given back.
 */

#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef STEPS
#define STEPS 3
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define PROCS (SENDERS + RECEIVERS)
#define RUNGS 2
#define MOST 3
#define CAPACITY(r) (2 + (r))
#define OPEN 255
#define NONE 0
#define UNKNOWN 1
#define WHOLE 2

byte S, R;
byte start[RUNGS], limit[RUNGS], memory[RUNGS];
bit taken[RUNGS];		/* what the kernel knows */
byte cell[RUNGS * MOST];	/* the numbers of messages */
#define CELL(r, offset) cell[(r) * MOST + (offset)]

byte sent, received, steps, crashes;
bit dead[PROCS], ended[PROCS];

#define FREE 255
#define ABANDONED 254
byte tx = FREE, rx = FREE;

#if CRASHES
#define UNLESS_KILLED unless { dead[me] }
#else
#define UNLESS_KILLED
#endif

#ifdef M_NO_JUMP
#define JUMP 1
#else
#define JUMP (CAPACITY(rung) + 1)
#endif

#ifdef M_FREE_AT_THE_END
#define IS_FREE(r) (limit[r] <= R + 1)
#else
#define IS_FREE(r) (limit[r] < R || limit[r] == 0)
#endif

/* Set rung and lap to those of `pos`: limit before start. */
inline turn()
{
	if
	:: pos >= lap && pos - lap < CAPACITY(rung)
	:: else ->
		i = 0;
		do
		:: i < RUNGS ->
#ifdef M_START_BEFORE_LIMIT
			from = start[i];
			upto = limit[i];
#else
			upto = limit[i];
			from = start[i];
#endif
			if
			:: pos < upto && pos >= from -> break
			:: else -> i++
			fi
		:: else -> break
		od;
		assert(i < RUNGS);
		d_step {
			rung = i;
			lap = pos - (pos - from) % CAPACITY(rung);
			base = from;
			i = 0; from = 0; upto = 0
		}
	fi
}

inline repair()
{
#ifdef M_NO_REPAIR
	skip
#else
	pos = S;
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

/* The other rung, since there are two. */
#define OTHER (1 - rung)

inline step()
{
	memory[OTHER] = (OTHER == 0 -> memory[OTHER] : UNKNOWN);
#ifndef M_STEP_WITHOUT_MEMORY
	taken[OTHER] = 1;
#endif
	memory[OTHER] = WHOLE;
	assert(taken[OTHER]);
	CELL(OTHER, 0) = CELL(rung, pos - lap);
#ifdef M_LIMIT_BEFORE_START
	limit[OTHER] = OPEN;
	start[OTHER] = pos + JUMP;
#else
	start[OTHER] = pos + JUMP;
	limit[OTHER] = OPEN;
#endif
#ifdef M_COMMIT_BEFORE_LIMIT
	S = pos + JUMP;
	limit[rung] = pos + 1
#else
	limit[rung] = pos + 1;
	S = pos + JUMP
#endif
}

inline give()
{
	limit[OTHER] = 0;
#ifdef M_KNOWN_BEFORE_GIVEN
	memory[OTHER] = NONE;
	taken[OTHER] = 0
#else
	memory[OTHER] = UNKNOWN;
	d_step {
		taken[OTHER] = 0;
		CELL(OTHER, 0) = 0; CELL(OTHER, 1) = 0; CELL(OTHER, 2) = 0
	}
	memory[OTHER] = NONE
#endif
}

proctype sender(byte me)
{
	byte pos, rung, lap, base, i, from, upto, room;

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
			room = (R > base -> R : base); /* where it counts from */
			if
			:: sent < MESSAGES && pos - room + 2 <= CAPACITY(rung) ->
				assert(taken[rung]);
				room = CELL(rung, pos - lap);
				assert(room == sent + 1);
				CELL(rung, (pos - base + 1) % CAPACITY(rung)) = room + 1;
				d_step { S = pos + 1; sent++ }
			:: steps < STEPS && IS_FREE(OTHER) ->
				steps++;
				step()
			:: OTHER != 0 && memory[OTHER] != NONE && IS_FREE(OTHER) ->
				give()
			:: else
			fi;
			room = 0;
			tx = FREE
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

proctype receiver(byte me)
{
	byte pos, rung, lap, base, i, from, upto, far, end, next;

	{
		do
		:: received == MESSAGES -> break
		:: R != S && received < MESSAGES ->
			if
			:: atomic { rx >= ABANDONED -> rx = me }
			:: received == MESSAGES -> break
			fi;
			pos = R;
			turn();
			far = S;
			if
			:: far - pos <= CAPACITY(rung)
			:: else -> /* ring_cross() */
				end = limit[rung];
				end = (end == OPEN || end - 1 > far -> far : end - 1);
				if
				:: pos == end && end != far ->
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
					i = 0;
					assert(next);
					pos = next;
					turn();
					far = (far < pos -> pos : far)
				:: else
				fi
			fi;
			if
			:: pos == far ->
				if
				:: pos != R -> R = pos /* ring_follow() */
				:: else
				fi
			:: else ->
				assert(taken[rung]);
				next = CELL(rung, pos - lap);
				assert(next == received + 1);
				d_step { R = pos + 1; received++ }
			fi;
			d_step { far = 0; end = 0; next = 0; from = 0; upto = 0 }
			rx = FREE
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

/* At any moment: memory that a rung has is known of. */
active proctype bookkeeper()
{
	atomic { memory[1] == NONE && taken[1] -> assert(false) }
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
			fi;
			if
			:: rx == victim -> rx = ABANDONED
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
		limit[0] = OPEN;
		memory[0] = WHOLE;
		taken[0] = 1;
		CELL(0, 0) = 1;
		do
		:: p < SENDERS -> run sender(p); p++
		:: p >= SENDERS && p < PROCS -> run receiver(p); p++
		:: else -> break
		od
	}
}
