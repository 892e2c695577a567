/* SPDX-License-Identifier: MIT */
/* What can be changed of an open endpoint, and the rest that is no operation. */
#include "channel/call.h"
#include "channel/lanes.h"
#include "channel/wake.h"

int chan_list(int (*fn)(const char *name, void *arg), void *arg)
{
	error_forget();
	return segment_list(fn, arg);
}

int chan_set_overflow(chan_t *ch, unsigned overflow)
{
	struct chan *const *lane;
	uint32_t n;

	if (overflow > CHAN_DROP_OLDEST)
		return error_because(-EINVAL, "overflow: there is no policy %u", overflow);
	if (ch->kind->refuse_overflow(overflow))
		return error_because(-EINVAL, "overflow: %s", ch->kind->refuse_overflow(overflow));
	if (is_orphan(ch))
		return -ENOTCONN;
	lane = lanes_of(&ch, &n);
	for (uint32_t i = 0; i < n; i++)
		atomic_store_explicit(&lane[i]->overflow, overflow, memory_order_relaxed);
	return 0;
}

void chan_interrupt(chan_t *ch, int on)
{
	struct chan *const *lane;
	uint32_t n;

	atomic_store_explicit(&ch->interrupted, on != 0, memory_order_relaxed);
	lane = lanes_of(&ch, &n);
	for (uint32_t i = 0; i < n; i++)
		atomic_store_explicit(&lane[i]->interrupted, on != 0, memory_order_relaxed);
	calls_interrupt(ch, on != 0);
	if (!on || is_orphan(ch) || CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX)
		return; /* the reference takes locks */
	if (ch->segment.writable) {
		channel_wake_all(&ch->segment);
	} else {
		cond_nudge(&ch->control->not_empty);
		bell_ring(&ch->segment);
	}
}

const char *chan_version(void)
{
	return CHAN_VERSION;
}
