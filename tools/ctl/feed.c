/* SPDX-License-Identifier: MIT */
/* The model is in feed.h. */
#include "ctl/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/words.h"
#include "common/bus.h"
#include "common/deadline.h"
#include "common/message.h"
#include "ctl/chand.h"
#include "ctl/event.h"
#include "ctl/monitored.h"
#include "ctl/output.h"

/* How soon to try again where there was no chand, and where one did not answer. */
#define RETRY INT64_C(1000000000)
#define RETRY_SILENT INT64_C(60000000000)

struct feed {
	struct ctl_bus bus;
	enum cli_bus which;
	bool open;
	int64_t again; /* when to connect, if it is not open */
};

static struct feed feeds[] = {{.which = CLI_SYSTEM_BUS}, {.which = CLI_USER_BUS}};
enum { FEEDS = sizeof(feeds) / sizeof(feeds[0]) };

static int poll_fd = -1;
static void (*look_for_names)(void);

const struct feed *feed_of(const char *name)
{
	for (int i = 0; i < FEEDS; i++)
		if (feeds[i].open && bus_name_of(feeds[i].bus.owner, name))
			return &feeds[i];
	return NULL;
}

static void close_feed(struct feed *feed, int64_t retry)
{
	struct monitored *w;

	ctl_bus_close(&feed->bus);
	feed->open = false;
	feed->again = cli_deadline(retry);
	for (size_t i = 0; (w = monitored_at(i)); i++)
		if (w->feed == feed)
			w->feed = NULL;
}

/* Ask for events, unless there is no chand. */
static void open_feed(struct feed *feed)
{
	struct epoll_event in = {.events = EPOLLIN};
	char packet[MESSAGE_MAX + 1];
	struct chand_answer answer = {.lines = NULL};
	struct monitored *w;
	const char *reason;
	int err = ctl_bus_open(&feed->bus, feed->which, &reason);

	if (err < 0) {
		if (cli_bus() == feed->which && !feed->again)
			cli_warn(NULL, "can't ask chand: %s; watching without it",
				bus_unreachable(err, reason) ? bus_problem() : chan_strerror(err));
		feed->again = cli_deadline(err == -ENOTCONN ? RETRY : RETRY_SILENT);
		return;
	}
	feed->open = true;
	err = bus_ask(&feed->bus.chand, BUS_REQUEST(VERB_MONITOR), packet, &answer);
	reason = err < 0 ? answer.lines : NULL;
	if (!err && epoll_ctl(poll_fd, EPOLL_CTL_ADD, feed->bus.chand.socket.fd, &in))
		err = -errno;
	if (err < 0) {
		cli_warn(NULL, "the %s's chand: %s; watching without it", feed->bus.scope,
			reason ? reason : chan_strerror(err));
		close_feed(feed, RETRY_SILENT);
		return;
	}
	for (size_t i = 0; (w = monitored_at(i)); i++) {
		if (w->feed || feed_of(w->channel.name) != feed)
			continue;
		if (w->channel.ch)
			monitored_read_endpoints(
				w); /* a last time: from now on chand reports them */
		w->feed = feed;
		w->redelivered_by_chand = w->redelivered;
	}
}

static struct chan_endpoint *find_end(const struct endpoints *ends, uint32_t id, int32_t pid)
{
	for (unsigned i = 0; i < ends->n; i++)
		if (ends->at[i].id == id && ends->at[i].pid == pid)
			return &ends->at[i];
	return NULL;
}

/* Add an endpoint, in the order of ids. */
static void add_end(struct endpoints *ends, const struct chan_endpoint *end)
{
	unsigned i = ends->n++;

	ends->at = ctl_grow(ends->at, ends->n, sizeof(*ends->at));
	for (; i && ends->at[i - 1].id > end->id; i--)
		ends->at[i] = ends->at[i - 1];
	ends->at[i] = *end;
}

static void drop_end(struct endpoints *ends, struct chan_endpoint *end)
{
	ends->n--;
	memmove(end, end + 1, (size_t)(ends->at + ends->n - end) * sizeof(*end));
}

/* Returns the endpoint of an event: as it registered itself, or as chand describes it, if it
 * is gone already. */
static struct chan_endpoint read_end(const struct monitored *w, const json_t *said)
{
	struct chan_endpoint end = {
		.id = (uint32_t)ctl_bus_number(said, "id"),
		.pid = (int32_t)ctl_bus_number(said, "pid"),
		.uid = (uint32_t)ctl_bus_number(said, "uid"),
	};
	const char *role = ctl_bus_text(said, "role"), *command = ctl_bus_text(said, "command");
	struct endpoints ends = {.n = 0};
	const struct chan_endpoint *registered;

	if (w->channel.ch)
		endpoints_read(w->channel.ch, w->ends.n, &ends);
	registered = find_end(&ends, end.id, end.pid);
	if (registered)
		end = *registered;
	else if (command)
		snprintf(end.command, sizeof(end.command), "%s", command);
	if (!registered && role)
		word_value(&words_side, role, &end.roles);
	free(ends.at);
	return end;
}

static void handle_endpoint_event(struct monitored *w, const char *event, const json_t *said)
{
	struct chan_endpoint end = read_end(w, said);
	struct chan_endpoint *known = find_end(&w->ends, end.id, end.pid);

	if (!strcmp(event, "attached")) {
		if (known)
			return; /* it was read when chand saw it come */
		monitored_report_endpoint(w->channel.name, "attached", &end);
		add_end(&w->ends, &end);
		return;
	}
	monitored_report_endpoint(w->channel.name, event, known ? known : &end);
	if (known)
		drop_end(&w->ends, known);
}

/* The counter may have been read before chand's event came. */
static void handle_redelivery_event(struct monitored *w, uint64_t messages)
{
	w->redelivered_by_chand += messages;
	ctl_event_count(w->channel.name, "redelivered", w->redelivered, w->redelivered_by_chand);
	if (w->redelivered < w->redelivered_by_chand)
		w->redelivered = w->redelivered_by_chand;
}

static void handle_event(struct monitored *w, const char *event, const json_t *said)
{
	const char *origin = ctl_bus_text(said, "origin");

	if (!strcmp(event, "attached") || !strcmp(event, "detached") || !strcmp(event, "died"))
		handle_endpoint_event(w, event, said);
	else if (!strcmp(event, "redelivered"))
		handle_redelivery_event(w, ctl_bus_number(said, "messages"));
	else if (strcmp(event, "created") && strcmp(event, "removed")) /* inotify reports those */
		ctl_event(w->channel.name, event,
			origin ? ctl_detail("origin", ctl_text(origin)) : NULL);
}

/* chand could not send all events: read the endpoints instead. */
static void handle_lost(const struct feed *feed, uint64_t lost)
{
	struct monitored *w;

	cli_warn(NULL, "%" PRIu64 " events of the %s's chand were lost", lost, feed->bus.scope);
	for (size_t i = 0; (w = monitored_at(i)); i++)
		if (w->feed == feed && w->channel.ch)
			monitored_read_endpoints(w);
}

static void read_event(const struct feed *feed, const char *lines)
{
	json_t *said = ctl_bus_object(NULL, lines);
	const char *event = ctl_bus_text(said, "event"), *local = ctl_bus_text(said, "channel");
	char *name = local ? bus_full_name(feed->bus.owner, local) : NULL;
	struct monitored *w = name ? monitored_named(name) : NULL;

	if (name && !w) {
		look_for_names(); /* chand was quicker than inotify */
		w = monitored_named(name);
	}
	if (w && event)
		handle_event(w, event, said);
	if (ctl_bus_number(said, "lost"))
		handle_lost(feed, ctl_bus_number(said, "lost"));
	free(name);
	json_decref(said);
}

static void read_feed(struct feed *feed)
{
	char packet[MESSAGE_MAX + 1];
	struct chand_answer answer;
	int err;

	while ((err = bus_receive(&feed->bus.chand, cli_now(), packet, &answer)) == 0)
		read_event(feed, answer.lines);
	if (err == -ETIMEDOUT || err == -EINTR)
		return;
	cli_warn(NULL, "the %s's chand ended; watching without it", feed->bus.scope);
	close_feed(feed, RETRY);
}

void feeds_read(void)
{
	for (int i = 0; i < FEEDS; i++) {
		struct feed *feed = &feeds[i];

		if (feed->open)
			read_feed(feed);
		else if ((!cli_bus() || cli_bus() == feed->which) && !cli_remaining(feed->again))
			open_feed(feed);
	}
}

void feeds_start(int epoll_fd, void (*names_read)(void))
{
	poll_fd = epoll_fd;
	look_for_names = names_read;
	feeds_read();
}
