/* SPDX-License-Identifier: MIT */
/* The model is in work.h.  A thread reports its end by a pointer through a pipe. */
#include "loop/work.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"

#define STACK (256 << 10)
#define RETRY INT64_C(10000000)

static struct loop *loop;
static int ended[2] = {-1, -1};
static unsigned running;
static struct work *first, **end = &first; /* those without a thread yet */
static struct timer retry;

static void *thread(void *arg)
{
	struct work *work = arg;

	work->run(work);
	/* A pointer is written whole. */
	while (write(ended[1], &work, sizeof(work)) < 0 && errno == EINTR)
		;
	return NULL;
}

static int start_thread(struct work *work)
{
	pthread_attr_t attr;
	pthread_t id;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&id, &attr, thread, work);
	pthread_attr_destroy(&attr);
	if (!err)
		running++;
	return -err;
}

static void start_waiting(void)
{
	while (first && start_thread(first) == 0) {
		first = first->next;
		if (!first)
			end = &first;
	}
	if (first)
		loop_timer(loop, &retry, clock_monotonic() + RETRY);
}

static void retry_fired(struct timer *timer)
{
	(void)timer;
	start_waiting();
}

void work_start(struct work *work)
{
	work->next = NULL;
	*end = work;
	end = &work->next;
	start_waiting();
}

static void take_ended(struct source *source)
{
	struct work *work;

	while (read(source->fd, &work, sizeof(work)) == sizeof(work)) {
		running--;
		work->done(work);
	}
}

static struct source source = {.events = POLLIN, .ready = take_ended};

int work_init(struct loop *of)
{
	loop = of;
	retry.fired = retry_fired;
	if (pipe2(ended, O_CLOEXEC) < 0 || fcntl(ended[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	source.fd = ended[0];
	return loop_add(loop, &source);
}

void work_finish(void)
{
	struct pollfd some = {.fd = ended[0], .events = POLLIN};

	while (running || first) {
		start_waiting();
		if (poll(&some, 1, running ? -1 : 10) == 1)
			take_ended(&source);
	}
}
