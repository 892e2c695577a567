/* SPDX-License-Identifier: MIT */
/* The model is in watch.h. */
#include "channel/watch.h"

#include "channel/wake.h"

int channel_watch(struct chan *ch, unsigned what)
{
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!ch->segment.writable)
		return ch->segment.unwritable;
	for (uint32_t i = 0; i < ch->segment.geometry.lanes; i++) {
		struct layout_control *c = &segment_layout(&ch->segment, i)->control;

		if (what & WATCH_MORE)
			cond_arm_bell(&c->not_empty);
		if (what & WATCH_LESS)
			cond_arm_bell(&c->not_full);
	}
	channel_announced(ch, what & WATCH_LESS ? &ch->control->not_full : &ch->control->not_empty);
	return 0;
}
