/* SPDX-License-Identifier: MIT */
/*
 * The latest value: latest_write() and latest_read() of kind/latest.c.
 *
 * SENDERS send VALUES each, under the senders' lock; RECEIVERS copy READS values each,
 * without one.  Up to CRASHES senders are killed between any two steps, and nothing is
 * repaired.  With EXCLUSIVE there is one sender, which takes no lock: nothing but its own
 * orders stands between two sends.
 *
 * Memory is as in memory.pml: a store becomes visible later, in any order among cells, and
 * a dead process's stores become visible.  Receivers store nothing, and one sender is
 * inside at a time, so there is one buffer.  A release, or a release fence, is modelled by
 * what it needs: the stores before it are visible.  Loads happen in their order, as the
 * acquires have it.
 *
 * Proved: what a receiver takes for a value is whole, and not older than one that it had;
 * and it starts over only if the current value has changed since it began, so a sender that
 * is stopped or dead anywhere hides nothing (and the library takes nothing for damage).
 */

#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef VALUES
#define VALUES 2
#endif
#ifndef READS
#define READS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef SLOTS
#define SLOTS 3
#endif

#define PROCS (SENDERS + RECEIVERS)

/* The cells: the commit word, and of each slot the generation and two words of a value.
 * Generations begin with 1; the slot of a word is not stored apart, since it follows from
 * the word's generation here: each send that commits moves both on by one. */
#define WORD 0
#define GENERATION(s) (1 + 3 * (s))
#define FIRST(s) (2 + 3 * (s))
#define SECOND(s) (3 + 3 * (s))
#define CELLS (1 + 3 * SLOTS)
#define SLOT(generation) ((generation) % SLOTS)

byte memory[CELLS];
bit pending[CELLS];
byte coming[CELLS];

#define FREE 255
#define ABANDONED 254
byte owner = FREE;
bit dead[PROCS], ended[PROCS];
byte crashes;

#if CRASHES
#define UNLESS_KILLED unless { dead[me] }
#else
#define UNLESS_KILLED
#endif

#define LOAD(cell) (pending[cell] -> coming[cell] : memory[cell])
#define STORE(cell, x) d_step { coming[cell] = x; pending[cell] = 1 }

inline flush(cell)
{
	memory[cell] = coming[cell];
	pending[cell] = 0;
	coming[cell] = 0
}

inline drain()
{
	d_step {
		cell = 0;
		do
		:: cell < CELLS && pending[cell] -> flush(cell); cell++
		:: cell < CELLS && !pending[cell] -> cell++
		:: else -> break
		od;
		cell = 0
	}
}

/* The sender's processor makes its stores visible, when it likes. */
#define MAY_FLUSH(n) :: d_step { pending[n] -> flush(n) }

active proctype processor()
{
end:	do
	MAY_FLUSH(WORD)
	MAY_FLUSH(1) MAY_FLUSH(2) MAY_FLUSH(3)
	MAY_FLUSH(4) MAY_FLUSH(5) MAY_FLUSH(6)
	MAY_FLUSH(7) MAY_FLUSH(8) MAY_FLUSH(9)
	od
}

proctype sender(byte me)
{
	byte cell, sent, generation;

	{
		do
		:: sent == VALUES -> break
		:: sent < VALUES ->
#ifndef EXCLUSIVE
			atomic { owner >= ABANDONED -> owner = me }
#endif
			generation = LOAD(WORD) + 1;
#ifdef M_SAME_SLOT
#define TO SLOT(generation - 1)
#else
#define TO SLOT(generation)
#endif
			STORE(GENERATION(TO), 0);
#ifndef M_NO_RELEASE_FENCE
			drain();
#endif
			STORE(FIRST(TO), generation);
			STORE(SECOND(TO), generation);
#ifdef M_COMMIT_BEFORE_GENERATION
			drain();
			STORE(WORD, generation);
#endif
			STORE(GENERATION(TO), generation);
#ifndef M_COMMIT_BEFORE_GENERATION
#ifndef M_COMMIT_UNORDERED
			drain(); /* the release of the commit */
#endif
			STORE(WORD, generation);
#endif
			sent++;
#ifndef EXCLUSIVE
			drain();
			owner = FREE
#endif
		od;
		ended[me] = 1
	} UNLESS_KILLED
}

proctype receiver(byte me)
{
	byte word, generation, first, second, reads, last;

	do
	:: reads == READS -> break
	:: reads < READS ->
		word = memory[WORD];
		if
		:: word <= last -> reads++ /* nothing new: it would sleep */
		:: else ->
			generation = memory[GENERATION(SLOT(word))];
			if
			:: generation == word ->
				first = memory[FIRST(SLOT(word))];
				second = memory[SECOND(SLOT(word))];
#ifdef M_NO_SECOND_LOOK
				generation = word
#else
				generation = memory[GENERATION(SLOT(word))]
#endif
			:: else
			fi;
			if
			:: generation == word ->
				assert(first == word && second == word);
				last = word;
				reads++
			:: else ->
				/* Not hidden: there is a newer one. */
				assert(memory[WORD] != word)
			fi;
			d_step { first = 0; second = 0; generation = 0 }
		fi;
		word = 0
	od;
	ended[me] = 1
}

#if CRASHES
active proctype killer()
{
	byte victim, cell;

end:	do
	:: atomic { crashes < CRASHES ->
		select(victim : 0 .. SENDERS - 1);
		if
		:: !dead[victim] && !ended[victim] ->
			crashes++;
			dead[victim] = 1;
			drain();
			if
			:: owner == victim -> owner = ABANDONED
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
		/* The value that was there. */
		memory[WORD] = 1;
		memory[GENERATION(SLOT(1))] = 1;
		memory[FIRST(SLOT(1))] = 1;
		memory[SECOND(SLOT(1))] = 1;
		p = 0;
		do
		:: p < SENDERS -> run sender(p); p++
		:: p >= SENDERS && p < PROCS -> run receiver(p); p++
		:: else -> break
		od
	}
}
