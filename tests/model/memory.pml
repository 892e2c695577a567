/* SPDX-License-Identifier: MIT */
/*
 * Memory with store buffers, and processes that die.
 *
 * A store goes to the buffer of its process, one place a cell, and becomes visible
 * at any later time, in any order among cells; a load sees the process's own
 * buffer first.  A full fence and an atomic read-modify-write empty the buffer.
 * That is weaker than x86 (TSO: stores become visible in their order), so what is
 * proved here holds there; and a fence left out between a store and a load is an
 * error that spin can find.
 *
 * A store that is followed by a fence before the process's next load is modelled
 * as visible at once (STORE_NOW): when it becomes visible is when it happens.
 *
 * The includer defines PROCS, and CELLS (up to 7).  `me` is the process.
 *
 * What a dead process (mortal.pml) has stored becomes visible: a processor doesn't forget.
 */

#include "mortal.pml"

typedef store_buffer {
	bit pending[CELLS];
	byte value[CELLS]
};

store_buffer buffer[PROCS];
byte memory[CELLS];

#define LOAD(cell) (buffer[me].pending[cell] -> buffer[me].value[cell] : memory[cell])

/* In a d_step. */
#define PUT(cell, x) buffer[me].value[cell] = x; buffer[me].pending[cell] = 1

#define STORE(cell, x) d_step { PUT(cell, x) }

#define STORE_NOW(cell, x) d_step { PUT(cell, x); drain(me) }

inline flush(p, cell)
{
	if
	:: buffer[p].pending[cell] ->
		memory[cell] = buffer[p].value[cell];
		buffer[p].pending[cell] = 0;
		buffer[p].value[cell] = 0
	:: else
	fi
}

inline drain(p)
{
	flush(p, 0);
#if CELLS > 1
	flush(p, 1);
#endif
#if CELLS > 2
	flush(p, 2);
#endif
#if CELLS > 3
	flush(p, 3);
#endif
#if CELLS > 4
	flush(p, 4);
#endif
#if CELLS > 5
	flush(p, 5);
#endif
#if CELLS > 6
	flush(p, 6);
#endif
}

inline fence()
{
	d_step {
		drain(me)
	}
}

/* The processor of p makes its stores visible, when it likes. */
proctype processor(byte p)
{
end:	do
	:: d_step { buffer[p].pending[0] -> flush(p, 0) }
#if CELLS > 1
	:: d_step { buffer[p].pending[1] -> flush(p, 1) }
#endif
#if CELLS > 2
	:: d_step { buffer[p].pending[2] -> flush(p, 2) }
#endif
#if CELLS > 3
	:: d_step { buffer[p].pending[3] -> flush(p, 3) }
#endif
#if CELLS > 4
	:: d_step { buffer[p].pending[4] -> flush(p, 4) }
#endif
#if CELLS > 5
	:: d_step { buffer[p].pending[5] -> flush(p, 5) }
#endif
#if CELLS > 6
	:: d_step { buffer[p].pending[6] -> flush(p, 6) }
#endif
	od
}
