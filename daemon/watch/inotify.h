/* SPDX-License-Identifier: MIT */
/*
 * inotify(7) on segments, and on the directory in which they are.
 *
 * However often a segment is opened and closed, its events of one turn are reported at once:
 * nobody can keep the loop busy.
 */
#ifndef CHAND_INOTIFY_H
#define CHAND_INOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct inotify_segment {
	/* Events happened: `mask` has their kinds, and so many were IN_CLOSE_WRITE.  The
	 * segment may be removed here. */
	void (*happened)(struct inotify_segment *segment, uint32_t mask, unsigned closes);

	/* inotify.c */
	int wd;
	uint32_t pending; /* the kinds that have not been reported yet */
	unsigned closes;
	bool queued;
	struct inotify_segment *next;
};

struct inotify_reports {
	/* A file of that name has appeared in the directory. */
	void (*appeared)(const char *file);
	/* Events were lost. */
	void (*overflowed)(void);
};

/* Begin.  Returns 0, -ERROR_NO_INOTIFY, -ERROR_NO_WATCH, or another negative errno. */
int inotify_start(const struct inotify_reports *reports);

/* Report the events of the channel's segment from now on.  Returns 0, or
 *   -EEXIST            it is another name of a segment that is reported already
 *   -ERROR_NO_WATCH    the system has no further watch
 *   other              a negative errno */
int inotify_add(struct inotify_segment *segment, const char *name);
void inotify_remove(struct inotify_segment *segment);

/* Call fn() for each segment.  It may remove that segment, and no other. */
void inotify_each(void (*fn)(struct inotify_segment *segment));

#endif
