/* SPDX-License-Identifier: MIT */
/* Noticing that the channel's name is gone.  The model is in remove.c. */
#include "channel/name.h"

#include "channel/close.h"

#include <sys/stat.h>

#define NAME_EVERY INT64_C(1000000000)

/* With one of these bits, nothing is left to notice. */
#define NOTHING_TO_NOTICE (LAYOUT_ENDED | LAYOUT_UNLINKED)

/* Returns true if the kernel says that no name leads to the file. */
static bool nameless(const struct segment *s)
{
	struct stat st;

	return descriptor_ours(&s->own) && fstat(s->own.fd, &st) == 0 && st.st_nlink == 0;
}

bool channel_notice(struct chan *ch)
{
	if (channel_state(ch) & NOTHING_TO_NOTICE || !nameless(&ch->segment))
		return false;
	if (!ch->segment.writable) { /* it can't say so: see value.h */
		atomic_store_explicit(&ch->nameless, LAYOUT_REMOVED, memory_order_relaxed);
		return true;
	}
	channel_end(&ch->segment, LAYOUT_REMOVED);
	return true;
}

bool channel_look_for_name(struct chan *ch, int64_t now)
{
	if (now - atomic_load_explicit(&ch->name_seen, memory_order_relaxed) < NAME_EVERY)
		return false;
	atomic_store_explicit(&ch->name_seen, now, memory_order_relaxed);
	return channel_notice(ch);
}
