/* SPDX-License-Identifier: MIT */
/*
 * Broadcast: what is kept, the table of subscribers, and copying without a lock.
 *
 * SENDERS send MESSAGES each, BATCH with one commit, into a ring of SLOTS, one of which has
 * the number of the next message.  Subscribers join while that goes on, at the oldest
 * message or the next one, and then receive for as long as something comes.  There are two
 * or three: FIRST, SECOND and THIRD are
 *
 *   BLOCKS   holds the ring.  It looks at nothing but its own cursor.
 *   LOSES    does not.  It copies, looks where the tail is, and goes on there if it was lapped.
 *   EVICTED  holds the ring until a sender's patience is over, at any moment; then it loses.
 *            Its bytes are copied out, or read in place until the look: that is the same.
 *   READS    loses, and has no entry in the table and no lock: it may not write.
 *   GROUPED  uses an entry that outlives it.  All of these use the same, one at a time.
 *   (NONE)
 *
 * THIRD gets the endpoint slot of FIRST if HEIR: it attaches when that one is dead.  A
 * sender, both locks held, moves the tail as far as it needs, or as far as it may.  Up to
 * CRASHES processes are killed between any two steps, and nothing is repaired.  EXPIRES: an
 * unused group may be too old at any moment.
 *
 * Memory is as in latest.pml: what the senders store becomes visible later, in any order
 * among cells, and there is one buffer, since one sender is inside at a time.  Loads happen
 * in their order.  A cursor that becomes visible late is one that is stored late.
 *
 * Proved: the tail never goes back, never passes the end, and never passes a live holder;
 * what anybody takes for a message is the next one for it, whole; the number lost is exact;
 * nobody takes what was overwritten for damage; a group has one user at a time, and the
 * next one goes on where the last one was.
 */

#define NONE 0
#define BLOCKS 1
#define LOSES 2
#define EVICTED 3
#define READS 4
#define GROUPED 5

#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef MESSAGES
#define MESSAGES 4
#endif
#ifndef BATCH
#define BATCH 1
#endif
#define SLOTS 3
#ifndef FIRST
#define FIRST BLOCKS
#endif
#ifndef SECOND
#define SECOND NONE
#endif
#ifndef THIRD
#define THIRD NONE
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define SUBSCRIBERS 3
#define PROCS (SENDERS + SUBSCRIBERS)

/* ---- memory ---- */

/* Positions count messages.  The message at position p has the number p + 1, in two words:
 * its header and its bytes. */
#define HEAD 0
#define TAIL 1
#define HEADER(p) (2 + 2 * ((p) % SLOTS))
#define BYTES(p) (3 + 2 * ((p) % SLOTS))
#define CELLS (2 + 2 * SLOTS)

byte memory[CELLS];
bit pending[CELLS];
byte coming[CELLS];

#define LOAD(cell) (pending[cell] -> coming[cell] : memory[cell])
#define STORE(cell, x) d_step { coming[cell] = x; pending[cell] = 1 }

inline flush(cell)
{
	memory[cell] = coming[cell];
	pending[cell] = 0;
	coming[cell] = 0
}

/* ---- locks ---- */

#define FREE 255
#define ABANDONED 254
#define LOCK(lock) atomic { lock >= ABANDONED -> lock = me }

byte senders = FREE, receivers = FREE;
bit unlocking; /* the receivers' lock: the store is in the buffer, behind that of the tail */

inline drain()
{
	d_step {
		cell = 0;
		do
		:: cell < CELLS && pending[cell] -> flush(cell); cell++
		:: cell < CELLS && !pending[cell] -> cell++
		:: else -> break
		od;
		cell = 0;
		if
		:: unlocking -> unlocking = 0; receivers = FREE
		:: else
		fi
	}
}

#define MAY_FLUSH(n) :: d_step { pending[n] -> flush(n) }

/* The sender's processor makes its stores visible, when it likes. */
active proctype processor()
{
end:	do
	MAY_FLUSH(HEAD)
	MAY_FLUSH(TAIL)
	MAY_FLUSH(2) MAY_FLUSH(3) MAY_FLUSH(4)
	MAY_FLUSH(5) MAY_FLUSH(6) MAY_FLUSH(7)
	:: d_step { unlocking && !pending[TAIL] -> unlocking = 0; receivers = FREE }
	od
}

/* ---- the table ---- */

/* Entries 0 and 1 belong to the endpoint slots of that number, GROUP to whoever names it. */
#define GROUP 2
#define ENTRIES 3
#define UNUSED 0
#define ACTIVE 1
#define LAPPED 2 /* it does not hold the ring: evicted, or by its policy */
#define EXPIRED 3

byte state[ENTRIES];
byte cursor[ENTRIES];
bit joined[SUBSCRIBERS];
bit evictable[ENTRIES];
bit made; /* the group; nobody removes it */
byte group_slot; /* whose the group is: the number of an endpoint slot from 1 on, 0 nobody's */
byte group_user; /* the process */
byte slot_of[SUBSCRIBERS]; /* of the endpoints that are there: the kernel's lock table */

#define ATTACHED(slot) (slot && (slot_of[0] == slot || slot_of[1] == slot || slot_of[2] == slot))

byte crashes;
bit dead[PROCS], ended[PROCS];

#if CRASHES
#define UNLESS_KILLED unless { dead[me] }
#else
#define UNLESS_KILLED
#endif

/* ---- sending ---- */

/* Count one entry. */
inline count(e)
{
	if
	:: state[e] != ACTIVE
	:: state[e] == ACTIVE && e != GROUP && !ATTACHED(e + 1) ->
#ifndef M_SKIP_WITHOUT_FREEING
		state[e] = UNUSED
#endif
#ifdef M_COUNT_THE_DEAD
		;
		assert(false) /* nobody ever moves it */
#endif
#ifdef M_DEAD_FREES_GROUP
	:: state[e] == ACTIVE && e == GROUP && !ATTACHED(group_slot) -> state[e] = UNUSED
#endif
	:: state[e] == ACTIVE && evictable[e] && ATTACHED(e + 1) -> state[e] = LAPPED
#ifdef EXPIRES
#ifdef M_EXPIRE_USED
	:: state[e] == ACTIVE && e == GROUP -> state[e] = EXPIRED
#else
	:: state[e] == ACTIVE && e == GROUP && !ATTACHED(group_slot) -> state[e] = EXPIRED
#endif
#endif
	:: state[e] == ACTIVE && (e == GROUP || ATTACHED(e + 1)) ->
#ifndef M_IGNORE_CURSORS
		least = (cursor[e] < least -> cursor[e] : least)
#else
		skip
#endif
	fi
}

/* No live holder was passed.  One that dies meanwhile does not mind. */
#define KEPT(e) (state[e] != ACTIVE || (e != GROUP && !ATTACHED(e + 1)) || cursor[e] >= tail)

/* Try to have room behind `at`; `head` is published. */
inline make_room()
{
#ifndef M_NO_LOCK_FOR_TAIL
	LOCK(receivers);
#endif
#ifdef M_TAIL_PAST_END
	least = at;
#else
	least = head;
#endif
	d_step { count(0) }
	d_step { count(1) }
	d_step { count(GROUP) }
	if
	:: at + 2 - least <= SLOTS ->
		if
		:: d_step { tail = at + 2 - SLOTS; moved = 1 }
		:: d_step { tail = least; moved = 1 }
		fi;
		d_step {
			assert(tail >= LOAD(TAIL) && tail <= LOAD(HEAD));
			assert(KEPT(0));
			assert(KEPT(1));
			assert(KEPT(GROUP))
		}
		STORE(TAIL, tail)
	:: else
	fi;
#ifdef M_NO_RELEASE_FENCE
	unlocking = 1;
#else
	drain();
	if
	:: receivers == me -> receivers = FREE
	:: else
	fi;
#endif
	d_step { least = 0; tail = 0 }
}

proctype sender(byte me)
{
	byte cell, sent, head, at, tail, least, n;
	bit moved;

	{
		do
		:: sent == MESSAGES -> break
		:: sent < MESSAGES ->
			LOCK(senders);
			d_step { head = LOAD(HEAD); at = head; n = 0 }
			do
			:: n == BATCH || sent + n == MESSAGES -> break
			:: n < BATCH && sent + n < MESSAGES && at + 2 - LOAD(TAIL) <= SLOTS ->
				/* The number is there already. */
				assert(LOAD(HEADER(at)) == at + 1);
				STORE(BYTES(at), at + 1);
				STORE(HEADER(at + 1), at + 2);
				d_step { at++; n++ }
			:: n < BATCH && sent + n < MESSAGES && at + 2 - LOAD(TAIL) > SLOTS ->
				make_room();
				if
				:: d_step { moved -> moved = 0 }
				:: !moved -> break
				fi
			od;
			if
			:: n ->
#ifndef M_COMMIT_UNORDERED
				drain(); /* the release of the commit */
#endif
				STORE(HEAD, at)
			:: else
			fi;
			sent = sent + n;
			drain();
			d_step { senders = FREE; head = 0; at = 0; n = 0 }
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

/* ---- receiving ---- */

/* Choose where to begin: the oldest message or the next one. */
inline choose_start()
{
	if
	:: pos = memory[TAIL]
	:: pos = memory[HEAD]
	fi
}

inline join()
{
#ifndef M_JOIN_WITHOUT_LOCK
	LOCK(receivers);
#endif
#ifndef M_KEEP_PREDECESSORS
	/* Whatever names this slot is a dead predecessor's. */
	group_slot = (group_slot == entry + 1 -> 0 : group_slot);
#endif
	choose_start();
	expected = memory[HEADER(pos)];
	cursor[entry] = pos;
	joined[me - SENDERS] = 1;
	d_step {
		evictable[entry] = policy == EVICTED;
		state[entry] = (policy == LOSES -> LAPPED : ACTIVE)
	}
	if
	:: receivers == me -> receivers = FREE
	:: else
	fi
}

#ifdef M_OWN_SLOT_IS_ANOTHERS
#define IN_USE ATTACHED(group_slot)
#else
#define IN_USE (ATTACHED(group_slot) && group_slot != entry + 1)
#endif

#define NEW_THERE(n) (n != me - SENDERS && slot_of[n] == group_slot && !joined[n])

/* The user before may be alive, or dead, or there was none. */
inline join_group()
{
	LOCK(receivers);
	if
	:: state[GROUP] == EXPIRED -> refused = 1
#ifndef M_TWO_USERS
	:: d_step { state[GROUP] == ACTIVE && IN_USE ->
		refused = 1;
		/* Its user lives; or its slot's new endpoint has not come as far as this. */
		assert(!dead[group_user] || NEW_THERE(0) || NEW_THERE(1) || NEW_THERE(2))
	}
	:: state[GROUP] == ACTIVE && !IN_USE ->
#else
	:: state[GROUP] == ACTIVE ->
#endif
		d_step { group_slot = entry + 1; group_user = me };
		pos = cursor[GROUP]
	:: state[GROUP] == UNUSED ->
		assert(!made);
		choose_start();
#ifdef M_ACTIVE_BEFORE_CURSOR
		d_step { group_slot = entry + 1; group_user = me; state[GROUP] = ACTIVE; made = 1 }
		cursor[GROUP] = pos
#else
		cursor[GROUP] = pos;
		d_step { group_slot = entry + 1; group_user = me };
		d_step { state[GROUP] = ACTIVE; made = 1 }
#endif
	fi;
	expected = memory[HEADER(pos)];
	joined[me - SENDERS] = 1;
	receivers = FREE
}

/* Find the number of the message where the tail is.  (It is there also if that is the end.) */
inline go_on_at_tail()
{
	do
	:: pos = memory[TAIL];
		expected = memory[HEADER(pos)];
		if
#ifndef M_COUNT_UNCHECKED
		:: memory[TAIL] != pos
		:: memory[TAIL] == pos -> break
#else
		:: break
#endif
		fi
	od
}

#define HOLDS (policy == BLOCKS || policy == GROUPED)

proctype subscriber(byte me, entry, policy)
{
	byte pos, expected, header, bytes, tail;
	bit refused;

	{
		/* The kernel's lock on the slot. */
		atomic { !ATTACHED(entry + 1) -> slot_of[me - SENDERS] = entry + 1 }
		if
		:: policy == READS -> go_on_at_tail()
		:: policy == GROUPED -> join_group()
		:: else -> join()
		fi;
		if
		:: refused -> goto leave
		:: else -> assert(expected == pos + 1)
		fi;
		do
		:: memory[HEAD] != pos ->
#ifdef M_LOOK_BEFORE_COPY
			tail = memory[TAIL];
#endif
			header = memory[HEADER(pos)];
			bytes = memory[BYTES(pos)];
#ifndef M_LOOK_BEFORE_COPY
			tail = memory[TAIL];
#endif
			if
			:: d_step { HOLDS || tail <= pos ->
				assert(tail <= pos);
				assert(header == expected && bytes == expected);
				header = 0; bytes = 0; tail = 0
			};
				/* The commit of the receive. */
				atomic {
					assert(policy != GROUPED || cursor[GROUP] == pos);
					pos++;
					expected++;
					if
					:: policy == GROUPED -> cursor[GROUP] = pos
					:: policy == READS
					:: else -> cursor[entry] = pos
					fi
				}
			:: else ->
				/* Lapped. */
				d_step { header = expected; bytes = 0; tail = 0 }
				go_on_at_tail();
				/* What is lost is what lies between. */
				atomic { assert(expected == pos + 1 && expected > header); header = 0 }
				if
				:: policy != READS -> cursor[entry] = pos
				:: else
				fi
			fi
		:: ended[0] && ended[SENDERS - 1] && memory[HEAD] == pos -> break
		od;
leave:
		atomic { pos = 0; expected = 0; ended[me] = 1 }
	} UNLESS_KILLED
}

/* ---- death ---- */

#if CRASHES
proctype killer()
{
	byte victim, cell;

end:	do
	:: atomic { crashes < CRASHES ->
		select(victim : 0 .. PROCS - 1);
		if
		:: !dead[victim] && !ended[victim] ->
			crashes++;
			dead[victim] = 1;
			if
			:: victim < SENDERS -> drain()
			:: else -> slot_of[victim - SENDERS] = 0
			fi;
			if
			:: senders == victim -> senders = ABANDONED
			:: else
			fi;
			if
			:: receivers == victim -> receivers = ABANDONED
			:: else
			fi
		:: else
		fi;
		victim = 0 }
	od
}
#endif

#ifdef HEIR
#define THIRD_SLOT 0
#else
#define THIRD_SLOT 1
#endif

init {
	byte p;

	atomic {
		memory[HEADER(0)] = 1;
		p = 0;
		do
		:: p < SENDERS -> run sender(p); p++
		:: else -> break
		od;
		run subscriber(SENDERS, 0, FIRST);
#if SECOND
		run subscriber(SENDERS + 1, 1, SECOND);
#else
		joined[1] = 1;
		ended[SENDERS + 1] = 1;
#endif
#if THIRD
		run subscriber(SENDERS + 2, THIRD_SLOT, THIRD);
#else
		joined[2] = 1;
		ended[SENDERS + 2] = 1;
#endif
#if CRASHES
		run killer()
#endif
	}
}
