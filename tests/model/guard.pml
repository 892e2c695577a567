/* SPDX-License-Identifier: MIT */
/*
 * The guard: core/guard.h, as channel/watched.c and chand (daemon/watch) use it.
 *
 * A peer owes SLEEPERS sleepers a wake-up and is killed: between its commit and that
 * wake-up, or, with LEASE, with a message leased, which is ready again when the kernel
 * drops the peer's lock, a moment after it reports the close.  CHANDS chands run one after
 * the other; FIRST and SECOND say what becomes of them.  CRASHES: a sleeper is killed too.
 * Each death, and each order that a chand gets, comes between any two steps of all.  The
 * guard has WORDS words; sleeper s has word s mod WORDS.
 *
 * The condition variable is ideal here (wait.pml has the real one), and so is memory: what
 * passes between chand and the sleepers does so by full fences and system calls.
 *
 * That a sleeper first sleeps for a slice in any case is left out: it saves work, no more.
 *
 * Proved: whenever nothing moves any more, no sleeper that relies on the guard sleeps beside
 * work.  All others look by themselves after their slice.
 *
 * Mutations, each an error that has to be found, are the M_ below.
 */

#ifndef SLEEPERS
#define SLEEPERS 2
#endif
#ifndef WORDS
#define WORDS 1
#endif
#ifndef CHANDS
#define CHANDS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

/* What becomes of chand 1, and of chand 2 if there is one. */
#define LIVES 0
#define KILLED 1
#define WATCHES_NO_MORE 2 /* and lives */
#define ENDS 3		  /* in good order */
#define NEVER_WATCHES 4	  /* the channel, though its guard holds */
#ifndef FIRST
#define FIRST LIVES
#endif
#ifndef SECOND
#define SECOND LIVES
#endif

/* Slices that end before they have to. */
#ifndef EARLY
#define EARLY 1
#endif

/* ---- memory ---- */

bit moved[SLEEPERS]; /* the sequence, since the sleeper armed */
byte mark; /* `watched`, by the number of the chand */
bit committed;

/* The file of the guard, and the words: those of chand i begin at i * WORDS. */
byte file;
bit holds[(CHANDS + 1) * WORDS];

#define HOLDS(i, w) holds[(i) * WORDS + (w)]
#define WORD(s) ((s) % WORDS)

/* ---- the kernel ---- */

#define AWAKE 0
#define SHORT 1 /* for a slice, on the sequence */
#define LONG 2	/* on the sequence and on a word of the guard on[s] */

byte asleep[SLEEPERS];
byte on[SLEEPERS];
bit dead[SLEEPERS];
bit ended[SLEEPERS];

bit peer_dead, dropped; /* dropped: its locks, too */
byte watching;		/* the chand that gets events of the segment, 0 none */
bit closed;		/* such an event is there to be read */
bit killed[CHANDS + 1], gone[CHANDS + 1];
byte order[CHANDS + 1]; /* that a chand got */
byte early;

#ifdef LEASE
#define WORK dropped
#else
#define WORK committed
#endif

/* The sequence moves, and all that sleep on it are woken. */
inline broadcast()
{
	d_step {
		j = 0;
		do
		:: j < SLEEPERS -> moved[j] = 1; asleep[j] = AWAKE; j++
		:: else -> break
		od;
		j = 0
	}
}

#define IS_ON(s, i, w) (asleep[s] == LONG && on[s] == i && WORD(s) == w)

#define WAKE_IF_ON(s, i, w) \
	if \
	:: IS_ON(s, i, w) -> asleep[s] = AWAKE \
	:: else \
	fi

/* FUTEX_WAKE of all on a word. */
inline wake_all_on(i, w)
{
	d_step {
		WAKE_IF_ON(0, i, w);
#if SLEEPERS > 1
		WAKE_IF_ON(1, i, w);
#endif
#if SLEEPERS > 2
		WAKE_IF_ON(2, i, w);
#endif
		skip
	}
}

/* Another value in the word, and one of its sleepers is woken, any one: what the kernel does
 * for a robust mutex at its owner's end, and what unlocking one does, which the kernel
 * completes. */
inline let_go(i, w)
{
	atomic {
		if
		:: !HOLDS(i, w)
#ifdef M_NO_WAITERS
		:: else -> HOLDS(i, w) = 0
#else
		:: else -> HOLDS(i, w) = 0;
		if
		:: IS_ON(0, i, w) -> asleep[0] = AWAKE
#if SLEEPERS > 1
		:: IS_ON(1, i, w) -> asleep[1] = AWAKE
#endif
#if SLEEPERS > 2
		:: IS_ON(2, i, w) -> asleep[2] = AWAKE
#endif
		:: else
		fi
#endif
		fi
	}
}

/* The same for all words, one after the other. */
inline let_all_go(i)
{
	let_go(i, 0);
#if WORDS > 1
	let_go(i, 1)
#endif
}

/* The end of a chand: its robust mutexes, unless it has unlocked them. */
proctype reaper(byte i)
{
	killed[i];
	let_all_go(i)
}

/* ---- the peer ---- */

proctype peer()
{
	byte j;

#ifndef LEASE
	{
		committed = 1;
		broadcast()
	} unless { peer_dead }
#endif
#ifdef LEASE
	peer_dead;
	dropped = 1
#endif
}

/* ---- sleepers ---- */

inline pass_on(i)
{
#ifndef M_NO_PASS_ON
	wake_all_on(i, 0);
#if WORDS > 1
	wake_all_on(i, 1)
#endif
#else
	skip
#endif
}

inline look_for_mark()
{
	if
	:: mark != refused -> m = mark
	:: else
	fi
}

/* guard_file_map(): the guard that the mark means, and it holds. */
inline examine()
{
	d_step {
		if
		:: m == 0 || m == view
#ifdef M_ANY_FILE
		:: m != 0 && m != view && HOLDS(file, 0) && HOLDS(file, WORDS - 1) ->
			view = m; sleeps_on = file
#elif defined(M_ANY_VALUE)
		:: m != 0 && m != view && file == m -> view = m; sleeps_on = m
#else
		:: m != 0 && m != view && file == m && HOLDS(m, 0) && HOLDS(m, WORDS - 1) ->
			view = m; sleeps_on = m
#endif
		:: else -> refused = m; m = 0
		fi
	}
}

#ifdef M_ANY_VALUE
#define AS_SEEN 1
#else
#define AS_SEEN HOLDS(sleeps_on, WORD(me))
#endif

inline sleep()
{
	d_step {
		if
		:: !moved[me] && m == 0 -> asleep[me] = SHORT
		:: !moved[me] && m != 0 && AS_SEEN -> on[me] = sleeps_on; asleep[me] = LONG
		:: else
		fi
	};
	if
	:: asleep[me] == AWAKE
	:: d_step { asleep[me] == SHORT && early < EARLY -> early++; asleep[me] = AWAKE }
	fi;
	on[me] = 0
}

proctype sleeper(byte me)
{
	byte m, view, refused, sleeps_on, j;

	{
		do
		:: true ->
#ifdef M_MARK_BEFORE_ARMING
			look_for_mark();
#endif
			moved[me] = 0; /* it arms */
			if
			:: WORK -> break
			:: else
			fi;
#ifndef M_MARK_BEFORE_ARMING
			look_for_mark();
#endif
			examine();
			sleep();
			if
			:: m != 0 && !HOLDS(sleeps_on, WORD(me)) ->
				pass_on(sleeps_on);
				d_step { refused = m; view = 0; sleeps_on = 0 }
			:: else
			fi;
			m = 0
		od;
		ended[me] = 1
	} unless { dead[me] }
}

/* ---- chand ---- */

inline begin_to_watch()
{
#ifdef M_WAKE_BEFORE_WATCH
	broadcast();
	watching = me;
#else
	watching = me;
#ifndef M_NO_FIRST_WAKES
	broadcast();
#endif
#endif
	mark = me
}

inline watch_no_more()
{
#ifdef M_CLEAR_AFTER_WAKE
	watching = 0;
	broadcast();
	mark = 0
#else
	d_step {
		if
		:: mark == me -> mark = 0
		:: else
		fi
	}
#ifndef M_NO_LAST_WAKE
	broadcast();
#endif
	watching = 0
#endif
}

/* guard_release() */
inline release()
{
#ifdef M_SILENT_RELEASE
	HOLDS(me, 0) = 0
#else
	let_all_go(me);
	pass_on(me)
#endif
}

proctype chand(byte me)
{
	byte j;
	bit later;

	gone[me - 1];
	{
		d_step {
			HOLDS(me, 0) = 1;
			HOLDS(me, WORDS - 1) = 1
		}
		file = me;
		if
		:: me == 2 && SECOND == NEVER_WATCHES -> false
		:: else
		fi;
		begin_to_watch();
#if !defined(M_WAKE_BEFORE_WATCH) && !defined(M_NO_FIRST_WAKES)
		later = 1;
#endif
		do
		:: closed ->
			d_step { closed = 0; later = 1 }
			broadcast()
#ifndef M_NO_SECOND_WAKE
		:: later && (dropped || !peer_dead) ->
			later = 0;
			broadcast()
#endif
		:: order[me] == WATCHES_NO_MORE && mark == me -> watch_no_more()
		:: order[me] == ENDS ->
			release();
			d_step { watching = 0; gone[me] = 1 }
			break
		od
	} unless { killed[me] }
}

/* ---- what happens, each at any time ---- */

proctype kill_peer()
{
	d_step {
		peer_dead = 1;
#ifndef LEASE
		dropped = 1;
#endif
		closed = (watching != 0)
	}
}

proctype kill_chand(byte i)
{
	d_step {
		gone[i - 1] && !gone[i] ->
		killed[i] = 1;
		gone[i] = 1;
		if
		:: watching == i -> watching = 0; closed = 0
		:: else
		fi
	}
}

proctype give_order(byte i, what)
{
	d_step { !gone[i] -> order[i] = what }
}

#if CRASHES
proctype kill_sleeper(byte s)
{
	d_step {
		!ended[s] ->
		dead[s] = 1;
		asleep[s] = AWAKE
	}
}
#endif

/* ---- what has to hold when nothing moves ---- */

#define AT_REST(s) (s >= SLEEPERS || dead[s] || ended[s] || asleep[s] != AWAKE)
#define FORGOTTEN(s) (s < SLEEPERS && asleep[s] == LONG && WORK)

proctype observer()
{
	byte i;

end:	do
	:: atomic { timeout ->
		assert(AT_REST(0) && AT_REST(1) && AT_REST(2));
		assert(!FORGOTTEN(0) && !FORGOTTEN(1) && !FORGOTTEN(2));
		i = 0;
		do
		:: i < SLEEPERS ->
			if
			:: asleep[i] == SHORT -> asleep[i] = AWAKE
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0 }
	od
}

init
{
	byte i;

	atomic {
		gone[0] = 1;
		for (i : 0 .. SLEEPERS - 1) {
			run sleeper(i)
		}
		for (i : 1 .. CHANDS) {
			run chand(i);
			run reaper(i)
		}
		i = 0;
		run peer();
		run kill_peer();
		if
		:: FIRST == KILLED -> run kill_chand(1)
		:: FIRST == WATCHES_NO_MORE || FIRST == ENDS -> run give_order(1, FIRST)
		:: else
		fi;
#if CHANDS > 1
		if
		:: SECOND == KILLED -> run kill_chand(2)
		:: SECOND == WATCHES_NO_MORE || SECOND == ENDS -> run give_order(2, SECOND)
		:: else
		fi;
#endif
#if CRASHES
		run kill_sleeper(0);
#endif
		run observer()
	}
}
