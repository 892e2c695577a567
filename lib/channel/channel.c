/* SPDX-License-Identifier: MIT */
/* A channel's life: make, open, detach, close, remove. */
#define _GNU_SOURCE 1
#include "channel/channel.h"

#include "bus/client.h"
#include "segment/claim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OPEN_TRIES 1000
#define SPIN_START 20000u

static void breathe(void)
{
	struct timespec ms = {.tv_nsec = 1000000};
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	nanosleep(&ms, NULL);
	pthread_setcancelstate(before, &before);
}

/* ---- make ---- */

static struct ring ring_in(const struct segment *s)
{
	return (struct ring){
		.data = s->ring,
		.capacity = s->geometry.capacity,
		.max_message = s->geometry.max_message,
		.rendezvous = s->header.kind == CHAN_KIND_RENDEZVOUS,
		.control = &s->layout->control,
	};
}

static int init_control(const struct segment *s)
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
	if (err == 0)
		ring_init(&ring);
	return err < 0 ? error_from(TRIED_MUTEX, err) : 0;
}

int prefer_reply(int reply, int err, uid_t owner)
{
	if (reply == -ENOENT && err == -EACCES) /* there is one */
		return error_instead(err);
	if (reply == -ECONNREFUSED && (err == -ENOENT || !client_keeps(owner)))
		return error_instead(err);
	return reply;
}

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

static int make(
	struct segment *s, const struct chan_options *full, const struct geometry *geometry)
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

/* Make it, unless another process does: that is waited for, as long as it can be
 * expected to need. */
static int make_or_await(struct segment *s, const struct chan_options *full,
	const struct geometry *geometry)
{
	int64_t deadline = clock_monotonic() + claim_patience(geometry->size);
	struct descriptor claim = {.fd = -1};
	int err;

	do
		if (segment_there(&s->path)) /* before memory is spent */
			return -EEXIST;
	while (claim_take(&claim, s->path.file, deadline));
	err = segment_there(&s->path) ? -EEXIST : make(s, full, geometry);
	claim_end(&claim);
	return err;
}

static int create(const struct segment_path *path, const struct chan_options *opt)
{
	struct segment s = {.own.fd = -1, .path = *path};
	struct chan_options full;
	struct geometry geometry;
	int before, err = options_resolve(opt, &full, &geometry);

	if (err < 0)
		return err;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	if (path->foreign)
		err = prefer_reply(client_create(path->owner, segment_base(path), &full), -EPERM,
			path->owner);
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
	return err < 0 ? err : create(&path, opt);
}

/* ---- the end of a CHAN_REF channel ---- */

/*
 * Since when nobody is attached, the gate closed.  The count starts now if the last
 * one was killed, and anew if the value is of another time namespace or from the
 * future (a restored machine): the channel then stays longer, never shorter.
 */
static int64_t idle_since(struct layout_control *c, int64_t now)
{
	int64_t since = atomic_load_explicit(&c->idle_since, memory_order_relaxed);
	uint32_t clock = clock_namespace();

	if (since > 0 && since <= now &&
		atomic_load_explicit(&c->idle_clock, memory_order_relaxed) == clock)
		return since;
	/* Killed in between, it is not known. */
	atomic_store_explicit(&c->idle_since, 0, memory_order_relaxed);
	atomic_store_explicit(&c->idle_clock, clock, memory_order_relaxed);
	atomic_store_explicit(&c->idle_since, now, memory_order_relaxed);
	return now;
}

/* Remove the name if nobody is attached, and somebody was; `after` is how long
 * that must have lasted. */
static int collect(const struct segment *s, int64_t after)
{
	struct layout_control *c = &s->layout->control;
	int64_t now = clock_monotonic();
	int removed = 0;

	if (s->header.lifetime != CHAN_REF || !s->writable ||
		!(atomic_load_explicit(&c->state, memory_order_acquire) &
			(LAYOUT_HAD_SENDER | LAYOUT_HAD_RECEIVER)))
		return 0;
	if (endpoint_close_gate(&s->own) < 0)
		return 0;
	/* Who it is now may have no right to: then somebody else will. */
	if (now - idle_since(c, now) >= after && segment_named(s))
		removed = segment_unlink(&s->path) == 0;
	if (removed)
		segment_end(s);
	endpoint_open_gate(&s->own);
	return removed;
}

bool channel_detached(const struct chan *ch, const struct chan_endpoint *gone)
{
	return gone->id < ch->segment.geometry.endpoints &&
	       atomic_load_explicit(
		       &ch->segment.layout->endpoint[gone->id].pid, memory_order_relaxed) == 0;
}

static int collect_now(const struct segment *s)
{
	return collect(s, (int64_t)s->header.linger);
}

int channel_collect(struct chan *ch)
{
	return collect_now(&ch->segment);
}

static int collect_at(const struct segment_path *path)
{
	struct segment s = {.own.fd = -1, .path = *path};
	int before, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = segment_open(&s, true);
	if (err == 0) {
		err = collect_now(&s);
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
	return err < 0 ? err : collect_at(&path);
}

/* ---- open ---- */

/* It can't be opened, because of `err`: chand may. */
static int open_through_chand(struct chan *ch, int err)
{
	struct segment *s = &ch->segment;
	int reply;

	if (!s->path.foreign)
		return err;
	reply = client_open(&s->own, s->path.owner, segment_base(&s->path), ch->roles);
	return reply < 0 ? prefer_reply(reply, err, s->path.owner) : segment_adopt(s);
}

/* Map it, read-only if an observer may not write. */
static int open_segment(struct chan *ch)
{
	struct segment *s = &ch->segment;
	int err = segment_open(s, true);

	if ((err == -EACCES || err == -EROFS) && !(ch->roles & (CHAN_SEND | CHAN_RECV)))
		err = segment_open(s, false);
	if (err == -EACCES || err == -ENOENT)
		err = open_through_chand(ch, err);
	if (err == 0 && collect_now(s)) {
		segment_close(s);
		err = -ENOENT;
	}
	if (err == 0) {
		err = channel_refuse_removed(s);
		if (err < 0)
			segment_close(s);
	}
	return err;
}

static int attach(struct chan *ch)
{
	struct segment *s = &ch->segment;
	struct stat st;
	int err;

	ch->ring = ring_in(s);
	ch->control = &s->layout->control;
	ring_pause(&ch->ring, 0, 0); /* at the first send: see sender_paced() */
	atomic_store_explicit(&ch->overflow, s->header.overflow, memory_order_relaxed);
	if (s->writable && !fence_can_heavy())
		channel_mark(ch, LAYOUT_HEAVY_MISSING);
	if (!(ch->roles & (CHAN_SEND | CHAN_RECV)))
		return 0;
	if (!s->writable) /* chand may say so */
		return -EACCES;
	ch->slot = endpoint_attach(&s->own, s->layout, s->geometry.endpoints, ch->roles);
	if (ch->slot < 0)
		return ch->slot;
	/* Removed between opening and attaching? Then it is not the channel of
	 * that name. */
	if (fstat(s->own.fd, &st) < 0 || st.st_nlink == 0 || channel_state(ch) & LAYOUT_REMOVED)
		return -ESTALE;
	atomic_store_explicit(&ch->control->idle_since, 0, memory_order_relaxed);
	if (ch->roles & CHAN_EXCLUSIVE && fence_register()) {
		channel_mark(ch, LAYOUT_LIGHT);
		ch->light = true;
	}
	err = sides_keep(ch);
	if (err < 0 || !(ch->roles & CHAN_RECV))
		return err;
	/* A dead receiver's leases: first those of who had this slot before, for
	 * from now on they would look like ours. */
	err = receivers_visit(ch, NULL);
	if (err < 0)
		return err;
	err = reclaim_leases(ch);
	if (err == -EBADMSG) /* receivers may have what is sound */
		err = 0;
	receivers_leave(ch);
	if (err > 0)
		cond_signal(&ch->control->not_empty);
	return 0;
}

static void unmake(struct chan *ch)
{
	if (ch->slot >= 0) {
		endpoint_detach(&ch->segment.own, ch->segment.layout, (uint32_t)ch->slot);
		/* The last one may have left meanwhile, and not removed the name
		 * because of us. */
		collect_now(&ch->segment);
	}
	segment_close(&ch->segment);
	ch->slot = -1;
}

static void free_handle(struct chan *ch)
{
	waiters_end(ch);
	free(ch);
}

static int open_once(struct chan *ch)
{
	int before, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = open_segment(ch);
	if (err == 0) {
		err = attach(ch);
		if (err < 0)
			unmake(ch);
	}
	pthread_setcancelstate(before, &before);
	return err;
}

/* It was there: is it as `opt` would have made it? */
static void note_difference(const struct chan *ch, const struct chan_options *opt)
{
	const struct layout_header *h = &ch->segment.header;
	struct stat st;

	error_forget();
	if (!opt || fstat(ch->segment.own.fd, &st) < 0)
		return;
	options_compare(opt,
		&(struct chan_options){
			.flags = h->options,
			.kind = h->kind,
			.capacity = h->capacity,
			.max_message = h->max_message,
			.overflow = h->overflow,
			.mode = st.st_mode & 0666,
			.endpoints = h->endpoints,
			.lifetime = h->lifetime,
			.linger = h->linger,
		});
}

int chan_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt)
{
	uint32_t had = (flags & CHAN_SEND ? LAYOUT_HAD_SENDER : 0) |
		       (flags & CHAN_RECV ? LAYOUT_HAD_RECEIVER : 0);
	struct segment_path path;
	struct chan *ch;
	bool made = false;
	int err;

	error_forget();
	if (flags & ~(unsigned)(CHAN_SEND | CHAN_RECV | CHAN_CREATE | CHAN_EXCLUSIVE))
		return error_because(-EINVAL, "flags: 0x%x has bits that are no flags", flags);
	if (flags & CHAN_EXCLUSIVE && !(flags & (CHAN_SEND | CHAN_RECV)))
		return error_because(
			-EINVAL, "flags: CHAN_EXCLUSIVE needs CHAN_SEND or CHAN_RECV");
	err = channels_prepare();
	if (err == 0)
		err = segment_resolve(name, &path);
	if (err < 0)
		return err;
	ch = calloc(1, sizeof(*ch));
	if (!ch)
		return -ENOMEM;
	ch->roles = flags & (CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE);
	ch->slot = -1;
	ch->segment.own.fd = -1;
	ch->segment.own.orphan = &ch->orphan;
	ch->segment.path = path;
	waiters_start(ch);
	atomic_init(&ch->send_spin.budget, SPIN_START);
	atomic_init(&ch->recv_spin.budget, SPIN_START);
	for (int i = 0; i < OPEN_TRIES; i++) {
		err = open_once(ch);
		if (err == -ENOENT && flags & CHAN_CREATE) {
			err = create(&path, opt);
			made |= err == 0;
			if (err == 0 || err == -EEXIST) {
				err = -ENOENT; /* should it go again, each time */
				continue;
			}
		} else if (err == -EUSERS || err == -ESTALE) {
			/* Somebody may be about to remove it: the gate is closed,
			 * or the name went. */
			breathe();
			if (err == -ESTALE || i < OPEN_TRIES / 20)
				continue;
		}
		break;
	}
	if (err < 0) {
		free_handle(ch);
		return err == -ESTALE ? -ENOENT : err;
	}
	if (had)
		channel_mark(ch, had);
	if (flags & CHAN_CREATE && !made)
		note_difference(ch, opt);
	*ret = ch;
	return 0;
}

/* ---- leave ---- */

static bool not_mine(uint32_t holder, void *arg)
{
	return (int)holder == ((struct chan *)arg)->slot;
}

static void give_back_leases(struct chan *ch)
{
	bool freed;

	if (!atomic_load_explicit(&ch->leases, memory_order_relaxed) ||
		receivers_visit(ch, NULL) < 0)
		return; /* others will, as for a dead one */
	ring_reclaim(&ch->ring, not_mine, ch);
	freed = ring_free(&ch->ring);
	receivers_leave(ch);
	cond_signal(&ch->control->not_empty);
	if (freed)
		channel_freed(ch);
}

/* Tell the other side if it waits for nobody else. */
static void say_goodbye(struct chan *ch)
{
	uint32_t options = ch->segment.header.options;

	if (ch->roles & CHAN_SEND && options & CHAN_END_WITH_SENDERS &&
		endpoint_any(&ch->segment.own, CHAN_SEND) == 0)
		cond_broadcast(&ch->control->not_empty);
	if (ch->roles & CHAN_RECV && options & CHAN_NEED_RECEIVERS &&
		endpoint_any(&ch->segment.own, CHAN_RECV) == 0)
		cond_broadcast(&ch->control->not_full);
}

/* Does another thread own a lock of this endpoint's?  Its list of robust mutexes
 * leads into the mapping. */
static bool lock_elsewhere(const struct chan *ch)
{
	uint64_t reserver = atomic_load_explicit(&ch->reserver, memory_order_relaxed);

	return (ch->roles & CHAN_EXCLUSIVE && ch->thread != thread_self()) ||
	       (reserver && reserver != thread_self());
}

void chan_detach(chan_t *ch)
{
	struct segment_path path;
	bool blind = false; /* the program closed the descriptor */

	if (!ch)
		return;
	path = ch->segment.path;
	if (!atomic_load_explicit(&ch->orphan, memory_order_relaxed) && ch->slot >= 0) {
		blind = !descriptor_ours(&ch->segment.own);
		chan_abort(ch);
		if (ch->roles & CHAN_RECV)
			give_back_leases(ch);
		sides_give_up(ch);
		endpoint_detach(&ch->segment.own, ch->segment.layout, (uint32_t)ch->slot);
		say_goodbye(ch);
		collect_now(&ch->segment);
	}
	/* In a child it is not mapped.  And a thread that still owns a lock in it
	 * needs the mapping, so that its end releases the lock: leave it then. */
	if (atomic_load_explicit(&ch->orphan, memory_order_relaxed) || lock_elsewhere(ch))
		ch->segment.layout = NULL;
	segment_close(&ch->segment);
	free_handle(ch);
	if (blind) /* its locks went with the mapping */
		collect_at(&path);
}

/* ---- end ---- */

int chan_close(const chan_t *ch, unsigned how)
{
	if (how > CHAN_DISCARD)
		return error_because(-EINVAL, "how: is neither CHAN_DRAIN nor CHAN_DISCARD");
	if (atomic_load_explicit(&ch->orphan, memory_order_relaxed))
		return -ENOTCONN;
	if (!ch->segment.writable)
		return -EACCES;
	channel_end(ch->control, LAYOUT_CLOSED | (how == CHAN_DISCARD ? LAYOUT_DISCARD : 0));
	return 0;
}

int chan_list(int (*fn)(const char *name, void *arg), void *arg)
{
	error_forget();
	return segment_list(fn, arg);
}

/* ---- settings ---- */

int chan_set_overflow(chan_t *ch, unsigned overflow)
{
	if (overflow > CHAN_DROP_OLDEST)
		return error_because(-EINVAL, "overflow: there is no policy %u", overflow);
	if (ch->ring.rendezvous && overflow == CHAN_DROP_OLDEST)
		return error_because(-EINVAL, "overflow: a rendezvous has nothing old to drop");
	if (atomic_load_explicit(&ch->orphan, memory_order_relaxed))
		return -ENOTCONN;
	atomic_store_explicit(&ch->overflow, overflow, memory_order_relaxed);
	return 0;
}

void chan_interrupt(chan_t *ch, int on)
{
	atomic_store_explicit(&ch->interrupted, on != 0, memory_order_relaxed);
	if (on && ch->segment.writable &&
		!atomic_load_explicit(&ch->orphan, memory_order_relaxed) &&
		CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX) /* the reference takes locks */
		channel_wake_all(ch);
}

const char *chan_version(void)
{
	return CHAN_VERSION;
}
