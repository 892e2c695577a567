/* SPDX-License-Identifier: MIT */
/* Opening a channel, and creating it if that is asked for. */
#include "base/words.h"
#include "bus/client.h"
#include "bus/reply.h"
#include "channel/attach.h"
#include "channel/collect.h"
#include "channel/create.h"
#include "channel/detach.h"
#include "channel/remove.h"
#include "channel/sender.h"
#include "channel/steal.h"
#include "channel/subscriber.h"
#include "channel/wake.h"
#include "kind/options.h"
#include "segment/endpoint.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define OPEN_TRIES 1000
/* When senders that were at work know of a new reader, ns: LOOK_EVERY and a few ticks of the
 * clock later. */
#define KNOWN_AFTER INT64_C(50000000)

static void sleep_1ms(void)
{
	struct timespec ms = {.tv_nsec = 1000000};
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	nanosleep(&ms, NULL);
	pthread_setcancelstate(before, &before);
}

/* Ask chand to open the segment after this process failed to, with `err`: 0, or an
 * error. */
static int open_through_chand(struct chan *ch, int err)
{
	struct segment *s = &ch->segment;
	int reply;

	if (!s->path.foreign)
		return err;
	reply = client_open(&s->own, s->path.owner, segment_base(&s->path), ch->roles);
	return reply < 0 ? prefer_reply(reply, err, s->path.owner) : segment_adopt(s);
}

/* Returns true if the endpoint needs no right to write: it is an observer, or a receiver of
 * a kind whose receivers store nothing.  (In the reference a sleeper takes a lock.) */
static bool reads_only(const struct chan *ch)
{
	const struct kind *kind = kind_of(ch->segment.header.kind);

	if (ch->roles & (CHAN_SEND | CHAN_EXCLUSIVE))
		return false;
	if (!(ch->roles & CHAN_RECV))
		return true;
	return CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX &&
	       (kind->read || (kind->subscribed && subscription_reads_only(ch)));
}

/* Open the segment read-only after `err`, if that is enough for the endpoint. */
static int open_to_read(struct chan *ch, int err)
{
	struct segment *s = &ch->segment;
	int unwritable = err;

	err = segment_open(s, false);
	s->unwritable = unwritable;
	if (err == 0 && !reads_only(ch)) {
		segment_close(s);
		err = unwritable;
	}
	return err;
}

/* Open and map the segment, read-only if that is enough and this process may not write. */
static int open_segment(struct chan *ch)
{
	struct segment *s = &ch->segment;
	int err = segment_open(s, true);

	if ((err == -EACCES || err == -EROFS) && !(ch->roles & (CHAN_SEND | CHAN_EXCLUSIVE)))
		err = open_to_read(ch, err);
	if (err == -EACCES || err == -ENOENT)
		err = open_through_chand(ch, err);
	if (err == 0 && collect_now(s)) {
		segment_close(s);
		err = -ENOENT;
	}
	if (err == 0) {
		err = segment_refuse_removed(s);
		if (err < 0)
			segment_close(s);
	}
	return err;
}

static int attach(struct chan *ch)
{
	struct segment *s = &ch->segment;
	struct stat st;
	int err = handle_begin(ch);

	if (err < 0)
		return err;
	if (ch->roles & CHAN_EXCLUSIVE && s->geometry.lanes > 1)
		return error_because(
			-EINVAL, "flags: an endpoint of a channel with lanes can't be exclusive");
	if (ch->kind->subscribed && (ch->roles & CHAN_EXCLUSIVE) && (ch->roles & CHAN_RECV))
		return error_because(-EINVAL,
			"flags: a receiver of a broadcast can't be exclusive, since each has its "
			"own place");
	if (ch->how && !ch->kind->subscribed)
		return error_because(-EINVAL, "the channel is no broadcast: its kind is %s",
			word(&words_kind, ch->kind->value));
	if (!(ch->roles & (CHAN_SEND | CHAN_RECV)))
		return s->geometry.lanes > 1 ? lanes_begin(ch) : 0;
	if (!s->writable) {
		if (!reads_only(ch)) /* chand may say so */
			return -EACCES;
		endpoint_register_reader(&s->own);
		ch->known_at = clock_monotonic() + KNOWN_AFTER;
		return 0;
	}
	ch->slot = endpoint_attach(&s->own, s->layout, s->geometry.endpoints, ch->roles);
	if (ch->slot < 0)
		return ch->slot;
	ch->waiters.shown = &s->layout->endpoint[ch->slot].waiting;
	/* If it was removed between opening and attaching, it is not the channel of that
	 * name any more. */
	if (fstat(s->own.fd, &st) < 0 || st.st_nlink == 0 || channel_state(ch) & LAYOUT_REMOVED)
		return -ESTALE;
	atomic_store_explicit(&ch->control->idle_since, 0, memory_order_relaxed);
	if (ch->roles & CHAN_EXCLUSIVE && fence_register()) {
		channel_mark(ch, LAYOUT_LIGHT);
		ch->light = true;
	}
	err = sides_keep(ch);
	if (!ch->indirect && ch->ring_roles & CHAN_SEND &&
		!(s->header.options & CHAN_NEED_RECEIVERS)) {
		ch->sends_near = !(ch->roles & CHAN_EXCLUSIVE);
		if (ch->light)
			ch->sender = ch->thread;
	}
	if (err < 0)
		return err;
	return s->geometry.lanes > 1 ? lanes_begin(ch) : handle_succeed(ch);
}

static void undo_attach(struct chan *ch)
{
	if (ch->slot >= 0) {
		endpoint_detach(&ch->segment.own, ch->segment.layout, (uint32_t)ch->slot);
		/* The last endpoint may have left meanwhile, and because of ours it did not
		 * remove the name. */
		collect_now(&ch->segment);
	}
	lanes_free(ch);
	segment_close(&ch->segment);
	ch->slot = -1;
	ch->waiters.shown = NULL;
}

static int open_once(struct chan *ch)
{
	int before, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = open_segment(ch);
	if (err == 0) {
		err = attach(ch);
		if (err < 0)
			undo_attach(ch);
	}
	pthread_setcancelstate(before, &before);
	return err;
}

/* Note in the detail in what a channel that was there already differs from what `opt` asks
 * for. */
static void note_difference(const struct chan *ch, const struct chan_options *opt)
{
	const struct layout_header *h = &ch->segment.header;
	struct chan_options is;
	struct stat st;

	error_forget();
	if (!opt || fstat(ch->segment.own.fd, &st) < 0)
		return;
	is = (struct chan_options){
		.flags = h->options,
		.kind = h->kind,
		.capacity = h->capacity,
		.max_message = h->max_message,
		.overflow = h->overflow,
		.mode = st.st_mode & 0666,
		.endpoints = h->endpoints,
		.lifetime = h->lifetime,
		.linger = h->linger,
		.type = h->type,
		.on_lag = h->on_lag,
		.groups = h->groups,
		.patience = (uint64_t)h->patience,
		.max_capacity = h->max_capacity,
		.lanes = h->lanes,
		.lane_by = h->lane_by,
		.dedup = h->dedup,
		.max_deliver = h->max_deliver,
		.dedup_age = (uint64_t)h->dedup_age,
	};
	memcpy(is.dead_letter, h->dead_letter, sizeof(is.dead_letter));
	options_compare(opt, &is);
}

/* Returns true if the next try may succeed: a process may be about to remove the channel,
 * so that the gate is closed or the name has just gone. */
static bool may_pass(int err, int tries)
{
	return err == -ESTALE || (err == -EUSERS && tries < OPEN_TRIES / 20);
}

/* Open the channel.  If it isn't there and `flags` ask for it, create it first, and set
 * *made. */
static int open_or_create(
	struct chan *ch, unsigned flags, const struct chan_options *opt, bool *made)
{
	int err = -ENOENT;

	for (int i = 0; i < OPEN_TRIES; i++) {
		err = open_once(ch);
		if (err == -ENOENT && flags & CHAN_CREATE) {
			err = channel_create(&ch->segment.path, opt);
			*made |= err == 0;
			if (err < 0 && err != -EEXIST)
				break;
			err = -ENOENT; /* for the last try: it may be removed again each time */
		} else if (may_pass(err, i)) {
			sleep_1ms();
		} else {
			break;
		}
	}
	return err == -ESTALE ? -ENOENT : err;
}

/* Open the channel, and subscribe to it, as `how` says, if it is not NULL or if it has
 * subscribers. */
static int open_endpoint(chan_t **ret, const char *name, unsigned flags,
	const struct chan_options *opt, const struct chan_subscription *how)
{
	uint32_t had = (flags & CHAN_SEND ? LAYOUT_HAD_SENDER : 0) |
		       (flags & CHAN_RECV ? LAYOUT_HAD_RECEIVER : 0);
	struct segment_path path;
	struct chan *const *lane;
	struct chan *ch;
	bool made = false;
	uint32_t n;
	int err;

	err = channels_prepare();
	if (err == 0)
		err = segment_resolve(name, &path);
	if (err < 0)
		return err;
	ch = handle_new(&path, flags & (CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE));
	if (!ch)
		return -ENOMEM;
	ch->how = how;
	err = open_or_create(ch, flags, opt, &made);
	if (err < 0) {
		handle_release(ch);
		return err;
	}
	if (receives_otherwise(ch) && ch->receiving->begin) {
		err = ch->receiving->begin(ch);
		if (err < 0) {
			chan_detach(ch);
			return err;
		}
	}
	ch->how = NULL;
	lane = lanes_of(&ch, &n);
	for (uint32_t i = 0; had && ch->segment.writable && i < n; i++)
		channel_mark(lane[i], had);
	if (flags & CHAN_CREATE && !made)
		note_difference(ch, opt);
	*ret = ch;
	return 0;
}

int chan_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt)
{
	error_forget();
	if (flags & ~(unsigned)(CHAN_SEND | CHAN_RECV | CHAN_CREATE | CHAN_EXCLUSIVE))
		return error_because(-EINVAL, "flags: 0x%x has bits that are no flags", flags);
	if (flags & CHAN_EXCLUSIVE && !(flags & (CHAN_SEND | CHAN_RECV)))
		return error_because(-EINVAL, "flags: CHAN_EXCLUSIVE needs CHAN_SEND or CHAN_RECV");
	return open_endpoint(ret, name, flags, opt, NULL);
}

int chan_subscribe(chan_t **ret, const char *name, const struct chan_subscription *how)
{
	struct chan_subscription full;
	int err;

	error_forget();
	err = subscription_resolve(how, &full);
	return err < 0 ? err : open_endpoint(ret, name, CHAN_RECV, NULL, &full);
}
