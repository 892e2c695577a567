/* SPDX-License-Identifier: MIT */
/* The model is in watched.h. */
#include "channel/cover.h"

#include "channel/handle.h"
#include "channel/wake.h"
#include "segment/guard_file.h"

void channel_cover(struct chan *ch, uint64_t guard)
{
	uint64_t mark = guard_mark(guard, ch->segment.own.ino);

	for (uint32_t i = 0; ch->segment.writable && i < ch->segment.geometry.lanes; i++)
		atomic_store_explicit(&segment_layout(&ch->segment, i)->control.watched, mark,
			memory_order_release);
}

void channel_uncover(struct chan *ch, uint64_t guard)
{
	uint64_t mark = guard_mark(guard, ch->segment.own.ino);

	if (!ch->segment.writable)
		return;
	for (uint32_t i = 0; i < ch->segment.geometry.lanes; i++) {
		uint64_t ours = mark;

		/* It may be another chand's by now. */
		atomic_compare_exchange_strong_explicit(
			&segment_layout(&ch->segment, i)->control.watched, &ours, 0,
			memory_order_seq_cst, memory_order_relaxed);
	}
	channel_wake_all(&ch->segment);
}
