/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "segment/options.h"

#include "core/ring.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CAPACITY (UINT64_C(1) << 20)
#define DEFAULT_RENDEZVOUS_MESSAGE (64u << 10)
#define DEFAULT_ENDPOINTS 256u
#define MAX_CAPACITY (UINT64_C(1) << 46)
#define MAX_MESSAGE (UINT32_C(1) << 31)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* What a ring must hold for the longest message to pass: it and the next seq. */
static uint64_t least_capacity(uint64_t max_message)
{
	return ring_size(max_message) + RING_ALIGN;
}

/* Copy what the caller knows of the structure; what it doesn't is zero. */
static int copy(const struct chan_options *opt, struct chan_options *full)
{
	memset(full, 0, sizeof(*full));
	full->size = sizeof(*full);
	if (!opt)
		return 0;
	if (opt->size < offsetof(struct chan_options, max_message) || opt->size > 4096)
		return -EINVAL;
	for (size_t i = sizeof(*full); i < opt->size; i++)
		if (((const char *)opt)[i])
			return -EINVAL;
	memcpy(full, opt, opt->size < sizeof(*full) ? opt->size : sizeof(*full));
	full->size = sizeof(*full);
	return 0;
}

static int resolve_sizes(struct chan_options *o)
{
	if (o->capacity > MAX_CAPACITY || o->max_message > MAX_MESSAGE)
		return -EINVAL;
	if (o->kind == CHAN_KIND_RENDEZVOUS) {
		if (o->capacity)
			return -EINVAL;
		if (!o->max_message)
			o->max_message = DEFAULT_RENDEZVOUS_MESSAGE;
		o->capacity = 2 * least_capacity(o->max_message);
	}
	if (!o->capacity) {
		o->capacity = DEFAULT_CAPACITY;
		if (o->capacity < 2 * least_capacity(o->max_message))
			o->capacity = 2 * least_capacity(o->max_message);
	}
	o->capacity = round_up(o->capacity, page_size());
	if (!o->max_message)
		o->max_message =
			o->capacity / 4 < MAX_MESSAGE ? (uint32_t)(o->capacity / 4) : MAX_MESSAGE;
	return least_capacity(o->max_message) <= o->capacity ? 0 : -EINVAL;
}

int options_resolve(const struct chan_options *opt, struct chan_options *full, struct geometry *ret)
{
	struct chan_options o;
	int err = copy(opt, &o);

	if (err < 0)
		return err;
	if (o.flags & CHAN_RENDEZVOUS) {
		o.flags &= ~(uint32_t)CHAN_RENDEZVOUS;
		o.kind = CHAN_KIND_RENDEZVOUS;
	}
	if (o.flags & ~(uint32_t)(CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS) ||
		o.overflow > CHAN_DROP_OLDEST || o.lifetime > CHAN_REF ||
		o.kind > CHAN_KIND_RENDEZVOUS ||
		o.mode & ~(uint32_t)0666 || o.endpoints > LAYOUT_ENDPOINTS_MAX ||
		o.linger > INT64_MAX || (o.linger && o.lifetime != CHAN_REF) ||
		(o.kind == CHAN_KIND_RENDEZVOUS && o.overflow == CHAN_DROP_OLDEST))
		return -EINVAL;
	err = resolve_sizes(&o);
	if (err < 0)
		return err;
	if (!o.mode)
		o.mode = 0600;
	if (!o.endpoints)
		o.endpoints = DEFAULT_ENDPOINTS;
	*full = o;
	ret->capacity = o.capacity;
	ret->max_message = o.max_message;
	ret->endpoints = o.endpoints;
	ret->ring_offset = round_up(
		LAYOUT_TABLE_OFFSET + (uint64_t)o.endpoints * sizeof(struct layout_endpoint),
		page_size());
	ret->size = ret->ring_offset + ret->capacity;
	return 0;
}

int options_check(const struct geometry *g)
{
	uint64_t page = page_size();

	return g->capacity && g->capacity <= MAX_CAPACITY + page && g->capacity % page == 0 &&
			       g->ring_offset % page == 0 && g->endpoints &&
			       g->endpoints <= LAYOUT_ENDPOINTS_MAX &&
			       g->ring_offset >= LAYOUT_TABLE_OFFSET +
							 (uint64_t)g->endpoints *
								 sizeof(struct layout_endpoint) &&
			       g->ring_offset <= UINT64_C(1) << 30 &&
			       g->size == g->ring_offset + g->capacity &&
			       g->max_message <= MAX_MESSAGE &&
			       least_capacity(g->max_message) <= g->capacity
		       ? 0
		       : -EBADMSG;
}

int64_t chan_footprint(const struct chan_options *opt)
{
	struct chan_options full;
	struct geometry g;
	int err = options_resolve(opt, &full, &g);

	return err < 0 ? err : (int64_t)g.size;
}
