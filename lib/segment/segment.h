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

#include "base/descriptor.h"
#include "base/names.h"
#include "core/layout.h"
#include "segment/geometry.h"

#include "shmchan.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where a channel's name leads.  A name is resolved once, at the beginning, because what
 * it means changes with the process's user and the user database. */
struct segment_path {
	uid_t owner;
	bool foreign; /* NAME is another user's */
	char file[sizeof(NAMES_DIR "/") + NAMES_FILE_SIZE];
};

struct segment {
	/* Its own open file description: the endpoint's locks are on it. */
	struct descriptor own;
	struct segment_path path;
	bool writable;
	int unwritable;		     /* if not: the error of a call that has to write */
	struct layout_header header; /* the checked copy */
	struct geometry geometry;
	struct layout *layout;
	unsigned char *ring; /* capacity bytes, mapped twice in a row */
	size_t mapped;
};

int segment_resolve(const char *name, struct segment_path *ret);

/* The path's NAME, without OWNER/. */
const char *segment_base(const struct segment_path *path);

/*
 * Make a segment that has no name yet, then take its memory, which can take long,
 * and write the header but for the magic; the rest is zero.  s->path is where it
 * will be.  -EEXIST: another process made it while there was no room.
 */
int segment_begin(struct segment *s);
int segment_fill(struct segment *s, const struct chan_options *full, const struct geometry *g);

/* Give it its name and mode: from here on others can open it. */
int segment_publish(struct segment *s, mode_t mode);

/* Open s->path; read-only if !write.  s->own.orphan is the caller's. */
int segment_open(struct segment *s, bool write);

/* The same with a descriptor that another process handed over, which is s->own already.
 * The segment must belong to the owner that s->path names. */
int segment_adopt(struct segment *s);

/* Open a descriptor for it, to hand it to another process. */
int segment_descriptor(const char *name, bool write);

/* Unmap and close it, even if it was never published. */
void segment_close(struct segment *s);

/* Does its path still lead to it? */
bool segment_named(const struct segment *s);

int segment_unlink(const struct segment_path *path);
bool segment_there(const struct segment_path *path);
int segment_exists(const char *name);
int segment_list(int (*fn)(const char *name, void *arg), void *arg);

#endif
