/* SPDX-License-Identifier: MIT */
/*
 * Waiting with io_uring.  A source is a multishot poll, a listening socket a multishot
 * accept, each armed once; a request that the kernel ended is armed again.  Where the
 * kernel does not have multishot requests, they are done one shot at a time (an accept: by
 * poll and accept4(2)).  The deadline goes with the wait itself.
 *
 * An event carries its slot and generation; events of slot 0 are for nobody.
 */
#include "loop/backend.h"

#include "base/clock.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ENTRIES 256

uint32_t uring_unknown;

struct state {
	struct io_uring ring;
	bool multishot_poll, multishot_accept;
	/* These are armed again only after the events at hand have been handled. */
	struct rearm {
		uint32_t slot, generation;
	} * rearm;
	size_t rearms, rearm_size;
};

static const char *refusal(int err)
{
	switch (err) {
	case -ENOSYS:
		return "io_uring is not in this kernel";
	case -EPERM:
	case -EACCES:
		return "io_uring is not allowed here (kernel.io_uring_disabled, or a system call "
		       "filter as containers have)";
	case -ENOMEM:
		return "io_uring gets no memory (ulimit -l)";
	}
	return "io_uring could not be set up";
}

static int start(void **ret, const char **why)
{
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return -ENOMEM;
	err = io_uring_queue_init(ENTRIES, &state->ring, IORING_SETUP_CLAMP);
	/* EXT_ARG: a deadline without a request of its own; 5.11. */
	if (err == 0 && !(state->ring.features & IORING_FEAT_EXT_ARG)) {
		io_uring_queue_exit(&state->ring);
		err = -ENOSYS;
	}
	if (err < 0) {
		*why = refusal(err);
		free(state);
		return err;
	}
	state->multishot_poll = state->multishot_accept = true;
	*ret = state;
	return 0;
}

static void stop(void *arg)
{
	struct state *state = arg;

	io_uring_queue_exit(&state->ring);
	free(state->rearm);
	free(state);
}

static struct io_uring_sqe *request(struct state *state)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&state->ring);

	if (!sqe) {
		io_uring_submit(&state->ring);
		sqe = io_uring_get_sqe(&state->ring);
	}
	return sqe;
}

/* A request is known by its source's slot and generation, and by what it is. */
#define ACCEPT (UINT64_C(1) << 31)

static uint64_t tag(const struct source *source, uint32_t generation, bool accept)
{
	return (uint64_t)generation << 32 | source->slot | (accept ? ACCEPT : 0);
}

static int add(void *arg, struct source *source, uint32_t generation)
{
	struct state *state = arg;
	struct io_uring_sqe *sqe = request(state);
	bool accept = source->accepted && state->multishot_accept;

	if (!sqe)
		return -EBUSY;
	if (accept) {
		io_uring_prep_multishot_accept(
			sqe, source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		sqe->ioprio |= (uint16_t)uring_unknown;
	} else {
		io_uring_prep_poll_add(sqe, source->fd, (unsigned)source->events);
		if (state->multishot_poll)
			sqe->len = IORING_POLL_ADD_MULTI | uring_unknown;
	}
	io_uring_sqe_set_data64(sqe, tag(source, generation, accept));
	return 0;
}

static void cancel(struct state *state, uint64_t data)
{
	struct io_uring_sqe *sqe = request(state);

	if (!sqe)
		return; /* its events are for nobody, whenever they come */
	io_uring_prep_cancel64(sqe, data, 0);
	io_uring_sqe_set_data64(sqe, 0);
}

static void remove_source(void *arg, struct source *source, uint32_t generation)
{
	struct state *state = arg;

	if (source->accepted)
		cancel(state, tag(source, generation, true));
	cancel(state, tag(source, generation, false));
	/* This has to happen now: the request holds the file open. */
	io_uring_submit(&state->ring);
}

static void arm_later(struct state *state, struct source *source, uint32_t generation)
{
	if (state->rearms == state->rearm_size) {
		size_t larger = state->rearm_size ? 2 * state->rearm_size : 64;
		struct rearm *grown = reallocarray(state->rearm, larger, sizeof(*grown));

		if (!grown)
			return;
		state->rearm = grown;
		state->rearm_size = larger;
	}
	state->rearm[state->rearms++] = (struct rearm){source->slot, generation};
}

/* A multishot accept ended.  Either the kernel does not have it, or there was no
 * descriptor for it, and it would fail at once again: from here on the backend uses poll
 * and accept4(2), which can pause. */
static void accept_failed(struct state *state, const struct backend_reports *report, int err)
{
	if (err == -EINTR || err == -ECONNABORTED || err == -ECANCELED)
		return;
	state->multishot_accept = false;
	if (err != -EINVAL)
		report->refused(report->loop, err);
}

static void event(
	struct state *state, const struct backend_reports *report, const struct io_uring_cqe *cqe)
{
	uint32_t slot = (uint32_t)(cqe->user_data & ~ACCEPT);
	uint32_t generation = (uint32_t)(cqe->user_data >> 32);
	bool accept = cqe->user_data & ACCEPT;
	int res = cqe->res;
	struct source *source;

	if (accept && res < 0)
		accept_failed(state, report, res);
	else if (accept)
		report->connected(report->loop, slot, generation, res);
	else if (res == -EINVAL)
		state->multishot_poll = false;
	else
		report->ready(report->loop, slot, generation);
	source = report->find(report->loop, slot, generation);
	if (source && !(cqe->flags & IORING_CQE_F_MORE))
		arm_later(state, source, generation);
}

static void arm_again(struct state *state, const struct backend_reports *report)
{
	for (size_t i = 0; i < state->rearms; i++) {
		const struct rearm *r = &state->rearm[i];
		struct source *source = report->find(report->loop, r->slot, r->generation);

		if (source)
			add(state, source, r->generation);
	}
	state->rearms = 0;
}

static int wait_events(void *arg, const struct backend_reports *report, int64_t deadline)
{
	struct state *state = arg;
	struct __kernel_timespec left = {0};
	struct io_uring_cqe *cqe, seen;
	int64_t ns = deadline == 0 ? 0 : deadline - clock_monotonic();
	int err;

	if (deadline != INT64_MAX && ns > 0) {
		left.tv_sec = ns / 1000000000;
		left.tv_nsec = ns % 1000000000;
	}
	err = io_uring_submit_and_wait_timeout(
		&state->ring, &cqe, 1, deadline == INT64_MAX ? NULL : &left, NULL);
	if (err < 0 && err != -ETIME && err != -EINTR && err != -EBUSY && err != -EAGAIN)
		return err;
	/* Handle only what is there now: handlers make more. */
	for (unsigned n = io_uring_cq_ready(&state->ring); n; n--) {
		if (io_uring_peek_cqe(&state->ring, &cqe) < 0)
			break;
		seen = *cqe;
		io_uring_cqe_seen(&state->ring, cqe);
		if (seen.user_data)
			event(state, report, &seen);
	}
	arm_again(state, report);
	return 0;
}

const struct backend backend_uring = {
	.name = "io_uring",
	.start = start,
	.stop = stop,
	.add = add,
	.remove = remove_source,
	.wait = wait_events,
};
