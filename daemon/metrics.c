/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accounts.h"
#include "base/container.h"
#include "channel.h"
#include "common/metrics.h"
#include "config/peer.h"
#include "registry/channels.h"
#include "settings.h"
#include "watch/watch.h"

/* ---- text ---- */

struct sample {
	struct metrics_row *rows;
	struct chan_stat *stats;
	size_t n;
};

static void collect(struct channel *channel, void *arg)
{
	struct sample *all = arg;
	struct chan_stat *stat = &all->stats[all->n];
	int err;

	*stat = (struct chan_stat){.size = sizeof(*stat)};
	err = chan_stat(channel->observer, stat);
	all->rows[all->n++] = (struct metrics_row){channel->spec.name, err < 0 ? NULL : stat};
}

static void put_number(FILE *out, const char *name, const char *type, const char *help, uint64_t n)
{
	fprintf(out, "# TYPE chand_%s %s\n# HELP chand_%s %s\nchand_%s%s %" PRIu64 "\n", name, type,
		name, help, name, *type == 'c' ? "_total" : "", n);
}

char *metrics_text(size_t *len)
{
	struct sample all = {.rows = calloc(channels_count() + 1, sizeof(*all.rows)),
		.stats = calloc(channels_count() + 1, sizeof(*all.stats))};
	struct watch_totals totals = watch_totals();
	char *text = NULL;
	FILE *out = all.rows && all.stats ? open_memstream(&text, len) : NULL;

	if (out) {
		channels_each(collect, &all);
		metrics_print(out, all.rows, all.n);
		put_number(out, "channels", "gauge", "Channels of the totals.", channels_count());
		put_number(out, "processes", "gauge", "Processes watched.", totals.processes);
		put_number(out, "connections", "gauge", "Connections to chand.",
			accounts_connections());
		put_number(out, "deaths", "counter", "Endpoints seen to die.", totals.deaths);
		put_number(
			out, "recoveries", "counter", "Channels put in order.", totals.recoveries);
		put_number(out, "redelivered_messages", "counter",
			"Messages of dead receivers given back.", totals.redelivered);
		fputs("# EOF\n", out);
		if (fclose(out)) {
			free(text);
			text = NULL;
		}
	}
	free(all.rows);
	free(all.stats);
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
	loop_remove(settings->loop, &s->source);
	close(s->source.fd);
	accounts_leave(s->uid);
	free(s->text);
	free(s);
}

static void ready(struct source *source)
{
	struct scrape *s = container_of(source, struct scrape, source);
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
	if (accounts_admit(s->uid, why, sizeof(why)) < 0) {
		free(s);
		close(fd);
		return;
	}
	s->text = metrics_text(&s->len);
	s->source = (struct source){.fd = fd, .events = POLLOUT, .ready = ready};
	if (!s->text || loop_add(settings->loop, &s->source) < 0) {
		drop(s);
		return;
	}
	ready(&s->source);
}

int metrics_start(int fd)
{
	listener = (struct source){.fd = fd, .events = POLLIN, .accepted = accepted};
	return loop_add(settings->loop, &listener);
}
