/* SPDX-License-Identifier: MIT */
/* epoll(7), level-triggered: a descriptor is there while it is watched. */
#include "relay.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static int loop;

static void watch(struct relay *r, unsigned i, bool on)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

	if (epoll_ctl(loop, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, r->fd[i], &event) < 0)
		relay_fail("epoll_ctl", -errno);
}

int main(int argc, char **argv)
{
	struct epoll_event event[RELAY_FDS];
	struct relay r;

	(void)argc;
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (loop < 0)
		relay_fail("epoll_create1", -errno);
	relay_open(&r, argv, watch);
	while (!relay_done(&r)) {
		int n = epoll_wait(loop, event, RELAY_FDS, -1);

		for (int i = 0; i < n; i++)
			relay_ready(&r, event[i].data.u32);
	}
	relay_close(&r);
	close(loop);
	return 0;
}
