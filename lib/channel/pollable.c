/* SPDX-License-Identifier: MIT */
/* The model is in pollable.h. */
#include "channel/pollable.h"

#include "base/errors.h"
#include "channel/listener.h"
#include "segment/bell.h"

#include <errno.h>

void pollable_init(struct pollable *p, _Atomic bool *orphan)
{
	*p = (struct pollable){.own = {.fd = -1, .orphan = orphan}};
	pthread_mutex_init(&p->lock, NULL);
}

void pollable_close(struct pollable *p, bool orphan)
{
	listener_end(p->listener, orphan);
	listener_end(p->alarm, orphan);
	descriptor_close(&p->own);
	pthread_mutex_destroy(&p->lock);
}

static int make_with_bell(struct pollable *p, const struct segment *s)
{
	int err = bell_open(&p->own);

	if (err == 0)
		err = bell_listen(&p->own, s);
	if (err < 0)
		descriptor_close(&p->own);
	return err;
}

static int make_with_listener(struct pollable *p, const struct segment *s)
{
	int err = descriptor_eventfd(&p->own);

	if (err < 0)
		return error_from(TRIED_LISTEN, err);
	err = listener_start(&p->listener, &p->own, s);
	if (err < 0)
		descriptor_close(&p->own);
	else
		listener_ring(&p->own);
	return err;
}

static int make(struct pollable *p, const struct segment *s)
{
	int err = make_with_bell(p, s);

	if (err == -EMFILE || err == -EACCES || err == -EOPNOTSUPP)
		err = make_with_listener(p, s);
	if (err < 0)
		return err;
	/* Release: pairs with the acquire in pollable_there(). */
	atomic_store_explicit(&p->there, true, memory_order_release);
	return 0;
}

int pollable_alarm(struct pollable *p, const struct segment *s, int64_t at)
{
	int err = 0;

	pthread_mutex_lock(&p->lock);
	if (!p->alarm)
		err = listener_start(&p->alarm, NULL, s);
	if (err == 0)
		listener_listen(p->alarm, NULL, 0, at);
	pthread_mutex_unlock(&p->lock);
	return err;
}

int pollable_get(struct pollable *p, const struct segment *s)
{
	int err = 0;

	pthread_mutex_lock(&p->lock);
	if (!pollable_there(p))
		err = make(p, s);
	pthread_mutex_unlock(&p->lock);
	return err < 0 ? err : p->own.fd;
}
