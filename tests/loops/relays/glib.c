/* SPDX-License-Identifier: MIT */
/* GLib's main loop: a source for each descriptor that is watched. */
#include "relay.h"

#include <glib-unix.h>

static struct relay r;
static GMainLoop *loop;
static guint source[RELAY_FDS];

static gboolean ready(gint fd, GIOCondition condition, gpointer number)
{
	unsigned i = GPOINTER_TO_UINT(number);

	(void)fd;
	(void)condition;
	relay_ready(&r, i);
	if (relay_done(&r))
		g_main_loop_quit(loop);
	return G_SOURCE_CONTINUE; /* watch() removes it */
}

static void watch(struct relay *relay, unsigned i, bool on)
{
	if (on)
		source[i] = g_unix_fd_add(relay->fd[i], G_IO_IN, ready, GUINT_TO_POINTER(i));
	else
		g_source_remove(source[i]);
}

int main(int argc, char **argv)
{
	(void)argc;
	loop = g_main_loop_new(NULL, FALSE);
	relay_open(&r, argv, watch);
	g_main_loop_run(loop);
	g_main_loop_unref(loop);
	relay_close(&r);
	return 0;
}
