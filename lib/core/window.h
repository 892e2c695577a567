/* SPDX-License-Identifier: MIT */
/*
 * Looking without a lock at a ring whose rungs may lose their memory meanwhile.
 *
 * A rung that nobody stands in has its memory given back.  Whoever looks without a lock may
 * still be about to read it.  What it then reads is void, as what was overwritten is, and it
 * finds that out afterwards.  But a mapping must not be touched where there is no memory: the
 * kernel would take some again, of which nobody knows, or send SIGBUS if there is none.  To
 * read the file does neither.  So whoever may be passed reads all rungs but the first from the
 * file, a window at a time.
 */
#ifndef CHAN_WINDOW_H
#define CHAN_WINDOW_H

#include "core/ring.h"

/* What a look costs less with: as much as is read at once. */
#define WINDOW_SIZE (64u << 10)

struct ring_window {
	uint64_t from, end; /* the positions of what is in it */
	size_t size;	    /* of `bytes` */
	unsigned char *bytes;
};

/* Returns true if that end stands where memory may be given back. */
static inline bool window_needed(const struct ring *r, const struct ring_end *end)
{
	return r->fetch && end->rung != 0;
}

/* Copy `n` bytes from `pos` on, which is in the lap of `end`, where window_needed(). */
void window_copy(
	const struct ring *r, const struct ring_end *end, uint64_t pos, void *to, size_t n);

/* Do as ring_read() where window_needed(), if the ring has a window: it->record is in that.
 * Whether it is good has to be asked afterwards. */
int window_read(struct ring *r, uint64_t pos, struct ring_item *it) OUT_OF_LINE;

/* Copy the bytes of the item that window_read() found. */
void window_copy_out(const struct ring *r, const struct ring_item *it, void *to);

#endif
