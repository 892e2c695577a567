/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "segment/options.h"

#include "base/errors.h"
#include "core/ring.h"

#include <errno.h>
#include <inttypes.h>
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
		return error_because(-EINVAL,
			"size: is %u, not sizeof(struct chan_options), which is %zu here",
			opt->size, sizeof(*full));
	for (size_t i = sizeof(*full); i < opt->size; i++)
		if (((const char *)opt)[i])
			return error_because(-EINVAL,
				"size: byte %zu is an option that this version doesn't have", i);
	memcpy(full, opt, opt->size < sizeof(*full) ? opt->size : sizeof(*full));
	full->size = sizeof(*full);
	return 0;
}

static int resolve_sizes(struct chan_options *o)
{
	if (o->capacity > MAX_CAPACITY)
		return error_because(-EINVAL, "capacity: %" PRIu64 " is above %" PRIu64,
			o->capacity, MAX_CAPACITY);
	if (o->max_message > MAX_MESSAGE)
		return error_because(-EINVAL, "max_message: %" PRIu32 " is above %" PRIu32,
			o->max_message, MAX_MESSAGE);
	if (o->kind == CHAN_KIND_RENDEZVOUS) {
		if (o->capacity)
			return error_because(-EINVAL,
				"capacity: a rendezvous has none, and %" PRIu64 " is asked for",
				o->capacity);
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
	if (least_capacity(o->max_message) <= o->capacity)
		return 0;
	return error_of_size(-EINVAL, least_capacity(o->max_message),
		"max_message: a message of %" PRIu32 " bytes needs a capacity of %" PRIu64
		", and that is %" PRIu64,
		o->max_message, least_capacity(o->max_message), o->capacity);
}

#define FLAGS (uint32_t)(CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS)

/* All but the sizes. */
static int check_words(const struct chan_options *o)
{
	if (o->flags & ~FLAGS)
		return error_because(-EINVAL, "flags: 0x%" PRIx32 " are none", o->flags & ~FLAGS);
	if (o->kind > CHAN_KIND_RENDEZVOUS)
		return error_because(-EINVAL, "kind: there is no kind %" PRIu32, o->kind);
	if (o->overflow > CHAN_DROP_OLDEST)
		return error_because(-EINVAL, "overflow: there is no policy %" PRIu32, o->overflow);
	if (o->kind == CHAN_KIND_RENDEZVOUS && o->overflow == CHAN_DROP_OLDEST)
		return error_because(-EINVAL, "overflow: a rendezvous has nothing old to drop");
	if (o->lifetime > CHAN_REF)
		return error_because(
			-EINVAL, "lifetime: there is no lifetime %" PRIu32, o->lifetime);
	if (o->linger > INT64_MAX)
		return error_because(-EINVAL, "linger: is above INT64_MAX");
	if (o->linger && o->lifetime != CHAN_REF)
		return error_because(-EINVAL, "linger: is for CHAN_REF only");
	if (o->mode & ~(uint32_t)0666)
		return error_because(-EINVAL, "mode: 0%" PRIo32 " has bits outside 0666", o->mode);
	if (o->mode && (o->mode & 0600) != 0600)
		return error_because(-EINVAL,
			"mode: its owner could not use a channel of mode 0%" PRIo32
			"; 0600 must be in it, since receiving writes too",
			o->mode);
	if (o->endpoints > LAYOUT_ENDPOINTS_MAX)
		return error_because(-EINVAL, "endpoints: %" PRIu32 " are more than %u",
			o->endpoints, (unsigned)LAYOUT_ENDPOINTS_MAX);
	return 0;
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
	err = check_words(&o);
	if (err == 0)
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

/* One that is not as it is asked for; 0 asks for nothing. */
static bool differs(const char *what, uint64_t is, uint64_t wanted)
{
	if (!wanted || is == wanted)
		return false;
	error_because(-EEXIST, "%s: the channel has %" PRIu64 ", not %" PRIu64, what, is, wanted);
	return true;
}

void options_compare(const struct chan_options *opt, const struct chan_options *is)
{
	struct chan_options given, full;
	struct geometry g;

	if (!opt || copy(opt, &given) < 0 || options_resolve(opt, &full, &g) < 0)
		return;
	if (differs("kind", is->kind, full.kind) ||
		differs("capacity", is->capacity, given.capacity ? full.capacity : 0) ||
		differs("max_message", is->max_message, given.max_message) ||
		differs("overflow", is->overflow, given.overflow) ||
		differs("endpoints", is->endpoints, given.endpoints) ||
		differs("lifetime", is->lifetime, given.lifetime) ||
		differs("linger", is->linger, given.linger))
		return;
	if (full.flags & ~is->flags)
		error_because(
			-EEXIST, "flags: the channel lacks 0x%" PRIx32, full.flags & ~is->flags);
	else if (given.mode && given.mode != is->mode)
		error_because(-EEXIST, "mode: the channel has 0%03" PRIo32 ", not 0%03" PRIo32,
			is->mode, given.mode);
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
	int err;

	error_forget();
	err = options_resolve(opt, &full, &g);
	return err < 0 ? err : (int64_t)g.size;
}
