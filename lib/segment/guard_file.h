/* SPDX-License-Identifier: MIT */
/*
 * The file of a guard (core/guard.h): the chand of user UID shares its guard with those that
 * sleep in its channels in NAMES_DIR, under the name NAMES_GUARD and the number.
 *
 * The file is made whole and then linked, as a segment is.  Only its owner can write it; a
 * sleeper takes one only from the user to whom the channel belongs.  A killed chand leaves
 * its file behind, with words that say so, and the next one replaces it.
 *
 * A channel says which guard is its own by a mark: the number of the guard, mixed with the
 * number of the segment's file.  So neither a copy of a segment, nor a channel that a dead
 * chand watched, passes for one that is watched.
 */
#ifndef CHAN_GUARD_FILE_H
#define CHAN_GUARD_FILE_H

#include "base/names.h"
#include "core/guard.h"

struct guard_file {
	struct guard *guard; /* NULL: there is none */
	uint64_t dev, ino;   /* of the file that was linked */
	char path[NAMES_GUARD_SIZE];
};

/* Make a guard that the calling thread holds, and link its file in place of any other:
 * 0, or a negative errno. */
int guard_file_make(struct guard_file *ret, uid_t owner);

/* Release it, and remove the file unless another has its name. */
void guard_file_remove(struct guard_file *file);

/* Return the mark of the segment whose file has the number `ino`; never 0. */
uint64_t guard_mark(uint64_t id, uint64_t ino);

/*
 * Map the guard of that owner's chand, over view->page if that is not NULL, if it holds and
 * gives the segment `ino` this mark.  Returns 0, or
 *
 *   -ENOENT  there is no such guard
 *
 * or an error that may pass; *view is unchanged then.
 */
int guard_file_map(struct guard_view *view, uid_t owner, uint64_t ino, uint64_t mark);

void guard_file_unmap(struct guard_view *view);

#endif
