/* SPDX-License-Identifier: MIT */
/* io_uring: one poll for each descriptor that is watched, made again after each event. */
#include "relay.h"

#include <liburing.h>
#include <poll.h>

static struct io_uring ring;
static bool pending[RELAY_FDS]; /* in the kernel */

/* Make the poll of a descriptor.  One that is no longer wanted stays until it is answered,
 * and then nothing is done. */
static void watch(struct relay *r, unsigned i, bool on)
{
	struct io_uring_sqe *sqe;

	if (!on || pending[i])
		return;
	sqe = io_uring_get_sqe(&ring); /* there is room for all */
	io_uring_prep_poll_add(sqe, r->fd[i], POLLIN);
	io_uring_sqe_set_data(sqe, &r->fd[i]);
	pending[i] = true;
}

static void answered(struct relay *r, const struct io_uring_cqe *cqe)
{
	unsigned i = (unsigned)((int *)io_uring_cqe_get_data(cqe) - r->fd);

	if (cqe->res < 0)
		relay_fail("poll", cqe->res);
	pending[i] = false;
	relay_ready(r, i);
	watch(r, i, r->watched[i]);
}

int main(int argc, char **argv)
{
	struct io_uring_cqe *cqe;
	struct relay r;
	int err = io_uring_queue_init(8, &ring, 0);

	(void)argc;
	if (err < 0)
		relay_fail("io_uring", err);
	relay_open(&r, argv, watch);
	while (!relay_done(&r)) {
		err = io_uring_submit_and_wait(&ring, 1);
		if (err < 0)
			relay_fail("submit", err);
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			struct io_uring_cqe got = *cqe;

			io_uring_cqe_seen(&ring, cqe);
			answered(&r, &got);
		}
	}
	io_uring_queue_exit(&ring);
	relay_close(&r);
	return 0;
}
