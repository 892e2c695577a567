/* SPDX-License-Identifier: MIT */
/* A dead letter: the header of a message that nobody could use, as it goes to the channel for
 * such messages. */
#ifndef CHAN_LETTER_H
#define CHAN_LETTER_H

#include "shmchan.h"

#include <stdio.h>

/* Make it of the message's header (or NULL), and add where the message was, how often it was
 * delivered there, and why it is dead.  What has no room is left out.  Nobody replies to it, and
 * it is not late any more. */
static inline void letter_make(struct chan_meta *letter, const struct chan_meta *meta,
	const char *from, uint32_t attempts, const char *reason)
{
	char number[16];

	chan_meta_init(letter);
	if (meta) {
		*letter = *meta;
		letter->flags &= ~(uint32_t)(CHAN_META_ONCE | CHAN_META_REPLY | CHAN_META_MORE |
					     CHAN_META_BROKEN);
		letter->flags |= CHAN_META_KEEP;
		letter->reply_to[0] = '\0';
		letter->ttl = letter->delay = 0;
	}
	snprintf(number, sizeof(number), "%u", (unsigned)attempts);
	chan_meta_put(letter, "reason", reason);
	chan_meta_put(letter, "from", from);
	chan_meta_put(letter, "attempts", number);
}

#endif
