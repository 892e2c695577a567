/* SPDX-License-Identifier: MIT */
/* inotify(7) on segments, and on the directory in which they are. */
#ifndef CHAND_INOTIFY_H
#define CHAND_INOTIFY_H

#include <stdint.h>

struct inotify_reports {
	/* This happened to the segment with that number. */
	void (*happened)(int wd, uint32_t mask);
	/* A file of that name has appeared in the directory. */
	void (*appeared)(const char *file);
	/* Events were lost. */
	void (*overflowed)(void);
	/* Some events have been reported; others have their turn before the next ones. */
	void (*paused)(void);
};

/* Begin.  Returns 0, -ERROR_NO_INOTIFY, -ERROR_NO_WATCH, or another negative errno. */
int inotify_start(const struct inotify_reports *reports);

/* Returns the number of the segment of this name, from now on; -ERROR_NO_WATCH or another
 * negative errno.  Another name of a file that is watched has the same number. */
int inotify_add(const char *name);
void inotify_remove(int wd);

#endif
