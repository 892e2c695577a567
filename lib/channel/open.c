/* SPDX-License-Identifier: MIT */
/* Opening a channel, and creating it if that is asked for. */
#include "base/words.h"
#include "bus/client.h"
#include "bus/reply.h"
#include "channel/collect.h"
#include "channel/create.h"
#include "channel/detach.h"
#include "channel/reclaim.h"
#include "channel/remove.h"
#include "channel/sender.h"
#include "channel/subscriber.h"
#include "channel/wake.h"
#include "kind/options.h"
#include "segment/endpoint.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* Choose the tables by which the endpoint sends and receives, and take the roles that these are
 * for from the hot paths. */
static void choose_calls(struct chan *ch)
{
	ch->sending = ch->kind->read ? &sending_values : ch->headed ? &sending_headed : NULL;
	ch->receiving = ch->kind->read	       ? &receiving_values
			: ch->kind->subscribed ? (ch->headed ? &receiving_headed_subscribed
							     : &receiving_subscribed)
					       : (ch->headed ? &receiving_headed : NULL);
	ch->ring_roles = ch->roles;
	if (ch->sending)
		ch->ring_roles &= ~(unsigned)CHAN_SEND;
	if (ch->receiving)
		ch->ring_roles &= ~(unsigned)CHAN_RECV;
}

static int attach(struct chan *ch)
{
	struct segment *s = &ch->segment;
	struct stat st;
	int err;

	ch->ring = ring_in(s);
	ch->kind = kind_of(s->header.kind);
	ch->headed = s->header.options & CHAN_META;
	ch->indirect = ch->headed || ch->kind != &kind_queue;
	if (ch->kind->refuse_overflow(s->header.overflow) ||
		(ch->kind->least_capacity &&
			ch->kind->least_capacity(s->header.max_message) > s->header.capacity))
		return -EBADMSG;
	choose_calls(ch);
	if (ch->kind->subscribed && (ch->roles & CHAN_EXCLUSIVE) && (ch->roles & CHAN_RECV))
		return error_because(-EINVAL,
			"flags: a receiver of a broadcast can't be exclusive, since each has its "
			"own place");
	if (ch->how && !ch->kind->subscribed)
		return error_because(-EINVAL, "the channel is no broadcast: its kind is %s",
			word(&words_kind, ch->kind->value));
	ch->control = &s->layout->control;
	ch->who = (struct envelope_sender){.pid = getpid(), .uid = geteuid()};
	if (ch->headed)
		ch->who.clock = clock_namespace();
	if (ch->kind == &kind_latest) {
		ch->look.control = ch->control;
		for (unsigned i = 0; i < LAYOUT_SLOTS; i++)
			ch->look.slot[i] = latest_slot_at(&ch->ring, i);
	}
	ring_pause(&ch->ring, 0, 0); /* the first send pauses: see sender_paced() */
	atomic_store_explicit(&ch->overflow, s->header.overflow, memory_order_relaxed);
	if (s->writable && !fence_can_heavy())
		channel_mark(ch, LAYOUT_HEAVY_MISSING);
	if (!(ch->roles & (CHAN_SEND | CHAN_RECV)))
		return 0;
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
	if (err < 0 || !(ch->roles & CHAN_RECV) || !ch->kind->lease)
		return err;
	/* Give back a dead receiver's leases: those of the endpoint that had this slot
	 * before would look like ours from now on. */
	err = receivers_visit(ch, NULL);
	if (err < 0)
		return err;
	err = reclaim_leases(ch);
	if (err == -EBADMSG) /* receivers may have what is sound */
		err = 0;
	receivers_leave(ch);
	if (err > 0)
		channel_signal(ch, &ch->control->not_empty);
	return 0;
}

static void undo_attach(struct chan *ch)
{
	if (ch->slot >= 0) {
		endpoint_detach(&ch->segment.own, ch->segment.layout, (uint32_t)ch->slot);
		/* The last endpoint may have left meanwhile, and because of ours it did not
		 * remove the name. */
		collect_now(&ch->segment);
	}
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
	struct stat st;

	error_forget();
	if (!opt || fstat(ch->segment.own.fd, &st) < 0)
		return;
	options_compare(opt, &(struct chan_options){
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
			     });
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

static struct chan *new_handle(const struct segment_path *path, unsigned roles)
{
	struct chan *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->roles = roles;
	ch->slot = -1;
	ch->segment.own.fd = -1;
	ch->segment.own.orphan = &ch->orphan;
	ch->segment.path = *path;
	atomic_init(&ch->holders, 1);
	waiters_init(&ch->waiters);
	pollable_init(&ch->to_receive, &ch->orphan);
	pollable_init(&ch->to_send, &ch->orphan);
	watched_init(&ch->watched);
	spin_init(&ch->send_spin);
	spin_init(&ch->recv_spin);
	return ch;
}

/* Open the channel, and subscribe to it, as `how` says, if it is not NULL or if it has
 * subscribers. */
static int open_endpoint(chan_t **ret, const char *name, unsigned flags,
	const struct chan_options *opt, const struct chan_subscription *how)
{
	uint32_t had = (flags & CHAN_SEND ? LAYOUT_HAD_SENDER : 0) |
		       (flags & CHAN_RECV ? LAYOUT_HAD_RECEIVER : 0);
	struct segment_path path;
	struct chan *ch;
	bool made = false;
	int err;

	err = channels_prepare();
	if (err == 0)
		err = segment_resolve(name, &path);
	if (err < 0)
		return err;
	ch = new_handle(&path, flags & (CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE));
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
	if (had && ch->segment.writable)
		channel_mark(ch, had);
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
