/* SPDX-License-Identifier: MIT */
/*
 * Waiting: spin a little (spin.h), on a machine with several CPUs, then sleep in slices.
 *
 * Slices.  A process killed between its commit and its wake-up leaves a sleeper beside
 * work, one killed with a wake-up takes it along (condvar.h), and nobody announces a
 * peer's death.  So a sleeper looks again each second by itself.
 */
#include "channel/wait.h"

#include "channel/handle.h"
#include "channel/name.h"
#include "channel/wake.h"
#include "core/cpu.h"
#include "core/lock.h"

#define SLICE INT64_C(1000000000)

static bool interrupted(const struct chan *ch)
{
	return atomic_load_explicit(&ch->interrupted, memory_order_relaxed);
}

int channel_wait(struct chan *ch, const struct condition *what, struct limit *limit)
{
	int64_t deadline = limit_deadline(limit), now, end;
	struct waiter me;
	uint32_t key;
	int err = 0;

	if (deadline == DEADLINE_NOW)
		return channel_look_for_name(ch, clock_coarse()) ? 0 : -EAGAIN;
	if (what->spin && cpu_several() &&
		spin_until(what->spin, what->changed, ch, what->seen, what->lags))
		return 0;
	key = cond_arm(what->cond);
	channel_announced(ch);
	if (what->changed(ch, what->seen) || what->abandoned(ch))
		return 0;
	now = clock_monotonic();
	if (channel_look_for_name(ch, now))
		return 0;
	end = now + SLICE < deadline ? now + SLICE : deadline;
	if (now < deadline) {
		limit->slept = true;
		if (limit->waiting_since == 0)
			limit->waiting_since = now;
		waiters_add(&ch->waiters, &me, limit->waiting_since);
		/* Asked after arming: chan_interrupt() sets it and then moves
		 * the sequence on. */
		if (!interrupted(ch))
			err = cond_wait(what->cond, key, end);
		waiters_remove(&ch->waiters, &me);
		if (what->spin)
			spin_slept(what->spin, clock_monotonic() - now);
	}
	if (interrupted(ch))
		return -EINTR;
	/* A last look: the change may have come with the deadline. */
	if ((now >= deadline || (err == -ETIMEDOUT && end == deadline)) &&
		!what->changed(ch, what->seen))
		return -ETIMEDOUT;
	return 0;
}
