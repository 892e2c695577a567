/* SPDX-License-Identifier: MIT */
/* sd-event: a source for each descriptor, enabled while it is watched. */
#include "relay.h"

#include <sys/epoll.h>
#include <systemd/sd-event.h>

static sd_event *loop;
static sd_event_source *source[RELAY_FDS];

static int ready(sd_event_source *s, int fd, uint32_t events, void *arg)
{
	struct relay *r = arg;

	(void)s;
	(void)events;
	for (unsigned i = 0; i < RELAY_FDS; i++)
		if (r->fd[i] == fd)
			relay_ready(r, i);
	return relay_done(r) ? sd_event_exit(loop, 0) : 0;
}

static void watch(struct relay *r, unsigned i, bool on)
{
	int err = 0;

	if (!source[i])
		err = sd_event_add_io(loop, &source[i], r->fd[i], EPOLLIN, ready, r);
	if (err >= 0)
		err = sd_event_source_set_enabled(source[i], on ? SD_EVENT_ON : SD_EVENT_OFF);
	if (err < 0)
		relay_fail("sd-event", err);
}

int main(int argc, char **argv)
{
	struct relay r;
	int err = sd_event_new(&loop);

	(void)argc;
	if (err < 0)
		relay_fail("sd_event_new", err);
	relay_open(&r, argv, watch);
	err = sd_event_loop(loop);
	if (err < 0)
		relay_fail("sd_event_loop", err);
	for (unsigned i = 0; i < RELAY_FDS; i++)
		sd_event_source_unref(source[i]);
	sd_event_unref(loop);
	relay_close(&r);
	return 0;
}
