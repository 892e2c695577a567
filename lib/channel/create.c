/* SPDX-License-Identifier: MIT */
/* Creating a channel. */
#include "channel/create.h"

#include "bus/client.h"
#include "bus/reply.h"
#include "core/condvar.h"
#include "core/lock.h"
#include "core/thread.h"
#include "kind/delivery.h"
#include "kind/options.h"
#include "segment/claim.h"

#include <stdio.h>
#include <string.h>

static void forget_locks(void)
{
	thread_locks = 0; /* they are the parent's */
	thread_reservations = 0;
}

int channels_prepare(void)
{
	int err = descriptors_prepare(forget_locks);

	return err < 0 ? error_from(TRIED_AT_FORK, err) : 0;
}

struct ring ring_in(const struct segment *s)
{
	struct ring_end end = {.data = s->ring, .capacity = s->geometry.capacity};
	uint64_t fits = s->geometry.max_capacity ? ladder_smallest(&s->ladder) - RING_ALIGN -
							   sizeof(struct layout_record)
						 : UINT64_MAX;

	return (struct ring){
		.data = s->ring,
		.capacity = s->geometry.capacity,
		.tx = end,
		.rx = end,
		.ladder = s->geometry.max_capacity ? &s->ladder : NULL,
		.fetch = s->geometry.max_capacity && s->header.kind == CHAN_KIND_BROADCAST
				 ? segment_fetch
				 : NULL,
		.file = s,
		.max_message = s->geometry.max_message,
		.fits_always = fits < s->geometry.max_message ? fits : s->geometry.max_message,
		.control = &s->layout->control,
		.sets_aside = s->geometry.endpoints <= LAYOUT_ENDPOINTS_HEADED,
		.fresh = record_state(RECORD_READY, 0, 0),
		.subscribers = s->geometry.subscribers,
		.subscriber = (void *)((char *)s->layout + geometry_subscribers(&s->geometry)),
	};
}

static int init_lane(const struct segment *s)
{
	struct layout_control *c = &s->layout->control;
	struct ring ring = ring_in(s);
	int err = lock_init(&c->senders.lock);

	if (err == 0)
		err = lock_init(&c->receivers.lock);
	if (err == 0)
		err = cond_init(&c->not_empty);
	if (err == 0)
		err = cond_init(&c->not_full);
	if (err == 0 && !kind_of(s->header.kind)->write)
		ring_init(&ring);
	return err < 0 ? error_from(TRIED_MUTEX, err) : 0;
}

static int init_control(const struct segment *s)
{
	int err = 0;

	for (uint32_t i = 0; i < s->geometry.lanes && err == 0; i++) {
		struct segment lane = segment_of_lane(s, i);

		err = init_lane(&lane);
	}
	return err;
}

/* Make the segment and the channel in it: 0, or an error. */
static int make(struct segment *s, const struct chan_options *full, const struct geometry *geometry)
{
	int err = segment_begin(s);

	if (err == 0)
		err = segment_fill(s, full, geometry);
	if (err == 0)
		err = init_control(s);
	if (err == 0)
		err = segment_publish(s, full->mode);
	segment_close(s);
	return err;
}

/* Make it, unless another process is making it: then wait, as long as that can be expected
 * to last. */
static int make_or_await(
	struct segment *s, const struct chan_options *full, const struct geometry *geometry)
{
	int64_t deadline = clock_monotonic() + claim_patience(geometry_memory(geometry));
	struct descriptor claim = {.fd = -1};
	int err;

	do
		if (segment_there(&s->path)) /* before memory is spent */
			return -EEXIST;
	while (!claim_or_await(&claim, s->path.file, deadline));
	err = segment_there(&s->path) ? -EEXIST : make(s, full, geometry);
	claim_end(&claim);
	return err;
}

/* Make the name of the channel for dead messages UID/NAME, whose channel is at `path`: 0 or an
 * error. */
static int place_dead_letters(const struct segment_path *path, char place[LAYOUT_PLACE])
{
	struct segment_path dead;
	char given[LAYOUT_PLACE];
	int n, err;

	if (!place[0])
		return 0;
	memcpy(given, place, sizeof(given));
	err = segment_resolve(given, &dead);
	if (err < 0)
		return err;
	n = snprintf(place, LAYOUT_PLACE, "%u/%s",
		(unsigned)(strchr(given, '/') ? dead.owner : path->owner), segment_base(&dead));
	if (n >= (int)LAYOUT_PLACE)
		return error_because(-EINVAL, "dead_letter: is too long");
	err = segment_resolve(place, &dead);
	if (err == 0 && !strcmp(dead.file, path->file))
		err = error_because(-EINVAL, "dead_letter: is the channel itself");
	return err;
}

int channel_create(const struct segment_path *path, const struct chan_options *opt)
{
	struct segment s = {.own.fd = -1, .path = *path};
	struct chan_options full;
	struct geometry geometry;
	int before, err = options_resolve(opt, &full, &geometry);

	if (err == 0)
		err = place_dead_letters(path, full.dead_letter);
	if (err < 0)
		return err;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	if (path->foreign)
		err = prefer_reply(
			client_create(path->owner, segment_base(path), &full), -EPERM, path->owner);
	else
		err = make_or_await(&s, &full, &geometry);
	pthread_setcancelstate(before, &before);
	return err;
}

int chan_create(const char *name, const struct chan_options *opt)
{
	struct segment_path path;
	int err;

	error_forget();
	err = channels_prepare();
	if (err == 0)
		err = segment_resolve(name, &path);
	return err < 0 ? err : channel_create(&path, opt);
}
