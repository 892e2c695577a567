/* SPDX-License-Identifier: MIT */
/*
 * A client that may write a segment may also cut it off (ftruncate), and who then
 * reads it behind its new end gets SIGBUS.  chand has it mapped: here that becomes
 * zeros, and chand goes on.  Who opens such a channel is told that it is damaged.
 */
#ifndef CHAND_CUTOFF_H
#define CHAND_CUTOFF_H

/* From now on, in all threads. */
int cutoff_survive(void);

#endif
