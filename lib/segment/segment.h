/* SPDX-License-Identifier: MIT */
/*
 * Segments: names, files, mappings.
 *
 * A segment is a POSIX shared memory object, `/shmchan.<uid>.<name>`.  It is made
 * without a name (O_TMPFILE in the directory that shm_open() uses), filled, and
 * then linked to its name: it appears complete or not at all, so a creator
 * killed at any instruction leaves nothing, and an opener never finds a
 * half-made one.  Its memory is allocated before that, so a full /dev/shm is an
 * error at creation, never a SIGBUS later.  It is never truncated.
 *
 * The header is read once, checked, and copied: later nothing in it is trusted.
 */
#ifndef CHAN_SEGMENT_H
#define CHAN_SEGMENT_H

#include "core/layout.h"
#include "segment/options.h"

#include <stdbool.h>
#include <sys/types.h>

struct segment {
	int fd; /* its own open file description: the endpoint's locks are on it */
	bool writable;
	struct layout_header header; /* the checked copy */
	struct geometry geometry;
	struct layout *layout;
	unsigned char *ring; /* capacity bytes, mapped twice in a row */
	size_t mapped;
};

/* Make a segment that has no name yet, and then its memory, which can take long:
 * the header is written but for the magic, the rest is zero. */
int segment_begin(struct segment *ret);
int segment_fill(struct segment *s, const struct chan_options *full, const struct geometry *g);

/* Give it its name and mode: from here on others can open it. */
int segment_publish(struct segment *s, const char *name, mode_t mode);

/* Open `name`; read-only if !write. */
int segment_open(struct segment *ret, const char *name, bool write);

/* A descriptor for it, to be handed to somebody. */
int segment_descriptor(const char *name, bool write);

/* The same as segment_open() with a descriptor from somebody else, which it
 * takes; the segment must be `owner`'s. */
int segment_adopt(struct segment *ret, int fd, uid_t owner);

/* Is it another user's? Then tell whose, and its name without that. */
bool segment_foreign(const char *name, uid_t *owner, const char **base);

/* Unmap and close; also of one that was never published. */
void segment_close(struct segment *s);

/* Does its name still lead to it? */
bool segment_named(const struct segment *s, const char *name);

int segment_remove(const char *name);
int segment_exists(const char *name);
int segment_list(int (*fn)(const char *name, void *arg), void *arg);

#endif
