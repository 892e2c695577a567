/* SPDX-License-Identifier: MIT */
/*
 * Segments: names, files, mappings.
 *
 * A segment is a POSIX shared memory object, `/shmchan.<uid>.<name>`.  It is made
 * without a name (O_TMPFILE in the directory that shm_open() uses), filled, and
 * then linked to its name.  So it appears complete or not at all: a creator that is
 * killed at any instruction leaves nothing behind, and an opener never finds a part
 * of a segment.  Its memory is allocated before that, so a full /dev/shm is an
 * error at creation, never a SIGBUS later.  It is never truncated.
 *
 * The header is read once, checked, and copied.  What it contains later is not trusted.
 */
#ifndef CHAN_SEGMENT_H
#define CHAN_SEGMENT_H

#include "base/descriptor.h"
#include "base/names.h"
#include "core/ladder.h"
#include "segment/geometry.h"

#include "shmchan.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where a channel's name leads.  A name is resolved once, at the beginning, because its
 * meaning changes with the process's user and with the user database. */
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
	int unwritable;		     /* if not writable: the error of a call that has to write */
	struct layout_header header; /* the checked copy */
	struct geometry geometry;
	struct layout *layout;
	unsigned char *ring;  /* capacity bytes, mapped twice in a row; then the other rungs */
	struct ladder ladder; /* of a ring that may grow; else it has one rung */
	size_t mapped;
};

/* Return the layout of lane `i`; its ring follows, as that of the first. */
static inline struct layout *segment_layout(const struct segment *s, uint32_t i)
{
	/* Each lane's ring is mapped twice. */
	return (struct layout *)(void *)((char *)s->layout + i * (geometry_lane(&s->geometry, 1) +
									 s->geometry.capacity));
}

/* Return a view of lane `i` as if it were a segment by itself.  It is not closed. */
struct segment segment_of_lane(const struct segment *s, uint32_t i);

/*
 * Find out where the name NAME or OWNER/NAME leads.  Returns 0, or
 *
 *   -EINVAL  it is no name of a channel
 *   -ESRCH   there is no user OWNER that this process can find
 *   -EMFILE, -ENFILE, -ENOMEM  the user database could not be read
 */
int segment_resolve(const char *name, struct segment_path *ret);

/* Return the path's NAME, without OWNER/. */
const char *segment_base(const struct segment_path *path);

/* The functions below return 0, or an error of error_from() with its detail, and those
 * that are listed. */

/* Make a segment that has no name yet; s->path is where it will be.  If the process is
 * killed before segment_publish() has linked it, nothing stays. */
int segment_begin(struct segment *s);

/*
 * Take the memory of that segment, which can take long, and write the header but for the
 * magic; the rest is zero.
 *
 *   -EEXIST  another process made the channel while there was no room
 */
int segment_fill(struct segment *s, const struct chan_options *full, const struct geometry *g);

/* Give it its name and mode: from here on others can open it. */
int segment_publish(struct segment *s, mode_t mode);

/*
 * Open the segment of s->path, read-only if !write, and map it.  s->own.orphan is the
 * caller's.
 *
 *   -EPERM            the file is no segment, or belongs to another user than s->path says
 *   -EBADMSG          its header makes no sense
 *   -EPROTONOSUPPORT  another version made it
 *   -EPROTOTYPE       it was made for another libc, word size or condition variable
 *   -EXDEV            it was made in another PID namespace
 */
int segment_open(struct segment *s, bool write);

/* Do the same with a descriptor that another process handed over, which is s->own
 * already.  On failure it is closed. */
int segment_adopt(struct segment *s);

/* Open a descriptor for the segment, to hand it to another process: its number, or an
 * error.  The caller closes it. */
int segment_descriptor(const char *name, bool write);

/* Take the memory of a rung, other than the first, in [from, to), whole pages, and map it into
 * this process: 0 or an error, and then there is none.
 *
 *   -ENOSPC, -EDQUOT, -EFBIG
 */
int segment_take_rung(const struct segment *s, unsigned rung, uint64_t from, uint64_t to);

/* Give all of it back to the system. */
void segment_give_rung(const struct segment *s, unsigned rung);

/* Read `n` bytes of the rings' part of the file, from `offset` on, of a struct segment: false
 * if the program closed its descriptor.  Where there is no memory this reads zeros, and takes
 * none, as a look at the mapping would. */
bool segment_fetch(const void *segment, uint64_t offset, void *to, size_t n);

/* Return the bytes of memory that the segment has now, 0 if that is not known. */
uint64_t segment_memory(const struct segment *s);

/* Return the size of the file system of segments, 0 if it has no limit. */
uint64_t segment_room_at_all(void);

/* Unmap and close it, even if it was never published. */
void segment_close(struct segment *s);

/* Returns true if its path still leads to it. */
bool segment_named(const struct segment *s);

/* Remove the path's name. */
int segment_unlink(const struct segment_path *path);

/* Returns true if something has the path's name. */
bool segment_there(const struct segment_path *path);

/* Find out whether something has the name: 0 if so, -ENOENT if not, or another error. */
int segment_exists(const char *name);

/* Call `fn` for the name of each channel in NAMES_DIR, until it returns other than 0, which
 * is then returned. */
int segment_list(int (*fn)(const char *name, void *arg), void *arg);

#endif
