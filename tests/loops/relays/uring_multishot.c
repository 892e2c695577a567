/* SPDX-License-Identifier: MIT */
/* io_uring: one poll for each descriptor, once and for all (multishot), which reports
 * changes; so the relay goes on until it can't. */
#include "relay.h"

#include <liburing.h>
#include <poll.h>

static struct io_uring ring;

static void watch_nothing(struct relay *r, unsigned i, bool on)
{
	(void)r;
	(void)i;
	(void)on;
}

static void watch(int *fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring); /* there is room for all */

	io_uring_prep_poll_multishot(sqe, *fd, POLLIN);
	io_uring_sqe_set_data(sqe, fd);
}

int main(int argc, char **argv)
{
	struct io_uring_cqe *cqe;
	struct relay r;
	int err = io_uring_queue_init(8, &ring, 0);

	(void)argc;
	if (err < 0)
		relay_fail("io_uring", err);
	relay_open(&r, argv, watch_nothing);
	for (unsigned i = 0; i < RELAY_FDS; i++)
		watch(&r.fd[i]);
	while (!relay_done(&r)) {
		err = io_uring_submit_and_wait(&ring, 1);
		if (err < 0)
			relay_fail("submit", err);
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			if (cqe->res < 0)
				relay_fail("poll", cqe->res);
			/* The kernel may end it, when too many answers are not yet seen. */
			if (!(cqe->flags & IORING_CQE_F_MORE))
				watch(io_uring_cqe_get_data(cqe));
			io_uring_cqe_seen(&ring, cqe);
		}
		relay_changed(&r);
	}
	io_uring_queue_exit(&ring);
	relay_close(&r);
	return 0;
}
