/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus.h"
#include "control.h"
#include "ctl/ctl.h"
#include "registry.h"
#include "supervise.h"

/* ---- text ---- */

static void collect(struct channel *channel, void *arg)
{
	struct ctl_channels *all = arg;
	struct ctl_channel *to = &all->at[all->n++];

	/* The registry's own: nothing of it is freed here. */
	*to = (struct ctl_channel){.name = channel->spec.name, .ch = channel->ch};
	to->stat.size = sizeof(to->stat);
	if (chan_stat(channel->ch, &to->stat) < 0)
		to->ch = NULL;
}

static void put_number(FILE *out, const char *name, const char *type, const char *help, uint64_t n)
{
	fprintf(out, "# TYPE chand_%s %s\n# HELP chand_%s %s\nchand_%s%s %" PRIu64 "\n", name, type,
		name, help, name, *type == 'c' ? "_total" : "", n);
}

char *metrics_text(size_t *len)
{
	struct ctl_channels all = {.at = calloc(registry_count() + 1, sizeof(*all.at))};
	char *text = NULL;
	FILE *out = all.at ? open_memstream(&text, len) : NULL;

	if (out) {
		registry_each(collect, &all);
		ctl_metrics_print(out, &all);
		put_number(out, "channels", "gauge", "Channels of the bus.", registry_count());
		put_number(out, "processes", "gauge", "Processes watched.", supervise_processes());
		put_number(out, "connections", "gauge", "Connections to chand.",
			control_connections());
		put_number(out, "deaths", "counter", "Endpoints seen to die.", bus.deaths);
		put_number(out, "recoveries", "counter", "Channels put in order.", bus.recoveries);
		put_number(out, "redelivered_messages", "counter",
			"Messages of dead receivers given back.", bus.redelivered);
		fputs("# EOF\n", out);
		if (fclose(out)) {
			free(text);
			text = NULL;
		}
	}
	free(all.at);
	return text;
}

/* ---- socket ---- */

struct scrape {
	struct source source;
	uid_t uid;
	char *text;
	size_t len, at;
};

static struct source listener;

static void drop(struct scrape *s)
{
	loop_remove(bus.loop, &s->source);
	close(s->source.fd);
	control_leave(s->uid);
	free(s->text);
	free(s);
}

static void ready(struct source *source)
{
	struct scrape *s = (struct scrape *)((char *)source - offsetof(struct scrape, source));
	ssize_t n = 0;

	while (s->at < s->len) {
		n = send(source->fd, s->text + s->at, s->len - s->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			break;
		s->at += (size_t)n;
	}
	if (s->at == s->len || (n < 0 && errno != EAGAIN && errno != EINTR))
		drop(s);
}

static void accepted(struct source *source, int fd)
{
	struct scrape *s = calloc(1, sizeof(*s));
	struct peer peer;
	char why[256];

	(void)source;
	if (!s || peer_get(&peer, fd) < 0) {
		free(s);
		close(fd);
		return;
	}
	s->uid = peer.uid;
	peer_done(&peer);
	if (control_admit(s->uid, why, sizeof(why)) < 0) {
		free(s);
		close(fd);
		return;
	}
	s->text = metrics_text(&s->len);
	s->source = (struct source){.fd = fd, .events = POLLOUT, .ready = ready};
	if (!s->text || loop_add(bus.loop, &s->source) < 0) {
		drop(s);
		return;
	}
	ready(&s->source);
}

int metrics_start(int fd)
{
	listener = (struct source){.fd = fd, .events = POLLIN, .accepted = accepted};
	return loop_add(bus.loop, &listener);
}
