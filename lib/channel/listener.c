/* SPDX-License-Identifier: MIT */
/* The model is in listener.h. */
#include "channel/listener.h"

#include "base/clock.h"
#include "core/condvar.h"
#include "core/lock.h"
#include "segment/bell.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define SLICE INT64_C(1000000000) /* as wait.c's */
#define IDLE INT64_C(60000000000) /* a look at the orders, of which none is missed */

struct listener {
	pthread_t thread;
	const struct descriptor *to;
	const struct segment *segment;
	struct layout_cond orders; /* of this process: what follows has changed */
	pthread_mutex_t lock;	   /* guards it */
	struct layout_cond *cond;  /* NULL: there is nothing to listen to */
	uint32_t key;
	int64_t at; /* when to ring, whatever happens; DEADLINE_NEVER */
	bool over;
};

void listener_ring(const struct descriptor *d)
{
	const uint64_t one = 1;
	int saved = errno;

	if (descriptor_ours(d) && write(d->fd, &one, sizeof(one)) < 0)
		errno = saved; /* it is readable already */
}

void listener_hear(const struct descriptor *d)
{
	uint64_t count;
	int saved = errno;

	if (descriptor_ours(d) && read(d->fd, &count, sizeof(count)) < 0)
		errno = saved;
}

/* What the thread is to do, as of `key` of the orders. */
struct order {
	uint32_t key;
	bool over;
	struct cond_word words[2]; /* the orders, and the condition if there is one */
	struct layout_cond *cond;
	int64_t at;
};

static struct order current_order(struct listener *l)
{
	struct order o = {.key = cond_arm(&l->orders)};

	pthread_mutex_lock(&l->lock);
	o.over = l->over;
	o.cond = l->cond;
	o.at = l->at;
	if (o.cond)
		o.words[1] = cond_word(o.cond, l->key);
	pthread_mutex_unlock(&l->lock);
	o.words[0] = cond_word(&l->orders, o.key);
	return o;
}

/* The order was carried out, unless there is another one by now. */
static void order_done(struct listener *l, const struct order *o)
{
	pthread_mutex_lock(&l->lock);
	if (!cond_moved(&l->orders, o->key)) {
		l->cond = NULL;
		l->at = DEADLINE_NEVER;
	}
	pthread_mutex_unlock(&l->lock);
}

static void pass_on(const struct listener *l, struct layout_cond *c)
{
	cond_bell bell = cond_pass_on(c);

	if (bell && bell_ring(l->segment))
		cond_rung(c, bell);
}

static void *listen(void *arg)
{
	struct listener *l = arg;

	for (;;) {
		struct order o = current_order(l);
		int64_t end = clock_monotonic() + (o.cond ? SLICE : IDLE);

		if (o.over)
			return NULL;
		if (cond_wait_any(o.words, o.cond ? 2 : 1, end < o.at ? end : o.at) == -EINTR ||
			cond_moved(&l->orders, o.key))
			continue;
		if (!o.cond && clock_monotonic() < o.at)
			continue;
		order_done(l, &o);
		if (l->to)
			listener_ring(l->to);
		else
			bell_ring(l->segment);
		if (o.cond && l->segment->writable && cond_moved(o.cond, o.words[1].key))
			pass_on(l, o.cond);
	}
}

/* Start the thread, with all signals blocked. */
static int start(struct listener *l)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&l->thread, &attr, listen, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err ? -ENOMEM : 0;
}

int listener_start(struct listener **ret, const struct descriptor *d, const struct segment *s)
{
	struct listener *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->to = d;
	l->segment = s;
	l->at = DEADLINE_NEVER;
	pthread_mutex_init(&l->lock, NULL);
	err = cond_init(&l->orders);
	if (err == 0)
		err = start(l);
	if (err < 0)
		free(l);
	else
		*ret = l;
	return err;
}

static void order(struct listener *l, struct layout_cond *c, uint32_t key, int64_t at, bool over)
{
	pthread_mutex_lock(&l->lock);
	l->cond = c;
	l->key = key;
	l->at = at;
	l->over |= over;
	cond_broadcast(&l->orders);
	pthread_mutex_unlock(&l->lock);
}

void listener_listen(struct listener *l, struct layout_cond *c, uint32_t key, int64_t at)
{
	order(l, c, key, at, false);
}

void listener_end(struct listener *l, bool orphan)
{
	int before;

	if (!l)
		return;
	if (!orphan) {
		order(l, NULL, 0, DEADLINE_NEVER, true);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
		pthread_join(l->thread, NULL);
		pthread_setcancelstate(before, &before);
	}
	free(l);
}
