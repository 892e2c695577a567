/* SPDX-License-Identifier: MIT */
/* epoll(7), edge-triggered: all descriptors stay, and whatever is reported, the relay goes
 * on until it can't. */
#include "relay.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void watch_nothing(struct relay *r, unsigned i, bool on)
{
	(void)r;
	(void)i;
	(void)on;
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int loop = epoll_create1(EPOLL_CLOEXEC);
	struct relay r;

	(void)argc;
	if (loop < 0)
		relay_fail("epoll_create1", -errno);
	relay_open(&r, argv, watch_nothing);
	for (unsigned i = 0; i < RELAY_FDS; i++)
		if (epoll_ctl(loop, EPOLL_CTL_ADD, r.fd[i], &event) < 0)
			relay_fail("epoll_ctl", -errno);
	while (!relay_done(&r))
		if (epoll_wait(loop, &event, 1, -1) > 0)
			relay_changed(&r);
	relay_close(&r);
	close(loop);
	return 0;
}
