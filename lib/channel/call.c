/* SPDX-License-Identifier: MIT */
/*
 * The client's side of requests; the model is in call.h.
 *
 * Threads that share an endpoint share its inbox: one of those that wait reads it, and lays
 * what is for others where they find it.
 */
#include "channel/call.h"

#include "base/bytes.h"
#include "base/container.h"
#include "channel/delay.h"
#include "channel/inbox.h"
#include "channel/lanes.h"
#include "channel/outstanding.h"
#include "channel/receive.h"
#include "channel/receiver.h"
#include "channel/reclaim.h"
#include "channel/rest.h"
#include "channel/sender.h"
#include "channel/side.h"
#include "channel/wake.h"
#include "core/lock.h"
#include "segment/bell.h"

#include <poll.h>
#include <stdlib.h>

/* How long a wait sleeps before it looks who died, and whether the channel was discarded. */
#define SLICE INT64_C(1000000000)
/* How long it sleeps on the inbox alone: a call that takes longer is worth a descriptor that
 * tells of the server's death. */
#define BRIEF INT64_C(1000000)
/* How often it looks while a peer is dying (rest.h). */
#define DYING INT64_C(500000)

/* A reply, or a part of one, that came before anybody asked for it. */
struct part {
	struct part *next;
	struct chan_meta meta;
	size_t len;
	char data[];
};

/* A request whose last reply was not given to the program yet. */
struct call {
	struct entry entry;	   /* with its number */
	struct headed_place place; /* of the request */
	bool once, broken;
	struct part *first, **last;
	struct call *next, **link; /* of those that have something; link NULL: it has not */
};

struct calls {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool reading; /* a thread waits in the inbox */
	unsigned waiting;
	chan_t *inbox;
	char address[INBOX_ADDRESS_SIZE];
	struct outstanding all;
	size_t once;
	struct call *spare;	    /* one that is free: most clients wait for each reply */
	struct call *first, **last; /* what has something to give */
	uint64_t number;	    /* of the last request */
	struct descriptor ends;	    /* tells that an endpoint's file was closed */
	bool listens;
};

static struct call *call_of(struct entry *e)
{
	return e ? container_of(e, struct call, entry) : NULL;
}

static struct call *find(const struct calls *cs, uint64_t number)
{
	return call_of(outstanding_find(&cs->all, number));
}

/* It has something to give: a part, or that it is broken. */
static void announce(struct calls *cs, struct call *c)
{
	if (c->link)
		return;
	c->next = NULL;
	c->link = cs->last;
	*cs->last = c;
	cs->last = &c->next;
}

static void retract(struct calls *cs, struct call *c)
{
	if (!c->link)
		return;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	else
		cs->last = c->link;
	c->link = NULL;
}

static void free_parts(struct call *c)
{
	for (struct part *next, *p = c->first; p; p = next) {
		next = p->next;
		free(p);
	}
}

static void free_call(struct entry *e, void *unused)
{
	(void)unused;
	free_parts(call_of(e));
	free(call_of(e));
}

static void forget(struct calls *cs, struct call *c)
{
	retract(cs, c);
	outstanding_remove(&cs->all, &c->entry);
	cs->once -= c->once;
	free_parts(c);
	if (cs->spare)
		free(c);
	else
		cs->spare = c;
}

/* Return a new one, with the next number, or NULL: no memory. */
static struct call *add(struct calls *cs)
{
	struct call *c = cs->spare ? cs->spare : malloc(sizeof(*c));

	cs->spare = NULL;
	if (!c)
		return NULL;
	*c = (struct call){.entry.number = cs->number + 1};
	c->last = &c->first;
	if (outstanding_add(&cs->all, &c->entry) < 0) {
		free(c);
		return NULL;
	}
	cs->number++;
	return c;
}

/* ---- the inbox ---- */

static void destroy(struct calls *cs)
{
	chan_detach(cs->inbox);
	descriptor_close(&cs->ends);
	outstanding_each(&cs->all, free_call, NULL);
	outstanding_free(&cs->all);
	free(cs->spare);
	pthread_cond_destroy(&cs->changed);
	pthread_mutex_destroy(&cs->lock);
	free(cs);
}

static int make(struct chan *ch, struct calls **ret)
{
	struct calls *cs = calloc(1, sizeof(*cs));
	pthread_condattr_t attr;
	int err;

	if (!cs)
		return -ENOMEM;
	cs->last = &cs->first;
	cs->ends = (struct descriptor){.fd = -1, .orphan = &ch->orphan};
	pthread_mutex_init(&cs->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cs->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Numbers go on from where the clock is, so that a late reply to a process before this
	 * one, whose inbox had the same name, is not taken for one of ours. */
	cs->number = (uint64_t)clock_read(CLOCK_REALTIME);
	err = inbox_make(ch, &cs->inbox, cs->address);
	if (err < 0) {
		destroy(cs);
		return err;
	}
	*ret = cs;
	return 0;
}

static struct calls *calls_there(const struct chan *ch)
{
	/* Acquire: pairs with calls_of(). */
	return atomic_load_explicit(&ch->calls, memory_order_acquire);
}

/* Return the endpoint's calls; make the inbox, the first time. */
static int calls_of(struct chan *ch, struct calls **ret)
{
	struct calls *cs = calls_there(ch), *mine;
	int err;

	if (!cs) {
		err = make(ch, &mine);
		if (err < 0)
			return err;
		/* Another thread may be faster. */
		if (atomic_compare_exchange_strong_explicit(
			    &ch->calls, &cs, mine, memory_order_acq_rel, memory_order_acquire))
			cs = mine;
		else
			destroy(mine);
	}
	*ret = cs;
	return 0;
}

void calls_free(chan_t *ch)
{
	struct calls *cs = calls_there(ch);

	if (cs)
		destroy(cs);
	atomic_store_explicit(&ch->calls, NULL, memory_order_relaxed);
}

void calls_interrupt(chan_t *ch, bool on)
{
	struct calls *cs = calls_there(ch);

	if (cs)
		chan_interrupt(cs->inbox, on);
}

/* ---- asking ---- */

static int check_asker(const struct chan *ch)
{
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!(ch->roles & CHAN_SEND))
		return -EBADF;
	return headed_check(ch);
}

static int check_request(const struct chan *ch, const struct chan_meta *meta)
{
	int err = lanes_check_given(ch->lanes, meta);

	if (err == 0 && meta && meta->reply_to[0])
		err = error_because(-EINVAL,
			"meta: a request's reply address is the library's, and must be empty");
	return err;
}

int chan_request(chan_t *ch, const void *msg, size_t len, const struct chan_meta *meta,
	int64_t timeout, uint64_t *ret)
{
	struct limit limit = limit_of(timeout);
	struct chan_meta full;
	struct headed_place place = {.pos = 0};
	struct calls *cs = NULL;
	struct call *c;
	int err;

	error_forget();
	err = check_asker(ch);
	if (err == 0 && timeout < CHAN_WAIT)
		err = error_of_timeout(timeout);
	if (err == 0)
		err = check_request(ch, meta);
	if (err == 0)
		err = calls_of(ch, &cs);
	if (err < 0)
		return err;
	envelope_copy(&full, meta);
	memcpy(full.reply_to, cs->address, sizeof(cs->address));

	/* It is known before it is sent: the reply may be faster than this thread. */
	pthread_mutex_lock(&cs->lock);
	c = add(cs);
	if (c)
		full.correlation = c->entry.number;
	pthread_mutex_unlock(&cs->lock);
	if (!c)
		return -ENOMEM;
	err = ch->sending->send_meta(ch, msg, len, &full, &limit, &place);
	pthread_mutex_lock(&cs->lock);
	c = find(cs, full.correlation);
	if (err == 0 && c) {
		c->place = place;
		c->once = full.flags & CHAN_META_ONCE;
		cs->once += c->once;
	} else if (c) {
		forget(cs, c);
	}
	pthread_mutex_unlock(&cs->lock);
	if (err == 0)
		*ret = full.correlation;
	return err;
}

/* ---- what came ---- */

/* What a call of chan_response() asks for. */
struct wish {
	uint64_t number; /* 0: any */
	void *buf;
	size_t size;
	struct chan_meta *meta;
	int64_t deadline;
};

/* Give the program what is there for `c`, whose last reply ends it. */
static ssize_t give(struct calls *cs, struct call *c, const struct wish *w)
{
	struct part *p = c->first;
	ssize_t len;

	if (!p) {
		uint64_t number = c->entry.number;

		forget(cs, c);
		if (w->meta) {
			uint32_t size = w->meta->size;

			chan_meta_init(w->meta);
			w->meta->size = size;
			w->meta->correlation = number;
		}
		return -ECONNRESET;
	}
	if (p->len > w->size)
		return error_of_size(-EMSGSIZE, p->len,
			"the reply has %zu bytes, and the buffer room for %zu", p->len, w->size);
	copy_bytes(w->buf, p->data, p->len);
	len = (ssize_t)p->len;
	if (w->meta)
		*w->meta = p->meta;
	c->first = p->next;
	if (!c->first)
		c->last = &c->first;
	if (!(p->meta.flags & CHAN_META_MORE))
		forget(cs, c);
	else if (!c->first && !c->broken)
		retract(cs, c);
	free(p);
	return len;
}

/* Keep a reply for whoever asks for it: 0 or -ENOMEM. */
static int keep(struct calls *cs, struct call *c, const struct chan_meta *meta,
	const struct chan_lease *lease)
{
	struct part *p = malloc(sizeof(*p) + lease->len);

	if (!p)
		return -ENOMEM;
	p->next = NULL;
	p->meta = *meta;
	p->len = lease->len;
	copy_bytes(p->data, lease->data, lease->len);
	*c->last = p;
	c->last = &p->next;
	announce(cs, c);
	return 0;
}

/* A message came; the lock of `cs` is held.  Returns true, and *result, if it is what is
 * wished and nothing of the same call is before it. */
static bool receive_reply(
	struct calls *cs, const struct chan_lease *lease, const struct wish *w, ssize_t *result)
{
	struct chan_meta meta;
	struct call *c;
	int err;

	meta.size = sizeof(meta);
	err = chan_lease_meta(cs->inbox, lease, &meta);

	c = err == 0 && meta.flags & CHAN_META_REPLY ? find(cs, meta.correlation) : NULL;
	if (!c) /* of a call that was cancelled, or of nobody */
		return false;
	if (meta.flags & CHAN_META_BROKEN) {
		c->broken = true;
		announce(cs, c);
		return false;
	}
	if (!c->first && !c->broken && lease->len <= w->size &&
		(w->number ? w->number == c->entry.number : cs->first == NULL)) {
		copy_bytes(w->buf, lease->data, lease->len);
		if (w->meta)
			*w->meta = meta;
		if (!(meta.flags & CHAN_META_MORE))
			forget(cs, c);
		*result = (ssize_t)lease->len;
		return true;
	}
	if (keep(cs, c, &meta, lease) < 0) {
		*result = -ENOMEM;
		return true;
	}
	return false;
}

/* Do with a message out of the inbox as receive_reply() says. */
static bool accept_reply(
	struct calls *cs, const struct chan_lease *lease, const struct wish *w, ssize_t *result)
{
	bool over = receive_reply(cs, lease, w, result);

	lease_end_surely(cs->inbox, lease, over && *result == -ENOMEM ? chan_untake : chan_ack);
	return over;
}

/* Lay out all that is in the inbox. */
static void empty_inbox(struct calls *cs)
{
	const struct wish nobody = {.number = UINT64_MAX};
	struct chan_lease lease;
	ssize_t unused;

	while (chan_take(cs->inbox, &lease, 1, 0) == 1 &&
		!accept_reply(cs, &lease, &nobody, &unused))
		;
}

/* ---- the server's death ---- */

/* One look for such deaths. */
struct round {
	struct chan *ch, *lane;
	struct calls *cs;
	bool found;
};

/* Look whether the server of a request that is to be tried once only has died, the receivers'
 * lock held: take the request out then. */
static void look_at(struct round *r, struct call *c)
{
	uint64_t pos = c->place.pos, seq = c->place.seq;

	if (c->broken || lanes_at(r->ch, &pos, &seq) != r->lane ||
		r->lane->kind->remove(&r->lane->ring, pos, seq, 1) < 0)
		return;
	c->broken = r->found = true;
	announce(r->cs, c);
}

static void visit(struct entry *e, void *arg)
{
	struct call *c = call_of(e);

	if (c->once && c->place.pos + c->place.seq)
		look_at(arg, c);
}

static void look_into(struct round *r)
{
	struct chan *lane = r->lane;
	bool freed, given_back;

	if (receivers_visit(lane, NULL) < 0)
		return; /* later */
	given_back = reclaim_leases(lane) > 0;
	delay_look(lane); /* a server may not have been able to say it: reply_broken() */
	outstanding_each(&r->cs->all, visit, r);
	freed = lane->kind->free(&lane->ring);
	receivers_leave(lane);
	if (freed)
		channel_freed(lane);
	if (given_back) /* of other requests, too */
		channel_signal(lane, &lane->control->not_empty);
}

/* Look for such deaths.  The lock of `cs` is held, and this thread may read the inbox. */
static void look_for_broken(struct chan *ch, struct calls *cs)
{
	struct round round = {.ch = ch, .cs = cs};
	uint32_t n;
	struct chan *const *lane = lanes_of(&ch, &n);

	for (uint32_t i = 0; cs->once > 0 && i < n; i++) {
		round.lane = lane[i];
		look_into(&round);
	}
	/* What a server sent before it died is there. */
	if (round.found)
		empty_inbox(cs);
}

/* ---- waiting ---- */

static void heard_end(int watch, struct bell_heard what, void *arg)
{
	(void)watch;
	*(bool *)arg |= what.closed;
}

/* Listen for the end of endpoints; if that can't be had, a slice is the bound. */
static void listen_for_ends(struct chan *ch, struct calls *cs)
{
	if (cs->listens)
		return;
	cs->listens = true;
	if (bell_open(&cs->ends) == 0 && bell_watch_ends(&cs->ends, &ch->segment) < 0)
		descriptor_close(&cs->ends);
}

/* Wait for a message or the end of an endpoint, until `deadline`; the lock of `cs` is not
 * held.  Returns true if an endpoint ended. */
static bool wait_for_either(struct calls *cs, int64_t deadline)
{
	struct pollfd fd[2] = {{.fd = chan_fd(cs->inbox, CHAN_RECV), .events = POLLIN},
		{.fd = cs->ends.fd, .events = POLLIN}};
	int64_t left = deadline - clock_monotonic();
	struct timespec ts = {.tv_sec = left > 0 ? left / 1000000000 : 0,
		.tv_nsec = left > 0 ? left % 1000000000 : 0};
	bool ended = false;

	if (fd[0].fd < 0)
		ts = (struct timespec){.tv_nsec = BRIEF};
	ppoll(fd, 2, &ts, NULL);
	bell_hear(&cs->ends, heard_end, &ended);
	return ended;
}

/* Do as look_for_broken(), without the lock of `cs`: true if there is something to give. */
static bool found_broken(struct chan *ch, struct calls *cs)
{
	bool found;

	pthread_mutex_lock(&cs->lock);
	look_for_broken(ch, cs);
	found = cs->first != NULL;
	pthread_mutex_unlock(&cs->lock);
	return found;
}

/* Take a message out of the inbox, of which this thread is the reader, and look meanwhile who
 * dies; the lock of `cs` is not held.  As take_reply(). */
static int take_watching(
	struct chan *ch, struct calls *cs, struct chan_lease *lease, int64_t deadline)
{
	int64_t now = clock_monotonic(), end = now + SLICE, alert = now + 1;
	int err;

	if (deadline < end)
		end = deadline;
	listen_for_ends(ch, cs);
	for (;;) {
		err = chan_take(cs->inbox, lease, 1, 0);
		if (err != -EAGAIN)
			return err;
		if (atomic_load_explicit(&ch->interrupted, memory_order_relaxed))
			return -EINTR;
		/* At first for those that died before. */
		if (now < alert && found_broken(ch, cs))
			return -EAGAIN;
		now = clock_monotonic();
		if (now >= end)
			return -EAGAIN;
		if (wait_for_either(cs, now < alert && now + DYING < end ? now + DYING : end))
			alert = clock_monotonic() + REST_ALERT;
		now = clock_monotonic();
	}
}

/* Take a message out of the inbox, of which this thread is the reader; the lock of `cs` is not
 * held.  Returns 1, or an error of chan_take(), or -EAGAIN: look again whether there is
 * something. */
static int take_reply(struct chan *ch, struct calls *cs, bool watch, struct chan_lease *lease,
	int64_t deadline, int64_t now)
{
	int64_t most = watch ? BRIEF : SLICE;
	int64_t left = deadline == DEADLINE_NEVER ? INT64_MAX : deadline - now;
	int err = chan_take(cs->inbox, lease, 1, left > most ? most : left > 0 ? left : 0);

	if (err != -ETIMEDOUT)
		return err;
	return watch && left > most ? take_watching(ch, cs, lease, deadline) : -EAGAIN;
}

/* Be the thread that reads the inbox, once.  Returns true, and *result, if that ends the call. Sets
 * *pos to where the message was, or UINT64_MAX: there was none. */
static bool read_inbox(struct chan *ch, struct calls *cs, const struct wish *w, int64_t now,
	ssize_t *result, uint64_t *pos)
{
	struct chan_lease lease = {.pos = UINT64_MAX};
	bool watch = cs->once > 0, over = false;
	int err;

	cs->reading = true;
	pthread_mutex_unlock(&cs->lock);
	err = take_reply(ch, cs, watch, &lease, w->deadline, now);
	pthread_mutex_lock(&cs->lock);
	cs->reading = false;
	*pos = lease.pos;
	if (err == 1) {
		over = accept_reply(cs, &lease, w, result);
	} else if (err != -EAGAIN) {
		*result = err;
		over = true;
	} else if (channel_state(ch) & (LAYOUT_DISCARD | LAYOUT_DAMAGED)) {
		*result = channel_state(ch) & LAYOUT_DAMAGED ? -EBADMSG : -EPIPE;
		over = true;
	} else {
		look_for_broken(ch, cs);
	}
	if (cs->waiting)
		pthread_cond_broadcast(&cs->changed);
	return over;
}

/* Wait until the thread that reads the inbox has read something. */
static void await_reader(struct calls *cs, int64_t deadline)
{
	int64_t slice = clock_monotonic() + SLICE, end = deadline < slice ? deadline : slice;
	struct timespec ts = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};

	cs->waiting++;
	pthread_cond_timedwait(&cs->changed, &cs->lock, &ts);
	cs->waiting--;
}

static ssize_t await(struct chan *ch, struct calls *cs, const struct wish *w, bool tries)
{
	/* Where the inbox ended when the time was over, and where it was read last. */
	uint64_t end = UINT64_MAX, pos = 0;
	int64_t now = 0; /* not asked for where there is no deadline */
	struct call *c;
	ssize_t result;
	uint32_t state;

	for (;;) {
		c = w->number ? find(cs, w->number) : cs->first;
		if (w->number ? !c : cs->all.n == 0)
			return error_because(-ENOENT, "no such request waits for a reply");
		if (c && (c->first || c->broken))
			return give(cs, c, w);
		if (atomic_load_explicit(&ch->interrupted, memory_order_relaxed))
			return -EINTR;
		if (w->deadline != DEADLINE_NEVER)
			now = clock_monotonic();
		if (now >= w->deadline) {
			/* What it waits for may be behind what is for others. */
			if (end == UINT64_MAX)
				end = receiver_newest(cs->inbox, &state);
			if (cs->reading || pos > end)
				return tries ? -EAGAIN : -ETIMEDOUT;
		}
		if (cs->reading) {
			await_reader(cs, w->deadline);
			continue;
		}
		if (read_inbox(ch, cs, w, now, &result, &pos))
			return result == -ETIMEDOUT && tries ? -EAGAIN : result;
	}
}

static int64_t deadline_of(int64_t timeout)
{
	struct limit limit = limit_of(timeout);

	return timeout == 0 ? 0 : limit_deadline(&limit);
}

static ssize_t response(struct chan *ch, uint64_t number, void *buf, size_t size,
	struct chan_meta *meta, int64_t deadline, bool tries)
{
	struct wish w = {number, buf, size, meta, deadline};
	struct calls *cs = calls_there(ch);
	ssize_t result;

	if (!cs)
		return error_because(-ENOENT, "no such request waits for a reply");
	pthread_mutex_lock(&cs->lock);
	result = await(ch, cs, &w, tries);
	pthread_mutex_unlock(&cs->lock);
	return result;
}

ssize_t chan_response(
	chan_t *ch, uint64_t number, void *buf, size_t size, struct chan_meta *ret, int64_t timeout)
{
	int err;

	error_forget();
	err = check_asker(ch);
	if (err == 0 && timeout < CHAN_WAIT)
		err = error_of_timeout(timeout);
	if (err == 0 && ret)
		err = envelope_check_wanted(ret);
	return err < 0 ? err : response(ch, number, buf, size, ret, deadline_of(timeout), !timeout);
}

/* Take a request back that no server has: 0, or an error if that can't be. */
static int take_back(struct chan *ch, const struct headed_place *place)
{
	uint64_t pos = place->pos, seq = place->seq;
	struct chan *lane = lanes_at(ch, &pos, &seq);
	bool freed;
	int err = lane ? receivers_visit(lane, NULL) : -ESTALE;

	if (err < 0)
		return err;
	err = lane->kind->remove(&lane->ring, pos, seq, 0);
	freed = lane->kind->free(&lane->ring);
	receivers_leave(lane);
	if (freed)
		channel_freed(lane);
	return err;
}

int chan_cancel(chan_t *ch, uint64_t number)
{
	struct calls *cs = calls_there(ch);
	struct call *c;
	int err;

	error_forget();
	err = check_asker(ch);
	if (err < 0)
		return err;
	if (!cs)
		return error_because(-ENOENT, "no such request waits for a reply");
	pthread_mutex_lock(&cs->lock);
	c = find(cs, number);
	if (!c) {
		pthread_mutex_unlock(&cs->lock);
		return error_because(-ENOENT, "no such request waits for a reply");
	}
	if (c->broken)
		err = 0;
	else
		err = take_back(ch, &c->place);
	if (err < 0) /* a server has it, or had it */
		inbox_note_cancelled(cs->inbox, number);
	forget(cs, c);
	pthread_mutex_unlock(&cs->lock);
	return err == 0;
}

ssize_t chan_call(chan_t *ch, const void *msg, size_t len, void *buf, size_t size,
	struct chan_meta *meta, int64_t timeout)
{
	int64_t deadline;
	struct chan_meta full;
	uint64_t number;
	ssize_t n;
	int err;

	error_forget();
	if (timeout < CHAN_WAIT)
		return error_of_timeout(timeout);
	err = meta ? envelope_check_wanted(meta) : 0;
	if (err == 0)
		err = envelope_check_given(meta);
	if (err < 0)
		return err;
	envelope_copy(&full, meta);
	if (full.ttl == 0 && timeout > 0)
		full.ttl = timeout;
	deadline = deadline_of(timeout);
	err = chan_request(ch, msg, len, &full, timeout, &number);
	if (err != 0)
		return err > 0 ? -ECANCELED : err;
	n = response(ch, number, buf, size, &full, deadline, false);
	if (n < 0 && n != -ECONNRESET)
		chan_cancel(ch, number);
	else if (meta)
		*meta = full;
	if (n >= 0 && full.flags & CHAN_META_MORE)
		chan_cancel(ch, number);
	return n;
}
