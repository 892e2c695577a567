/* SPDX-License-Identifier: MIT */
/*
 * The header of a message, as bytes in front of it (struct layout_meta), and as callers have it
 * (struct chan_meta).  Nothing here knows a channel: it works on any memory.
 *
 * Trust.  A peer may have written anything, and may go on writing: what is read is copied, then
 * checked, and then used.
 */
#ifndef CHAN_ENVELOPE_H
#define CHAN_ENVELOPE_H

#include "core/layout.h"
#include "shmchan.h"

#include <stddef.h>
#include <string.h>

/* Who sends, and by which monotonic clock; and what the wall clock is ahead of that, which is
 * looked up once in a while: two looks at clocks cost more than the rest of a header.  So for a
 * moment after the wall clock was set, messages say what it was before. */
struct envelope_sender {
	int32_t pid;
	uint32_t uid;
	uint32_t clock;
	int64_t ahead, looked;
};

/* Check what the caller gave (or NULL): 0, or -EINVAL and the detail. */
int envelope_check_given(const struct chan_meta *meta);

/* Check the structure that is to be filled: 0, or -EINVAL and the detail. */
int envelope_check_wanted(const struct chan_meta *ret);

/* Make an empty one, as far as its lengths say that it is anything: chan_meta_init() also clears
 * what nobody reads. */
static inline void envelope_blank(struct chan_meta *meta)
{
	memset(meta, 0, offsetof(struct chan_meta, reply_to));
	meta->size = sizeof(*meta);
	meta->reply_to[0] = 0;
}

/* Copy what the caller gave, which was checked, or make an empty one if that is NULL. */
static inline void envelope_copy(struct chan_meta *to, const struct chan_meta *from)
{
	if (!from) {
		envelope_blank(to);
		return;
	}
	memcpy(to, from, offsetof(struct chan_meta, reply_to));
	memcpy(to->reply_to, from->reply_to, strlen(from->reply_to) + 1);
	if (from->flags & CHAN_META_HAS_KEY)
		memcpy(to->key, from->key, from->key_length);
	memcpy(to->header, from->header, from->header_length);
}

/* Return the bytes that the header takes; `meta` was checked, or is NULL. */
uint32_t envelope_size(const struct chan_meta *meta);

/* Write it to `to`, as of now.  One thread at a time uses *who. */
void envelope_write(void *to, const struct chan_meta *meta, struct envelope_sender *who);

/* Find the header in front of `n` bytes, of which the message may be `most`: copy what has a
 * fixed size to *ret, and check all of it.  Returns 0 or -EBADMSG. */
int envelope_read(const void *from, uint64_t n, uint64_t most, struct layout_meta *ret);

/* Fill in what a caller sees, but for `seq` and `attempt`, from what envelope_read() gave.
 * `clock` is this process's.  Returns 0 or -EBADMSG. */
int envelope_show(
	const void *from, const struct layout_meta *fixed, uint32_t clock, struct chan_meta *ret);

/* Return when it is `delay` ns from now, as `due` says that. */
int64_t envelope_due(const struct layout_meta *fixed, uint32_t clock, int64_t delay);

/* Return for how long it must not be delivered yet, ns: 0 not at all; or -1 if its time is over
 * and nobody gets it any more. */
int64_t envelope_wait(const struct layout_meta *fixed, uint32_t clock);

#endif
