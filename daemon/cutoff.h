/* SPDX-License-Identifier: MIT */
/*
 * A client that may write a segment may also cut it off (ftruncate), and a process that
 * then reads it behind its new end gets SIGBUS.  chand has the segment mapped: it reads
 * zeros there instead, and goes on.  Whoever opens such a channel learns that it is
 * damaged.
 */
#ifndef CHAND_CUTOFF_H
#define CHAND_CUTOFF_H

/* Survive that from now on, in all threads. */
int cutoff_survive(void);

#endif
