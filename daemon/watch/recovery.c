/* SPDX-License-Identifier: MIT */
/* The model is in recovery.h. */
#include "watch/recovery.h"

#include "base/container.h"

static void run(struct work *work)
{
	struct recovery *r = container_of(work, struct recovery, work);

	r->result = chan_recover(r->observer);
}

static void done(struct work *work);

static void begin(struct recovery *r)
{
	r->running = true;
	r->work = (struct work){.run = run, .done = done};
	work_start(&r->work);
}

static void done(struct work *work)
{
	struct recovery *r = container_of(work, struct recovery, work);
	int result = r->result;

	r->running = false;
	if (r->again) {
		r->again = false;
		begin(r);
	}
	r->done(r, result);
}

void recovery_start(struct recovery *r)
{
	if (r->running)
		r->again = true;
	else
		begin(r);
}

bool recovery_cancel(struct recovery *r)
{
	r->again = false;
	return r->running;
}
