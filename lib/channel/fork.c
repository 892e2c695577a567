/* SPDX-License-Identifier: MIT */
/*
 * A child of fork() must not have its parent's endpoints: its copies of the
 * descriptors would keep them alive after the parent's death, and its copies of
 * the handles would use locks that it does not own.  The mapping is not
 * inherited (MADV_DONTFORK); here the descriptors are closed and the handles
 * marked.  A child that is made without these handlers (clone(2), vfork) has the
 * close-on-exec flag only.
 *
 * The mutex is this process's own, never in a segment.
 */
#define _GNU_SOURCE 1
#include "channel/channel.h"

#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct chan *all;

/* No cancellation inside: a thread that unwound out of it would leave it locked. */
static int cancel_state; /* the owner's, before */

void fork_lock(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_mutex_lock(&mutex);
	cancel_state = before;
}

void fork_unlock(void)
{
	int before = cancel_state;

	pthread_mutex_unlock(&mutex);
	pthread_setcancelstate(before, &before);
}

static void in_child(void)
{
	for (struct chan *ch = all; ch; ch = ch->next) {
		if (ch->segment.fd >= 0)
			close(ch->segment.fd);
		ch->segment.fd = -1;
		atomic_store_explicit(&ch->orphan, true, memory_order_relaxed);
	}
	thread_locks = 0; /* they are the parent's */
	thread_reservations = 0;
	fork_unlock();
}

static int failed;
static void install(void)
{
	failed = pthread_atfork(fork_lock, fork_unlock, in_child);
}

int fork_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	return failed ? error_from(TRIED_AT_FORK, failed) : 0;
}

void fork_add(struct chan *ch)
{
	ch->next = all;
	ch->link = &all;
	if (all)
		all->link = &ch->next;
	all = ch;
}

void fork_remove(struct chan *ch)
{
	if (!ch->link)
		return;
	*ch->link = ch->next;
	if (ch->next)
		ch->next->link = ch->link;
	ch->link = NULL;
}
