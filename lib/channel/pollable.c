/* SPDX-License-Identifier: MIT */
/* The model is in pollable.h. */
#include "channel/pollable.h"

#include "segment/bell.h"

void pollable_init(struct pollable *p, _Atomic bool *orphan)
{
	*p = (struct pollable){.own = {.fd = -1, .orphan = orphan}};
	pthread_mutex_init(&p->lock, NULL);
}

void pollable_close(struct pollable *p)
{
	descriptor_close(&p->own);
	pthread_mutex_destroy(&p->lock);
}

static int make(struct pollable *p, const struct segment *s)
{
	int err = bell_open(&p->own);

	if (err == 0)
		err = bell_listen(&p->own, s);
	if (err < 0) {
		descriptor_close(&p->own);
		return err;
	}
	/* Release: pairs with the acquire in pollable_there(). */
	atomic_store_explicit(&p->there, true, memory_order_release);
	return 0;
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
