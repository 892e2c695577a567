/* SPDX-License-Identifier: MIT */
/*
 * The bell of a segment: how those learn of a change that sleep elsewhere than on its words,
 * in epoll(7) for example.
 *
 * To ring is to read a byte of the segment's file, and the one that listens has asked
 * inotify(7) for IN_ACCESS.  So the right to open the channel is the right to ring, nothing
 * has a name that others could take or that a killed process could leave behind, and one
 * ring reaches all that listen, whatever their number.  The kernel rings by itself when an
 * endpoint's file is closed (IN_CLOSE_WRITE), which is the last that happens to a killed
 * process: a peer that dies between its change and its ring delays nobody.
 */
#ifndef CHAN_BELL_H
#define CHAN_BELL_H

#include "base/compiler.h"
#include "segment/segment.h"

#include <sys/inotify.h>

/* What the one that listens asks for: the ring; the end of an endpoint; the end of a name
 * (IN_ATTRIB: the file's link count changes). */
#define BELL_EVENTS (IN_ACCESS | IN_CLOSE_WRITE | IN_ATTRIB)

/* What was heard. */
struct bell_heard {
	bool named;  /* the file's names may have changed */
	bool opened; /* the file was opened: only if the one that listens also asked for that */
	bool closed; /* an endpoint's file was closed, or events were lost */
};

/* Ring for all that listen.  Returns false if that can't be done, as in a program that
 * closed the endpoint's descriptor.  Async-signal-safe. */
bool bell_ring(const struct segment *s) OUT_OF_LINE;

/* Make a descriptor that listens to nothing yet: 0 or an error with its detail. */
int bell_open(struct descriptor *d);

/* Listen to the segment's bell on `d`: the number of the watch, the same for each call with
 * this segment's file, or an error with its detail.  bell_listen() then rings it. */
int bell_watch(const struct descriptor *d, const struct segment *s);
int bell_listen(const struct descriptor *d, const struct segment *s);

/* Do as bell_watch(), but hear only that an endpoint's file was closed. */
int bell_watch_ends(const struct descriptor *d, const struct segment *s);

/* Stop to listen to that watch. */
void bell_ignore(const struct descriptor *d, int watch);

/* Take out what was heard on `d`, so that it is not readable until the next ring; call
 * `heard` for each watch that heard anything, and with -1 if events were lost: any watch may
 * have. */
void bell_hear(const struct descriptor *d,
	void (*heard)(int watch, struct bell_heard what, void *arg), void *arg);

#endif
