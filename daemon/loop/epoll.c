/* SPDX-License-Identifier: MIT */
/* Waiting with epoll, where io_uring is not available. */
#include "loop/backend.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct state {
	int fd;
};

/* epoll and poll have the same values. */
_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT, "events");

static int start(void **ret, const char **why)
{
	struct state *state = malloc(sizeof(*state));

	(void)why;
	if (!state)
		return -ENOMEM;
	state->fd = epoll_create1(EPOLL_CLOEXEC);
	if (state->fd < 0) {
		free(state);
		return -errno;
	}
	*ret = state;
	return 0;
}

static void stop(void *arg)
{
	struct state *state = arg;

	close(state->fd);
	free(state);
}

static int add(void *arg, struct source *source, uint32_t generation)
{
	struct state *state = arg;
	struct epoll_event event = {
		.events = EPOLLET | (uint32_t)source->events,
		.data.u64 = (uint64_t)generation << 32 | source->slot,
	};

	return epoll_ctl(state->fd, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

static void remove_source(void *arg, struct source *source, uint32_t generation)
{
	struct state *state = arg;

	(void)generation;
	epoll_ctl(state->fd, EPOLL_CTL_DEL, source->fd, NULL);
}

static int milliseconds(int64_t deadline)
{
	int64_t left;

	if (deadline == INT64_MAX)
		return -1;
	if (deadline == 0)
		return 0;
	left = deadline - clock_monotonic();
	if (left <= 0)
		return 0;
	return left > INT64_C(1000000000000) ? 1000000 : (int)((left + 999999) / 1000000);
}

static int wait_events(void *arg, const struct backend_reports *report, int64_t deadline)
{
	struct state *state = arg;
	struct epoll_event events[64];
	int n = epoll_wait(state->fd, events, 64, milliseconds(deadline));

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		report->ready(report->loop, (uint32_t)events[i].data.u64,
			(uint32_t)(events[i].data.u64 >> 32));
	return 0;
}

const struct backend backend_epoll = {
	.name = "epoll",
	.start = start,
	.stop = stop,
	.add = add,
	.remove = remove_source,
	.wait = wait_events,
};
