/* SPDX-License-Identifier: MIT */
/* See reactor.h.  The timers are a heap, the soonest at its root, place 1. */
#include "recv/reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/deadline.h"

static int epoll = -1;

static struct {
	struct reactor_timer **timer; /* [1..used] */
	size_t used, room;
} heap;

int reactor_start(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll < 0 ? -errno : 0;
}

int reactor_watch(struct reactor_fd *source, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = source};

	if (!epoll_ctl(epoll, EPOLL_CTL_ADD, source->fd, &e))
		return 0;
	source->fd = -1;
	return -errno;
}

int reactor_forget(struct reactor_fd *source)
{
	int fd = source->fd;

	if (fd >= 0)
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	source->fd = -1;
	return fd;
}

/* ---- timers ---- */

static void put_at(size_t place, struct reactor_timer *timer)
{
	heap.timer[place] = timer;
	timer->place = place;
}

/* Put the timer where it belongs, at that free place or above or below it. */
static void sift(size_t place, struct reactor_timer *timer)
{
	for (; place > 1 && timer->at < heap.timer[place / 2]->at; place /= 2)
		put_at(place, heap.timer[place / 2]);
	for (size_t child; (child = 2 * place) <= heap.used; place = child) {
		if (child < heap.used && heap.timer[child + 1]->at < heap.timer[child]->at)
			child++;
		if (timer->at <= heap.timer[child]->at)
			break;
		put_at(place, heap.timer[child]);
	}
	put_at(place, timer);
}

int reactor_set(struct reactor_timer *timer, int64_t at)
{
	reactor_cancel(timer);
	if (heap.used + 1 >= heap.room) {
		size_t room = heap.room ? 2 * heap.room : 64;
		struct reactor_timer **t =
			realloc(heap.timer, room * sizeof(struct reactor_timer *));

		if (!t)
			return -ENOMEM;
		heap.timer = t;
		heap.room = room;
	}
	timer->at = at;
	sift(++heap.used, timer);
	return 0;
}

void reactor_cancel(struct reactor_timer *timer)
{
	size_t place = timer->place;
	struct reactor_timer *last;

	if (!place)
		return;
	timer->place = 0;
	last = heap.timer[heap.used--];
	if (last != timer)
		sift(place, last);
}

/* ---- waiting ---- */

/* In milliseconds, rounded up: it is not to wake just before the time. */
static int milliseconds(int64_t left)
{
	if (left == CHAN_WAIT)
		return -1;
	if (left > INT64_C(3600000000000))
		left = INT64_C(3600000000000);
	return (int)((left + 999999) / 1000000);
}

void reactor_turn(int64_t deadline)
{
	struct epoll_event e;
	int n;

	if (heap.used)
		deadline = cli_sooner(deadline, heap.timer[1]->at);
	n = epoll_wait(epoll, &e, 1, milliseconds(cli_remaining(deadline)));
	if (n > 0) {
		struct reactor_fd *source = e.data.ptr;

		source->ready(source);
	}
	while (heap.used && heap.timer[1]->at <= cli_now()) {
		struct reactor_timer *timer = heap.timer[1];

		reactor_cancel(timer);
		timer->due(timer);
	}
}
