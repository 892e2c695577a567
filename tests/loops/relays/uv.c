/* SPDX-License-Identifier: MIT */
/* libuv: a uv_poll_t for each descriptor. */
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static uv_poll_t handle[RELAY_FDS];

static void check(int err, const char *what)
{
	if (err == 0)
		return;
	fprintf(stderr, "relay: %s: %s\n", what, uv_strerror(err));
	exit(1);
}

static void ready(uv_poll_t *h, int status, int events)
{
	struct relay *r = h->data;

	(void)events;
	check(status, "poll");
	relay_ready(r, (unsigned)(h - handle));
	if (relay_done(r))
		uv_stop(h->loop);
}

static void watch(struct relay *r, unsigned i, bool on)
{
	if (!handle[i].data) {
		check(uv_poll_init(uv_default_loop(), &handle[i], r->fd[i]), "uv_poll_init");
		handle[i].data = r;
	}
	check(on ? uv_poll_start(&handle[i], UV_READABLE, ready) : uv_poll_stop(&handle[i]),
		"uv_poll_start");
}

int main(int argc, char **argv)
{
	struct relay r;

	(void)argc;
	relay_open(&r, argv, watch);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	for (unsigned i = 0; i < RELAY_FDS; i++)
		if (handle[i].data)
			uv_close((uv_handle_t *)&handle[i], NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	uv_loop_close(uv_default_loop());
	relay_close(&r);
	return 0;
}
