/* SPDX-License-Identifier: MIT */
/* The model is in loop.h.  Timers are a binary heap; timer->place is the index. */
#include "loop/loop.h"

#include "base/clock.h"
#include "base/container.h"
#include "loop/backend.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The pause after accept(2) failed because something was short. */
#define ACCEPT_PAUSE INT64_C(100000000)

struct slot {
	struct source *source;
	uint32_t generation;
	uint32_t next_free;
};

struct loop {
	const struct backend *backend;
	void *state;
	int64_t now;
	struct slot *slots;
	uint32_t slots_size, free_slot; /* slot 0 is never used */
	struct timer **heap;		/* from 1 */
	uint32_t timers, heap_size;
	struct source *again, **again_tail;
	void (*refused)(int err);
	struct timer accept_timer; /* set: listeners wait until there are resources again */
};

int64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

const char *loop_name(const struct loop *loop)
{
	return loop->backend->name;
}

/* ---- life ---- */

static void accept_again(struct timer *timer);
static void accept_later(void *arg, int err);

static int start(struct loop *loop, enum loop_backend backend, const char **why)
{
	int err;

	*why = NULL;
	if (backend != LOOP_EPOLL) {
		loop->backend = &backend_uring;
		err = backend_uring.start(&loop->state, why);
		if (err == 0 || backend == LOOP_URING)
			return err;
	}
	loop->backend = &backend_epoll;
	return backend_epoll.start(&loop->state, why);
}

int loop_new(struct loop **ret, enum loop_backend backend, const char **why)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	loop->again_tail = &loop->again;
	loop->accept_timer.fired = accept_again;
	loop->now = clock_monotonic();
	err = start(loop, backend, why);
	if (err < 0) {
		free(loop);
		return err;
	}
	*ret = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	loop->backend->stop(loop->state);
	free(loop->slots);
	free(loop->heap);
	free(loop);
	return NULL;
}

/* ---- sources ---- */

static int take_slot(struct loop *loop, uint32_t *ret)
{
	uint32_t size = loop->slots_size;

	if (!loop->free_slot) {
		uint32_t larger = size ? 2 * size : 64;
		struct slot *slots = reallocarray(loop->slots, larger, sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		loop->slots = slots;
		loop->slots_size = larger;
		for (uint32_t i = larger - 1; i >= (size ? size : 1); i--) {
			slots[i] = (struct slot){.next_free = loop->free_slot};
			loop->free_slot = i;
		}
	}
	*ret = loop->free_slot;
	loop->free_slot = loop->slots[*ret].next_free;
	return 0;
}

static void give_slot(struct loop *loop, uint32_t slot)
{
	loop->slots[slot].source = NULL;
	loop->slots[slot].generation++; /* events that are under way are for nobody */
	loop->slots[slot].next_free = loop->free_slot;
	loop->free_slot = slot;
}

int loop_add(struct loop *loop, struct source *source)
{
	int err = take_slot(loop, &source->slot);

	if (err < 0)
		return err;
	loop->slots[source->slot].source = source;
	err = loop->backend->add(loop->state, source, loop->slots[source->slot].generation);
	if (err < 0) {
		give_slot(loop, source->slot);
		return err;
	}
	source->added = true;
	source->again = false;
	return 0;
}

void loop_on_refused(struct loop *loop, void (*refused)(int err))
{
	loop->refused = refused;
}

void loop_remove(struct loop *loop, struct source *source)
{
	if (!source->added)
		return;
	loop->backend->remove(loop->state, source, loop->slots[source->slot].generation);
	give_slot(loop, source->slot);
	source->added = false;
	for (struct source **p = &loop->again; source->again && *p; p = &(*p)->next_again)
		if (*p == source) {
			*p = source->next_again;
			if (loop->again_tail == &source->next_again)
				loop->again_tail = p;
			break;
		}
	source->again = false;
}

void loop_again(struct loop *loop, struct source *source)
{
	if (source->again || !source->added)
		return;
	source->again = true;
	source->next_again = NULL;
	*loop->again_tail = source;
	loop->again_tail = &source->next_again;
}

static struct source *find(void *arg, uint32_t slot, uint32_t generation)
{
	const struct loop *loop = arg;

	if (slot >= loop->slots_size || loop->slots[slot].generation != generation)
		return NULL;
	return loop->slots[slot].source;
}

static void connected(void *loop, uint32_t slot, uint32_t generation, int connection)
{
	struct source *source = find(loop, slot, generation);

	if (source)
		source->accepted(source, connection);
	else
		close(connection);
}

static void accept_some(struct loop *loop, uint32_t slot, uint32_t generation)
{
	struct source *source;
	int fd;

	/* A few at a time: clients that are connected have their turn too. */
	for (int i = 0; (source = find(loop, slot, generation)); i++) {
		if (i == 16) {
			loop_again(loop, source);
			return;
		}
		fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			source->accepted(source, fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			accept_later(loop, -errno);
			return;
		}
	}
}

static void ready(void *loop, uint32_t slot, uint32_t generation)
{
	struct source *source = find(loop, slot, generation);

	if (source && source->accepted)
		accept_some(loop, slot, generation);
	else if (source)
		source->ready(source);
}

static void accept_again(struct timer *timer)
{
	struct loop *loop = container_of(timer, struct loop, accept_timer);

	for (uint32_t i = 1; i < loop->slots_size; i++)
		if (loop->slots[i].source && loop->slots[i].source->accepted)
			loop_again(loop, loop->slots[i].source);
}

static void accept_later(void *arg, int err)
{
	struct loop *loop = arg;

	if (loop->refused)
		loop->refused(err);
	loop_timer(loop, &loop->accept_timer, clock_monotonic() + ACCEPT_PAUSE);
}

/* ---- timers ---- */

static void put(struct loop *loop, uint32_t place, struct timer *timer)
{
	loop->heap[place] = timer;
	timer->place = place;
}

/* Put the timer where it belongs, from `place` up or down the heap. */
static void sift(struct loop *loop, uint32_t place, struct timer *timer)
{
	while (place > 1 && timer->at < loop->heap[place / 2]->at) {
		put(loop, place, loop->heap[place / 2]);
		place /= 2;
	}
	for (;;) {
		uint32_t child = 2 * place;

		if (child > loop->timers)
			break;
		if (child < loop->timers && loop->heap[child + 1]->at < loop->heap[child]->at)
			child++;
		if (timer->at <= loop->heap[child]->at)
			break;
		put(loop, place, loop->heap[child]);
		place = child;
	}
	put(loop, place, timer);
}

int loop_timer(struct loop *loop, struct timer *timer, int64_t at)
{
	timer->at = at;
	if (!timer->place) {
		if (loop->timers + 1 >= loop->heap_size) {
			uint32_t larger = loop->heap_size ? 2 * loop->heap_size : 64;
			struct timer **heap = reallocarray(loop->heap, larger, sizeof(*heap));

			if (!heap)
				return -ENOMEM;
			loop->heap = heap;
			loop->heap_size = larger;
		}
		timer->place = ++loop->timers;
	}
	sift(loop, timer->place, timer);
	return 0;
}

void loop_cancel(struct loop *loop, struct timer *timer)
{
	uint32_t place = timer->place;
	struct timer *last;

	if (!place)
		return;
	timer->place = 0;
	last = loop->heap[loop->timers--];
	if (last != timer)
		sift(loop, place, last);
}

static void fire(struct loop *loop)
{
	while (loop->timers && loop->heap[1]->at <= loop->now) {
		struct timer *timer = loop->heap[1];

		loop_cancel(loop, timer);
		timer->fired(timer);
	}
}

/* ---- turns ---- */

static void run_again(struct loop *loop)
{
	/* Sources that ask again while this runs come in the next turn. */
	uint32_t n = 0;

	for (struct source *s = loop->again; s; s = s->next_again)
		n++;
	while (n-- && loop->again) {
		struct source *source = loop->again;
		uint32_t slot = source->slot, generation = loop->slots[slot].generation;

		loop->again = source->next_again;
		if (!loop->again)
			loop->again_tail = &loop->again;
		source->again = false;
		ready(loop, slot, generation);
	}
}

int loop_turn(struct loop *loop)
{
	int64_t deadline = loop->again ? 0 : loop->timers ? loop->heap[1]->at : INT64_MAX;
	const struct backend_reports reports = {loop, find, ready, connected, accept_later};
	int err = loop->backend->wait(loop->state, &reports, deadline);

	loop->now = clock_monotonic();
	run_again(loop);
	fire(loop);
	return err;
}
