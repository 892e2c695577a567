/* SPDX-License-Identifier: MIT */
/* The model is in collect.h. */
#include "channel/collect.h"

#include "channel/create.h"
#include "channel/remove.h"
#include "segment/endpoint.h"

/*
 * Return since when no endpoint is attached; the gate is closed.  If the last endpoint was
 * killed, the time starts now.  It also starts now if the value is of another time
 * namespace or lies in the future (on a restored machine): the channel then stays longer,
 * never shorter.
 */
static int64_t idle_since(struct layout_control *c, int64_t now)
{
	int64_t since = atomic_load_explicit(&c->idle_since, memory_order_relaxed);
	uint32_t clock = clock_namespace();

	if (since > 0 && since <= now &&
		atomic_load_explicit(&c->idle_clock, memory_order_relaxed) == clock)
		return since;
	/* If the process is killed between these stores, it is not known. */
	atomic_store_explicit(&c->idle_since, 0, memory_order_relaxed);
	atomic_store_explicit(&c->idle_clock, clock, memory_order_relaxed);
	atomic_store_explicit(&c->idle_since, now, memory_order_relaxed);
	return now;
}

/* Do as collect_now(), and also if nobody ever was attached, if `unused_too`. */
static bool collect(const struct segment *s, bool unused_too)
{
	struct layout_control *c = &s->layout->control;
	int64_t linger = (int64_t)s->header.linger;
	int64_t now = clock_monotonic();
	bool removed = false;

	if (s->header.lifetime != CHAN_REF || !s->writable ||
		(!unused_too && !(atomic_load_explicit(&c->state, memory_order_acquire) &
					(LAYOUT_HAD_SENDER | LAYOUT_HAD_RECEIVER))))
		return false;
	if (endpoint_close_gate(&s->own) < 0)
		return false;
	/* This process's user may have no right to remove it: then somebody else will. */
	if (now - idle_since(c, now) >= linger && segment_named(s))
		removed = segment_unlink(&s->path) == 0;
	if (removed)
		segment_end(s);
	endpoint_open_gate(&s->own);
	return removed;
}

bool collect_now(const struct segment *s)
{
	return collect(s, false);
}

bool channel_collect(struct chan *ch)
{
	return collect_now(&ch->segment);
}

int collect_at(const struct segment_path *path, bool unused_too)
{
	struct segment s = {.own.fd = -1, .path = *path};
	int before, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = segment_open(&s, true);
	if (err == 0) {
		err = collect(&s, unused_too);
		segment_close(&s);
	}
	pthread_setcancelstate(before, &before);
	return err;
}

int chan_collect(const char *name)
{
	struct segment_path path;
	int err;

	error_forget();
	err = channels_prepare();
	if (err == 0)
		err = segment_resolve(name, &path);
	return err < 0 ? err : collect_at(&path, false);
}
