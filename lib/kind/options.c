/* SPDX-License-Identifier: MIT */
#include "kind/options.h"

#include "base/errors.h"
#include "base/names.h"
#include "base/words.h"
#include "core/ring.h"
#include "kind/delivery.h"
#include "segment/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define DEFAULT_ENDPOINTS 256u
#define DEFAULT_GROUPS 16u
/* The maximum of an unbounded channel where /dev/shm has no limit. */
#define UNBOUNDED_WITHOUT_LIMIT (UINT64_C(1) << 36)

/* Copy the options that the caller's structure has; the others are 0.  Returns 0 or
 * -EINVAL. */
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

/* Return the most bytes of a message's header. */
static uint32_t header_most(const struct chan_options *o)
{
	return o->flags & CHAN_META ? LAYOUT_META_MOST : 0;
}

/* Fill in capacity and max_message, and check that they agree: 0 or -EINVAL. */
static int resolve_sizes(struct chan_options *o)
{
	uint32_t most = GEOMETRY_MESSAGE_MAX - header_most(o);
	int err;

	if (o->capacity > GEOMETRY_CAPACITY_MAX)
		return error_because(-EINVAL, "capacity: %" PRIu64 " is above %" PRIu64,
			o->capacity, GEOMETRY_CAPACITY_MAX);
	if (o->max_message > most)
		return error_because(-EINVAL, "max_message: %" PRIu32 " is above %" PRIu32,
			o->max_message, most);
	err = kind_of(o->kind)->resolve_sizes(o);
	if (err < 0)
		return err;
	o->capacity = geometry_pages(o->capacity);
	if (!o->max_message)
		o->max_message = o->capacity / 4 < most ? (uint32_t)(o->capacity / 4) : most;
	return 0;
}

/* Fill in how far the ring may grow, and check it: 0 or -EINVAL. */
static int resolve_growth(struct chan_options *o)
{
	uint64_t memory = segment_room_at_all();

	if (o->kind != CHAN_KIND_QUEUE && o->kind != CHAN_KIND_BROADCAST)
		return error_because(-EINVAL,
			"max_capacity: a %s does not grow, only a queue or a broadcast does",
			word(&words_kind, o->kind));
	if (o->max_capacity == CHAN_UNBOUNDED)
		o->max_capacity = memory ? memory / 2 : UNBOUNDED_WITHOUT_LIMIT;
	if (o->max_capacity > GEOMETRY_CAPACITY_MAX)
		return error_because(-EINVAL, "max_capacity: %" PRIu64 " is above %" PRIu64,
			o->max_capacity, GEOMETRY_CAPACITY_MAX);
	o->max_capacity = geometry_pages(o->max_capacity);
	if (o->max_capacity < o->capacity)
		return error_because(-EINVAL,
			"max_capacity: %" PRIu64 " is below the capacity, which is %" PRIu64,
			o->max_capacity, o->capacity);
	if (memory && o->max_capacity > memory)
		return error_because(-EINVAL,
			"max_capacity: %" PRIu64 " is more than /dev/shm has, which is %" PRIu64
			" bytes",
			o->max_capacity, memory);
	if (o->max_capacity == o->capacity)
		o->max_capacity = 0;
	return 0;
}

/* Check that the longest message fits into the ring of this geometry: 0 or -EINVAL. */
static int check_longest(const struct chan_options *o, const struct geometry *g)
{
	uint64_t least = ring_least_capacity(g->max_message), most = geometry_largest(g);
	const char *header = o->flags & CHAN_META ? " and its header need" : " needs";

	if (least <= most)
		return 0;
	if (g->max_capacity)
		return error_of_size(-EINVAL, least,
			"max_message: a message of %" PRIu32 " bytes%s a ring of %" PRIu64
			", and the largest that this channel grows to has %" PRIu64,
			o->max_message, header, least, most);
	return error_of_size(-EINVAL, least,
		"max_message: a message of %" PRIu32 " bytes%s a capacity of %" PRIu64
		", and that is %" PRIu64,
		o->max_message, header, least, most);
}

#define FLAGS                                                                                      \
	(uint32_t)(CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS | CHAN_FORBID_BLOCK | CHAN_META)

/* Check what is said of subscribers: 0 or -EINVAL. */
static int check_subscribers(const struct chan_options *o)
{
	bool forbids = o->flags & CHAN_FORBID_BLOCK;

	if (o->kind != CHAN_KIND_BROADCAST) {
		if (forbids || o->on_lag || o->patience || o->groups)
			return error_because(-EINVAL, "%s: is for a channel of kind broadcast only",
				forbids	      ? "flags: CHAN_FORBID_BLOCK"
				: o->on_lag   ? "on_lag"
				: o->patience ? "patience"
					      : "groups");
		return 0;
	}
	if (o->on_lag > CHAN_LAG_EVICT)
		return error_because(-EINVAL, "on_lag: there is no policy %" PRIu32, o->on_lag);
	if (forbids && o->on_lag == CHAN_LAG_BLOCK)
		return error_because(-EINVAL, "on_lag: block is what CHAN_FORBID_BLOCK forbids");
	if (o->patience > INT64_MAX)
		return error_because(-EINVAL, "patience: is above INT64_MAX");
	if ((o->on_lag == CHAN_LAG_EVICT) != (o->patience > 0))
		return error_because(-EINVAL, o->patience ? "patience: is for CHAN_LAG_EVICT only"
							  : "patience: CHAN_LAG_EVICT needs one");
	if (o->groups > LAYOUT_ENDPOINTS_MAX)
		return error_because(-EINVAL, "groups: %" PRIu32 " are more than %u", o->groups,
			(unsigned)LAYOUT_ENDPOINTS_MAX);
	return 0;
}

/* Check what is said of lanes: 0 or -EINVAL. */
static int check_lanes(const struct chan_options *o)
{
	bool by_priority = o->lane_by == CHAN_BY_PRIORITY;

	if (!o->lanes)
		return o->lane_by
			       ? error_because(-EINVAL, "lane_by: is for a channel with lanes only")
			       : 0;
	if (o->kind != CHAN_KIND_QUEUE)
		return error_because(-EINVAL, "lanes: a %s has none, only a queue has",
			word(&words_kind, o->kind));
	if (o->lane_by != CHAN_BY_KEY && !by_priority)
		return error_because(
			-EINVAL, "lane_by: lanes need to know by what, by key or by priority");
	if (by_priority ? o->lanes != LAYOUT_PRIORITIES
			: o->lanes < 2 || o->lanes > LAYOUT_LANES_MAX)
		return error_because(-EINVAL,
			by_priority ? "lanes: by priority there are 8, and %" PRIu32
				      " are asked for"
				    : "lanes: are 2 to 64, and %" PRIu32 " are asked for",
			o->lanes);
	if (o->max_capacity)
		return error_because(-EINVAL, "max_capacity: a channel with lanes does not grow");
	return 0;
}

/* Check the channel for dead messages: 0 or -EINVAL. */
static int check_dead_letter(const struct chan_options *o)
{
	if (!o->dead_letter[0])
		return 0;
	if (!name_valid_anywhere(o->dead_letter, sizeof(o->dead_letter)))
		return error_because(
			-EINVAL, "dead_letter: is no name of a channel, NAME or OWNER/NAME");
	if (o->kind != CHAN_KIND_QUEUE)
		return error_because(-EINVAL, "dead_letter: is for a queue, not for a %s",
			word(&words_kind, o->kind));
	return 0;
}

/* Check for how long ids are remembered: 0 or -EINVAL. */
static int check_dedup(const struct chan_options *o)
{
	if (o->dedup > LAYOUT_IDS_MAX)
		return error_because(-EINVAL, "dedup: %" PRIu32 " is above %u", o->dedup,
			(unsigned)LAYOUT_IDS_MAX);
	if (o->dedup && !(o->flags & CHAN_META))
		return error_because(-EINVAL,
			"dedup: is for messages with a header, where the id is: CHAN_META");
	if (o->dedup_age && !o->dedup)
		return error_because(-EINVAL, "dedup_age: is for a channel with dedup only");
	if (o->dedup_age > INT64_MAX)
		return error_because(-EINVAL, "dedup_age: is above INT64_MAX");
	return 0;
}

/* Check all options but the sizes: 0 or -EINVAL. */
static int check_words(const struct chan_options *o)
{
	const struct kind *kind = kind_of(o->kind);
	int err;

	if (o->flags & ~FLAGS)
		return error_because(
			-EINVAL, "flags: 0x%" PRIx32 " are no flags", o->flags & ~FLAGS);
	if (!kind)
		return error_because(-EINVAL, "kind: there is no kind %" PRIu32, o->kind);
	if (o->overflow > CHAN_DROP_OLDEST)
		return error_because(-EINVAL, "overflow: there is no policy %" PRIu32, o->overflow);
	if (kind->refuse_overflow(o->overflow))
		return error_because(-EINVAL, "overflow: %s", kind->refuse_overflow(o->overflow));
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
	if (o->flags & CHAN_META && o->endpoints > LAYOUT_ENDPOINTS_HEADED)
		return error_because(-EINVAL,
			"endpoints: %" PRIu32 " are more than %u, the most with CHAN_META",
			o->endpoints, (unsigned)LAYOUT_ENDPOINTS_HEADED);
	if (o->flags & CHAN_META && !kind->discard && !kind->subscribed)
		return error_because(-EINVAL,
			"flags: CHAN_META is for a queue and a broadcast only; a %s has no "
			"headers",
			word(&words_kind, o->kind));
	if (o->max_deliver && o->kind != CHAN_KIND_QUEUE)
		return error_because(-EINVAL, "max_deliver: is for a queue, not for a %s",
			word(&words_kind, o->kind));
	if (o->max_deliver >= RECORD_ATTEMPTS_MAX)
		return error_because(-EINVAL, "max_deliver: %" PRIu32 " is above %u",
			o->max_deliver, RECORD_ATTEMPTS_MAX - 1);
	err = check_lanes(o);
	if (err == 0)
		err = check_dead_letter(o);
	if (err == 0)
		err = check_dedup(o);
	return err < 0 ? err : check_subscribers(o);
}

int options_resolve(const struct chan_options *opt, struct chan_options *full, struct geometry *ret)
{
	struct chan_options o;
	struct geometry g;
	int err = copy(opt, &o);

	if (err < 0)
		return err;
	if (o.flags & CHAN_RENDEZVOUS) { /* the older way to ask for it */
		o.flags &= ~(uint32_t)CHAN_RENDEZVOUS;
		o.kind = CHAN_KIND_RENDEZVOUS;
	}
	if (o.lanes)
		o.flags |= CHAN_META;
	err = check_words(&o);
	if (err == 0)
		err = resolve_sizes(&o);
	if (err == 0 && o.max_capacity)
		err = resolve_growth(&o);
	if (err < 0)
		return err;
	if (!o.mode)
		o.mode = 0600;
	if (!o.endpoints)
		o.endpoints = DEFAULT_ENDPOINTS;
	if (o.kind == CHAN_KIND_BROADCAST) {
		if (!o.groups)
			o.groups = DEFAULT_GROUPS;
		if (!o.on_lag)
			o.on_lag = o.flags & CHAN_FORBID_BLOCK ? CHAN_LAG_LOSE : CHAN_LAG_BLOCK;
	}
	g = geometry_of(o.capacity, o.max_message + header_most(&o), o.endpoints,
		o.kind == CHAN_KIND_BROADCAST ? o.endpoints + o.groups : 0, o.dedup);
	if (o.max_capacity)
		geometry_grow(&g, o.max_capacity);
	if (o.lanes)
		geometry_split(&g, o.lanes);
	err = check_longest(&o, &g);
	if (err < 0)
		return err;
	*full = o;
	*ret = g;
	return 0;
}

/* Returns true if an option is not as it is asked for, and then sets the detail; 0 asks
 * for nothing. */
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
		differs("max_capacity", is->max_capacity,
			given.max_capacity && given.max_capacity != CHAN_UNBOUNDED
				? full.max_capacity
				: 0) ||
		differs("max_message", is->max_message, given.max_message) ||
		differs("overflow", is->overflow, given.overflow) ||
		differs("endpoints", is->endpoints, given.endpoints) ||
		differs("lifetime", is->lifetime, given.lifetime) ||
		differs("linger", is->linger, given.linger) ||
		differs("type", is->type, given.type) ||
		differs("on_lag", is->on_lag, given.on_lag) ||
		differs("patience", is->patience, given.patience) ||
		differs("groups", is->groups, given.groups) ||
		differs("lanes", is->lanes, given.lanes) ||
		differs("lane_by", is->lane_by, given.lane_by) ||
		differs("dedup", is->dedup, given.dedup) ||
		differs("max_deliver", is->max_deliver, given.max_deliver) ||
		differs("dedup_age", is->dedup_age, given.dedup_age))
		return;
	if (given.dead_letter[0] &&
		strcmp(name_base(given.dead_letter), name_base(is->dead_letter)) != 0) {
		error_because(-EEXIST, "dead_letter: the channel has '%s', not '%s'",
			is->dead_letter, given.dead_letter);
		return;
	}
	if (full.flags & ~is->flags)
		error_because(
			-EEXIST, "flags: the channel lacks 0x%" PRIx32, full.flags & ~is->flags);
	else if (given.mode && given.mode != is->mode)
		error_because(-EEXIST, "mode: the channel has 0%03" PRIo32 ", not 0%03" PRIo32,
			is->mode, given.mode);
}

int64_t chan_footprint(const struct chan_options *opt)
{
	struct chan_options full;
	struct geometry g;
	int err;

	error_forget();
	err = options_resolve(opt, &full, &g);
	return err < 0 ? err : (int64_t)geometry_memory(&g);
}
