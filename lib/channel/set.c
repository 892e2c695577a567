/* SPDX-License-Identifier: MIT */
/*
 * Sets: waiting for many endpoints, at a cost that follows what became ready.
 *
 * One descriptor listens to the bells of all members' channels (segment/bell.h).  A member is
 * *hot* if it may be ready, or idle.  It becomes idle in one place only, settle(): a look
 * found nothing, the bell's bit was set, and a look after that found nothing either; so
 * whoever changes something rings, and the ring makes it hot again.  A wait looks at those
 * that are hot, and sleeps if none is ready.
 */
#include "channel/set.h"

#include "channel/attach.h"
#include "channel/create.h"
#include "channel/detach.h"
#include "channel/name.h"
#include "channel/receive.h"
#include "channel/rest.h"
#include "channel/sender.h"
#include "channel/wait.h"

#include <limits.h>
#include <poll.h>
#include <search.h>
#include <stdlib.h>

/* How long one round of looks waits for locks, and how soon it looks again at a member whose
 * lock was not free that long. */
#define MOMENT INT64_C(10000000)
/* How soon it looks again at a member of whose peers one is dying (rest.h). */
#define DYING INT64_C(500000)

struct member {
	chan_t *ch;
	unsigned role;
	size_t len; /* to send: ready when so many bytes have room */
	void *data;
	int64_t alert; /* hot until then: a peer may be dying */
	struct ear *ear;
	struct waiter waiter;		     /* idle: what the endpoint table shows */
	struct member *next;		     /* of the same ear */
	struct member *hot_next, **hot_link; /* NULL: idle */
};

/* What listens for the members of one channel. */
struct ear {
	int number; /* of the bell's watch */
	struct member *first;
	struct ear *next, **link; /* all of the set */
};

struct chan_set {
	struct descriptor own;
	_Atomic bool orphan;
	_Atomic bool used; /* a call is under way */
	bool polled;	   /* somebody polls the descriptor */
	void *members;	   /* a tree, by endpoint and role */
	struct ear *first;
	void *ears; /* a tree, by number */
	struct member *hot, **hot_end;
	int64_t now; /* when the call last looked at the clock */
};

/* ---- one call at a time ---- */

static int enter(chan_set_t *set)
{
	if (atomic_load_explicit(&set->orphan, memory_order_relaxed))
		return -ENOTCONN;
	/* Acquire: pairs with leave(). */
	if (atomic_exchange_explicit(&set->used, true, memory_order_acquire))
		return error_because(-EBUSY, "another thread uses the set");
	return 0;
}

static int leave(chan_set_t *set, int result)
{
	atomic_store_explicit(&set->used, false, memory_order_release);
	return result;
}

/* ---- hot and idle ---- */

static void make_idle(chan_set_t *set, struct member *m)
{
	if (!m->hot_link)
		return;
	*m->hot_link = m->hot_next;
	if (m->hot_next)
		m->hot_next->hot_link = m->hot_link;
	else
		set->hot_end = m->hot_link;
	m->hot_link = NULL;
}

/* It waits no more; an endpoint that was detached shows nothing. */
static void end_waiting(struct member *m)
{
	if (!is_orphan(m->ch))
		waiters_remove(&m->ch->waiters, &m->waiter);
}

/* Make it hot, and the last of those. */
static void make_hot(chan_set_t *set, struct member *m)
{
	make_idle(set, m);
	m->hot_next = NULL;
	m->hot_link = set->hot_end;
	*set->hot_end = m;
	set->hot_end = &m->hot_next;
}

static struct layout_cond *cond_of(const struct member *m)
{
	return m->role == CHAN_SEND ? &m->ch->control->not_full : &m->ch->control->not_empty;
}

/* Look at a member: 0 if a call may go on, and be it with an error; or -EAGAIN, -EBUSY, or
 * -EINTR if it is interrupted. */
static int look(struct member *m, struct limit *round)
{
	int err;

	if (is_orphan(m->ch)) /* it was detached: its calls say so */
		return 0;
	if (atomic_load_explicit(&m->ch->interrupted, memory_order_relaxed))
		return -EINTR;
	err = m->role == CHAN_SEND ? sender_ready(m->ch, m->len, round)
				   : receiver_ready(m->ch, round);
	return err == -EAGAIN || err == -EBUSY ? err : 0;
}

/* A look found nothing.  Make it idle, unless a second one finds something: its result. */
static int settle(chan_set_t *set, struct member *m, struct limit *round)
{
	int err;

	channel_arm_bell(m->ch, cond_of(m));
	channel_announced(m->ch, cond_of(m));
	channel_receiver_came(m->ch, cond_of(m));
	err = look(m, round);
	if (err == -EAGAIN && set->now >= m->alert) {
		make_idle(set, m);
		if (!m->waiter.since) /* else what was heard was not for it */
			waiters_add(&m->ch->waiters, &m->waiter, set->now);
	}
	return err;
}

/* ---- hearing ---- */

static int by_number(const void *a, const void *b)
{
	int x = ((const struct ear *)a)->number, y = ((const struct ear *)b)->number;

	return (x > y) - (x < y);
}

static int by_endpoint(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->ch != y->ch)
		return (uintptr_t)x->ch < (uintptr_t)y->ch ? -1 : 1;
	return (x->role > y->role) - (x->role < y->role);
}

static void heard_of(chan_set_t *set, struct ear *e, struct bell_heard what)
{
	for (struct member *m = e->first; m; m = m->next) {
		make_hot(set, m);
		if (is_orphan(m->ch))
			continue;
		if (what.named)
			channel_notice(m->ch);
		if (what.closed && depends_on_life(m->ch))
			m->alert = set->now + REST_ALERT;
	}
}

static void heard_of_all(chan_set_t *set, struct bell_heard what)
{
	for (struct ear *e = set->first; e; e = e->next)
		heard_of(set, e, what);
}

/* Return when to look again at the latest.  The bell and deaths are heard; but in the
 * reference chan_interrupt() wakes nobody, since it may be in a signal handler. */
static int64_t longest_sleep(int64_t now)
{
	return CONDVAR_KIND == LAYOUT_CONDVAR_FUTEX ? DEADLINE_NEVER : now + WAIT_SLICE;
}

static void heard(int number, struct bell_heard what, void *arg)
{
	chan_set_t *set = arg;
	struct ear key = {.number = number}, **found;

	if (number < 0) { /* the kernel's queue ran over */
		heard_of_all(set, (struct bell_heard){.named = true, .closed = true});
		return;
	}
	found = tfind(&key, &set->ears, by_number);
	if (found) /* else it was removed meanwhile */
		heard_of(set, *found, what);
}

/* ---- waiting ---- */

/* Look at all that are hot: how many are ready, of which the first n are in `ret`; or
 * -EAGAIN, -EBUSY or -EINTR.  Those that are given go to the end. */
static int gather(chan_set_t *set, struct chan_ready *ret, unsigned n)
{
	struct limit round = {.timeout = 0, .deadline = set->now + MOMENT};
	struct member *m = set->hot, *next, **last = set->hot_end;
	bool busy = false;
	unsigned got = 0;
	int err;

	for (; m && got < n; m = next) {
		/* Not further than the one that was the last: what is ready is put behind. */
		next = &m->hot_next == last ? NULL : m->hot_next;
		err = look(m, &round);
		if (err == -EAGAIN)
			err = settle(set, m, &round);
		if (err == -EINTR)
			return -EINTR;
		busy |= err == -EBUSY;
		if (err < 0)
			continue;
		ret[got++] = (struct chan_ready){.ch = m->ch, .data = m->data, .role = m->role};
		end_waiting(m);
		make_hot(set, m);
	}
	return got ? (int)got : busy ? -EBUSY : -EAGAIN;
}

/* Sleep until something is heard, or `end`. */
static void sleep_until(const chan_set_t *set, int64_t end)
{
	struct pollfd p = {.fd = set->own.fd, .events = POLLIN};
	int64_t left = end - set->now;
	struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
	int before, saved = errno;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	ppoll(&p, 1, &t, NULL); /* a signal is one more look */
	pthread_setcancelstate(before, &before);
	errno = saved;
}

/* Leave; if somebody polls the descriptor and a member may be ready, ring, so that it comes
 * again. */
static int answer(chan_set_t *set, int result)
{
	if (set->polled && set->hot)
		bell_ring(&set->hot->ch->segment);
	return leave(set, result);
}

int chan_set_wait(chan_set_t *set, struct chan_ready *ret, unsigned n, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	int64_t deadline, end;
	int got, err;

	error_forget();
	if (timeout < CHAN_WAIT)
		return error_of_timeout(timeout);
	if (n == 0 || n > INT_MAX)
		return error_because(-EINVAL, "n: is 0 or above INT_MAX");
	err = enter(set);
	if (err < 0)
		return err;
	deadline = limit_deadline(&limit);
	for (;;) {
		if (!descriptor_ours(&set->own))
			return leave(set, -EBADFD);
		set->now = clock_monotonic();
		bell_hear(&set->own, heard, set);
		got = gather(set, ret, n);
		if (got != -EAGAIN && got != -EBUSY)
			return answer(set, got);
		if (deadline == DEADLINE_NOW)
			return answer(set, got);
		if (set->now >= deadline)
			return answer(set, -ETIMEDOUT);
		end = got == -EBUSY ? set->now + MOMENT
		      : set->hot    ? set->now + DYING
				    : longest_sleep(set->now);
		sleep_until(set, end < deadline ? end : deadline);
		if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX)
			heard_of_all(set, (struct bell_heard){.closed = false});
	}
}

int chan_set_fd(chan_set_t *set)
{
	int err = enter(set);

	if (err < 0)
		return err;
	if (!descriptor_ours(&set->own))
		return leave(set, -EBADFD);
	set->polled = true;
	return answer(set, set->own.fd);
}

/* ---- members ---- */

/* Find the ear of that number, or make it: NULL if there is no memory. */
static struct ear *ear_of(chan_set_t *set, int number)
{
	struct ear *e = malloc(sizeof(*e)), **found;

	if (!e)
		return NULL;
	*e = (struct ear){.number = number};
	found = tsearch(e, &set->ears, by_number);
	if (!found || *found != e) {
		free(e);
		return found ? *found : NULL;
	}
	e->next = set->first;
	e->link = &set->first;
	if (e->next)
		e->next->link = &e->next;
	set->first = e;
	return e;
}

static void release_ear(chan_set_t *set, struct ear *e)
{
	if (e->first)
		return;
	tdelete(e, &set->ears, by_number);
	*e->link = e->next;
	if (e->next)
		e->next->link = e->link;
	bell_ignore(&set->own, e->number);
	free(e);
}

/* Let the new member, which is in the tree, listen. */
static int listen_for(chan_set_t *set, struct member *m)
{
	int number = bell_listen(&set->own, &m->ch->segment);

	if (number < 0)
		return number;
	m->ear = ear_of(set, number);
	if (!m->ear)
		return -ENOMEM;
	m->next = m->ear->first;
	m->ear->first = m;
	make_hot(set, m);
	return 0;
}

/* Add a member: 0, 1 if it was there (*ret is that one), or an error. */
static int add(chan_set_t *set, const struct member *like, struct member **ret)
{
	struct member *m = malloc(sizeof(*m)), **found;
	int err;

	if (!m)
		return -ENOMEM;
	*m = *like;
	m->alert = m->ch->known_at;
	found = tsearch(m, &set->members, by_endpoint);
	if (!found || *found != m) {
		free(m);
		*ret = found ? *found : NULL;
		return found ? 1 : -ENOMEM;
	}
	err = listen_for(set, m);
	if (err < 0) {
		tdelete(m, &set->members, by_endpoint);
		free(m);
		return err;
	}
	atomic_fetch_add_explicit(&m->ch->holders, 1, memory_order_relaxed);
	*ret = m;
	return 0;
}

int chan_set_add(chan_set_t *set, chan_t *ch, unsigned role, void *data)
{
	struct member like = {.ch = ch, .role = role, .data = data}, *m;
	int err;

	error_forget();
	err = side_check(ch, role);
	if (err == 0)
		err = enter(set);
	if (err < 0)
		return err;
	like.len = ch->segment.header.max_message;
	err = add(set, &like, &m);
	return leave(set, err == 1 ? -EEXIST : err);
}

int set_add(chan_set_t *set, chan_t *ch, unsigned role, size_t len)
{
	struct member like = {.ch = ch, .role = role, .len = len}, *m;
	int err = enter(set);

	if (err < 0)
		return err;
	err = add(set, &like, &m);
	if (err == 1 && len < m->len)
		m->len = len;
	return leave(set, err < 0 ? err : 0);
}

/* Take the member out of its ear, and free it. */
static void drop(chan_set_t *set, struct member *m)
{
	struct member **at = &m->ear->first;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	end_waiting(m);
	make_idle(set, m);
	release_ear(set, m->ear);
	handle_release(m->ch);
	free(m);
}

int chan_set_remove(chan_set_t *set, chan_t *ch, unsigned role)
{
	struct member key = {.ch = ch, .role = role}, **found, *m;
	int err = enter(set);

	if (err < 0)
		return err;
	found = tfind(&key, &set->members, by_endpoint);
	if (!found)
		return leave(set, error_because(-ENOENT, "the set does not have it"));
	m = *found;
	tdelete(m, &set->members, by_endpoint);
	drop(set, m);
	return leave(set, 0);
}

int chan_set_create(chan_set_t **ret)
{
	chan_set_t *set;
	int err;

	error_forget();
	err = channels_prepare();
	if (err < 0)
		return err;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->hot_end = &set->hot;
	set->own = (struct descriptor){.fd = -1, .orphan = &set->orphan};
	err = bell_open(&set->own);
	if (err < 0) {
		free(set);
		return err;
	}
	*ret = set;
	return 0;
}

void chan_set_destroy(chan_set_t *set)
{
	if (!set)
		return;
	/* The descriptor first: then there is nothing to ignore one by one. */
	descriptor_close(&set->own);
	while (set->members) {
		struct member *m = *(struct member **)set->members;

		tdelete(m, &set->members, by_endpoint);
		drop(set, m);
	}
	free(set);
}
