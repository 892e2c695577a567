/* SPDX-License-Identifier: MIT */
/*
 * Processes that die, between any two steps.
 *
 * A dead process takes no more steps: MORTAL { ... } UNLESS_KILLED.  The includer, which
 * defines PROCS, says what the kernel does.  `me` is the process.  UNDISTURBED is for steps
 * that no other process can tell from one: of which at most one touches what others read
 * without the lock that is held meanwhile (taking a lock can be put off to the step after
 * it, leaving one can be drawn to the step before).  A death can tell them apart, though.
 */

#if CRASHES
#define MORTAL
#define UNLESS_KILLED unless { dead[me] }
#define UNDISTURBED
#else
#define MORTAL
#define UNLESS_KILLED
#define UNDISTURBED atomic
#endif

bit dead[PROCS];
