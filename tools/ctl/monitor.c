/* SPDX-License-Identifier: MIT */
/*
 * chanctl monitor.  inotify reports names that appear and disappear, in that order.  All
 * other events are differences between two readings of a channel's state, 50 ms apart:
 * what comes and goes in between shows in the counters only.  A channel's last state is
 * read before it is reported as removed, since its memory lives on while it is open here.
 *
 * A chand that keeps the channel sends events about endpoints, deaths and repairs as they
 * happen, and then these are not read.  When chand ends, they are read again; when it
 * starts, it is asked again.  Without inotify, names are listed once a second.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/words.h"
#include "common/bus.h"
#include "common/deadline.h"
#include "common/endpoints.h"
#include "common/failure.h"
#include "common/inotify.h"
#include "common/message.h"
#include "common/signals.h"
#include "common/user.h"
#include "ctl/chand.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/verb.h"

enum { READ_EVERY = 50000000 };

/* How often to list the names, without inotify. */
#define NAMES_EVERY INT64_C(1000000000)

/* How soon to try again where there was no chand, and where one did not answer. */
#define RETRY INT64_C(1000000000)
#define RETRY_SILENT INT64_C(60000000000)

static struct feed {
	struct ctl_bus bus;
	enum cli_bus which;
	bool open;
	int64_t again; /* when to connect, if it is not open */
} feeds[] = {{.which = CLI_SYSTEM_BUS}, {.which = CLI_USER_BUS}};
enum { FEEDS = sizeof(feeds) / sizeof(feeds[0]) };

struct watched {
	struct ctl_channel channel;
	struct endpoints ends;	 /* at the last reading, changed by what chand reported since */
	const struct feed *feed; /* that reports its endpoints, or NULL */
	/* Redeliveries, as the channel counts them: those reported, and those of chand's events. */
	uint64_t redelivered, redelivered_by_chand;
};

static struct watched *watched;
static size_t watching;
static const char *glob;
static int names_fd = -1, poll_fd = -1;
static int64_t names_again; /* when to list the names, if there is no names_fd */
static int status;	    /* of stdout */

/* An event: a line, of JSON or for people, made of the same members. */

static void put_text(FILE *out, const char *channel, const char *event, json_t *details)
{
	int64_t now = clock_real();
	const char *key;
	char when[32];
	json_t *value;

	ctl_time_text(when, sizeof(when), now);
	fprintf(out, "%s.%03d %s %s", when, (int)(now / 1000000 % 1000), channel, event);
	json_object_foreach(details, key, value)
	{
		if (json_is_string(value))
			fprintf(out, " %s=%s", key, json_string_value(value));
		else
			fprintf(out, " %s=%lld", key, (long long)json_integer_value(value));
	}
	fputc('\n', out);
}

/* Print an event.  Takes the reference of `details`, which may be NULL. */
static void report(const char *channel, const char *event, json_t *details)
{
	json_t *line;
	char *text;
	size_t len;
	FILE *out;
	int r;

	if (ctl_output.json) {
		line = json_object();
		ctl_set(line, "ts", ctl_time(clock_real()));
		ctl_set(line, "ch", ctl_text(channel));
		ctl_set(line, "event", ctl_text(event));
		if (details)
			json_object_update(line, details);
		ctl_output.pretty = false; /* a line an event */
		r = ctl_write_json(line);
	} else {
		out = ctl_memory(&text, &len);
		put_text(out, channel, event, details);
		ctl_memory_end(out);
		r = ctl_write_free(text, len);
	}
	json_decref(details);
	if (!status)
		status = r;
}

static json_t *make_detail(const char *key, json_t *value)
{
	json_t *details = json_object();

	ctl_set(details, key, value);
	return details;
}

/* Differences between two readings. */

static void report_endpoint(const char *channel, const char *event, const struct chan_endpoint *end)
{
	json_t *details = make_detail("role", ctl_text(ctl_side(end->roles)));

	ctl_set(details, "pid", ctl_number((uint64_t)end->pid));
	ctl_set(details, "user", ctl_text(cli_user(end->uid)));
	if (*end->command) /* chand may have been too late to read it */
		ctl_set(details, "command", ctl_text(end->command));
	report(channel, event, details);
}

static void report_attached(const struct chan_endpoint *end, void *channel)
{
	report_endpoint(channel, "attached", end);
}

static void report_detached(const struct chan_endpoint *end, void *channel)
{
	report_endpoint(channel, "detached", end);
}

static void read_endpoints(struct watched *w)
{
	struct endpoints now;

	if (endpoints_read(w->channel.ch, w->ends.n, &now) < 0)
		return;
	endpoints_compare(&w->ends, &now, report_attached, report_detached, w->channel.name);
	free(w->ends.at);
	w->ends = now;
}

static void report_count(const char *channel, const char *event, uint64_t before, uint64_t now)
{
	if (now > before)
		report(channel, event, make_detail("count", ctl_number(now - before)));
}

static void report_change(
	const char *channel, bool before, bool now, const char *on, const char *off)
{
	if (before != now && (now ? on : off))
		report(channel, now ? on : off, NULL);
}

static void read_state(struct watched *w)
{
	struct ctl_channel *ch = &w->channel;
	const struct chan_stat *was = &ch->before, *is = &ch->stat;

	if (!ch->ch)
		return;
	if (!w->feed)
		read_endpoints(w);
	if (ctl_refresh(ch) < 0)
		return;
	report_change(ch->name, was->depth, is->depth, "nonempty", "empty");
	report_change(ch->name, was->full, is->full, "full", "notfull");
	report_count(ch->name, "dropped", ctl_dropped(was), ctl_dropped(is));
	report_count(ch->name, "redelivered", w->redelivered, is->redelivered);
	w->redelivered = is->redelivered;
	report_count(ch->name, "recovered", was->recoveries, is->recoveries);
	if (is->closed != was->closed)
		report(ch->name, "closed",
			make_detail("how", ctl_text(is->closed == 1 ? "drain" : "discard")));
	report_change(ch->name, was->damaged, is->damaged, "damaged", NULL);
}

/* Names. */

static struct watched *find_watched(const char *name)
{
	for (size_t i = 0; i < watching; i++)
		if (!strcmp(watched[i].channel.name, name))
			return &watched[i];
	return NULL;
}

static const struct feed *find_feed(const char *name)
{
	for (int i = 0; i < FEEDS; i++)
		if (feeds[i].open && bus_name_of(feeds[i].bus.owner, name))
			return &feeds[i];
	return NULL;
}

/* Start to watch a channel: report the channel and its endpoints.  Later readings are
 * compared with this one. */
static void start_watching(const char *name, const char *event)
{
	struct watched *w;
	int r;

	watched = ctl_grow(watched, watching + 1, sizeof(*watched));
	w = &watched[watching++];
	*w = (struct watched){0};
	r = ctl_open(&w->channel, name);
	report(name, event,
		r == -ENOENT ? NULL : make_detail("state", ctl_text(ctl_state(&w->channel))));
	if (r)
		return;
	w->redelivered = w->redelivered_by_chand = w->channel.stat.redelivered;
	read_state(w);
	w->feed = find_feed(name);
}

static void stop_watching(struct watched *w)
{
	w->feed = NULL; /* read what it did not report yet */
	read_state(w);
	report(w->channel.name, "removed", NULL);
	ctl_forget(&w->channel);
	free(w->ends.at);
	*w = watched[--watching];
}

static void handle_created(const char *name)
{
	struct watched *w = find_watched(name);

	if (w && w->channel.ch && !ctl_refresh(&w->channel) && !w->channel.stat.removed)
		return; /* it was found before inotify reported it */
	if (w)
		stop_watching(w);
	start_watching(name, "created");
}

static void handle_name(const struct inotify_event *event)
{
	char name[NAME_MAX + 64];
	struct watched *w;

	if (!event->len || !ctl_name_of_file(name, sizeof(name), event->name) ||
		!ctl_matches(glob, name))
		return;
	if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
		handle_created(name);
		return;
	}
	w = find_watched(name);
	if (w)
		stop_watching(w);
}

/* A name of chan_list(), with OWNER as in handle_name(). */
static int watch_listed(const char *name, void *event)
{
	if (ctl_matches(glob, name) && !find_watched(name))
		start_watching(name, event);
	return 0;
}

/* inotify lost events: find out which names are there and which are not. */
static void list_again(void)
{
	for (size_t i = watching; i-- > 0;) {
		struct watched *w = &watched[i];
		struct ctl_channel probe;
		bool gone = ctl_open(&probe, w->channel.name) == -ENOENT;

		ctl_forget(&probe);
		if (gone || (w->channel.ch && !ctl_refresh(&w->channel) && w->channel.stat.removed))
			stop_watching(w);
	}
	chan_list(watch_listed, (char[]){"created"});
}

static void read_names(void)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	if (names_fd < 0) {
		if (!cli_remaining(names_again)) {
			list_again();
			names_again = cli_deadline(NAMES_EVERY);
		}
		return;
	}
	while ((len = read(names_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *event = (const void *)(buf + at);

			if (event->mask & IN_Q_OVERFLOW)
				list_again();
			else
				handle_name(event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

/* Events of chand. */

static void close_feed(struct feed *feed, int64_t retry)
{
	ctl_bus_close(&feed->bus);
	feed->open = false;
	feed->again = cli_deadline(retry);
	for (size_t i = 0; i < watching; i++)
		if (watched[i].feed == feed)
			watched[i].feed = NULL;
}

/* Ask for events, unless there is no chand. */
static void open_feed(struct feed *feed)
{
	struct epoll_event in = {.events = EPOLLIN};
	char packet[MESSAGE_MAX + 1];
	struct chand_answer answer = {.lines = NULL};
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
	for (size_t i = 0; i < watching; i++) {
		struct watched *w = &watched[i];

		if (w->feed || find_feed(w->channel.name) != feed)
			continue;
		if (w->channel.ch)
			read_endpoints(w); /* a last time: from now on chand reports them */
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
static struct chan_endpoint read_end(const struct watched *w, const json_t *said)
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

static void handle_endpoint_event(struct watched *w, const char *event, const json_t *said)
{
	struct chan_endpoint end = read_end(w, said);
	struct chan_endpoint *known = find_end(&w->ends, end.id, end.pid);

	if (!strcmp(event, "attached")) {
		if (known)
			return; /* it was read when chand saw it come */
		report_endpoint(w->channel.name, "attached", &end);
		add_end(&w->ends, &end);
		return;
	}
	report_endpoint(w->channel.name, event, known ? known : &end);
	if (known)
		drop_end(&w->ends, known);
}

/* The counter may have been read before chand's event came. */
static void handle_redelivery_event(struct watched *w, uint64_t messages)
{
	w->redelivered_by_chand += messages;
	report_count(w->channel.name, "redelivered", w->redelivered, w->redelivered_by_chand);
	if (w->redelivered < w->redelivered_by_chand)
		w->redelivered = w->redelivered_by_chand;
}

static void handle_event(struct watched *w, const char *event, const json_t *said)
{
	const char *origin = ctl_bus_text(said, "origin");

	if (!strcmp(event, "attached") || !strcmp(event, "detached") || !strcmp(event, "died"))
		handle_endpoint_event(w, event, said);
	else if (!strcmp(event, "redelivered"))
		handle_redelivery_event(w, ctl_bus_number(said, "messages"));
	else if (strcmp(event, "created") && strcmp(event, "removed")) /* inotify reports those */
		report(w->channel.name, event,
			origin ? make_detail("origin", ctl_text(origin)) : NULL);
}

/* chand could not send all events: read the endpoints instead. */
static void handle_lost(const struct feed *feed, uint64_t lost)
{
	cli_warn(NULL, "%" PRIu64 " events of the %s's chand were lost", lost, feed->bus.scope);
	for (size_t i = 0; i < watching; i++)
		if (watched[i].feed == feed && watched[i].channel.ch)
			read_endpoints(&watched[i]);
}

static void read_event(const struct feed *feed, const char *lines)
{
	json_t *said = ctl_bus_object(NULL, lines);
	const char *event = ctl_bus_text(said, "event"), *local = ctl_bus_text(said, "channel");
	char *name = local ? bus_full_name(feed->bus.owner, local) : NULL;
	struct watched *w = name ? find_watched(name) : NULL;

	if (name && !w) {
		read_names(); /* chand was quicker than inotify */
		w = find_watched(name);
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

static void read_feeds(void)
{
	for (int i = 0; i < FEEDS; i++) {
		struct feed *feed = &feeds[i];

		if (feed->open)
			read_feed(feed);
		else if ((!cli_bus() || cli_bus() == feed->which) && !cli_remaining(feed->again))
			open_feed(feed);
	}
}

static void follow(void)
{
	while (!status) {
		int r = cli_wait_fd(poll_fd, POLLIN, cli_deadline(READ_EVERY));

		if (r == -EINTR)
			return;
		read_names();
		read_feeds();
		for (size_t i = 0; i < watching; i++)
			read_state(&watched[i]);
		if (ctl_reader_gone())
			raise(SIGPIPE);
	}
}

/* Each channel needs a descriptor: allow as many as possible. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Set up what follow() waits for: 0 or -errno. */
static int watch_names(void)
{
	struct epoll_event in = {.events = EPOLLIN};
	const char *why;

	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0)
		return -errno;
	names_fd = cli_watch_names(&why);
	if (names_fd >= 0)
		return epoll_ctl(poll_fd, EPOLL_CTL_ADD, names_fd, &in) ? -errno : 0;
	cli_warn(NULL, "%s; listing the names once a second instead", why);
	names_again = cli_deadline(NAMES_EVERY);
	return 0;
}

static int monitor(int n, char **operand)
{
	int r = watch_names();

	glob = n ? operand[0] : NULL;
	if (r < 0) {
		cli_error(NULL, "can't wait for events: %s", strerror(-r));
		return CLI_ERROR;
	}
	allow_descriptors();
	cli_signals();
	read_feeds();
	r = chan_list(watch_listed, (char[]){"present"});
	if (r < 0)
		return cli_fail(NULL, NULL, r);
	cli_note(NULL, "watching, %zu channels so far", watching);
	follow();
	return status;
}

static const struct cli_option options[] = {
	{'J', "json", NULL, "a line of JSON for each event"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

const struct ctl_verb ctl_verb_monitor = {
	.tool =
		{
			.name = "chanctl monitor",
			.usage = "[OPTIONS] [GLOB]",
			.summary = "Report what happens to channels, an event a line, until "
				   "interrupted.",
			.notes =
				"Events: present created removed attached detached nonempty empty\n"
				"full notfull dropped redelivered recovered closed damaged; of a "
				"bus\n"
				"also died adopted changed ready served.",
			.options = options,
		},
	.has = CTL_JSON | CTL_BUS | CTL_BUS_KNOWN,
	CTL_GLOB,
	.run = monitor,
};
