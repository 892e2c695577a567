/* SPDX-License-Identifier: MIT */
/*
 * chanctl monitor.  Names appear and disappear by inotify, in the order in
 * which it happened.  All else is the difference between two looks at a
 * channel's state, 50 ms apart: what comes and goes in between is seen in the
 * counters only.  A channel's last state is looked at before it is reported as
 * removed, since its memory lives on while we have it open.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

enum { LOOK_EVERY = 50000000 };

struct watched {
	struct ctl_channel channel;
	struct chan_endpoint *ends; /* at the last look */
	unsigned n;
};

static struct watched *watched;
static size_t watching;
static const char *glob;
static int status; /* of stdout */

/* An event: a line, of JSON or for people, made of the same members. */

static int64_t realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void put_text(FILE *out, const char *channel, const char *event, json_t *details)
{
	int64_t now = realtime();
	const char *key;
	char when[32];
	json_t *value;

	ctl_time_text(when, sizeof(when), now);
	fprintf(out, "%s.%03d %s %s", when, (int)(now / 1000000 % 1000), channel, event);
	json_object_foreach(details, key, value) {
		if (json_is_string(value))
			fprintf(out, " %s=%s", key, json_string_value(value));
		else
			fprintf(out, " %s=%lld", key, (long long)json_integer_value(value));
	}
	fputc('\n', out);
}

/* Takes the reference of `details`, which may be NULL. */
static void tell(const char *channel, const char *event, json_t *details)
{
	json_t *line;
	char *text;
	size_t len;
	FILE *out;
	int r;

	if (ctl_output.json) {
		line = json_object();
		ctl_set(line, "ts", ctl_time(realtime()));
		ctl_set(line, "ch", ctl_text(channel));
		ctl_set(line, "event", ctl_text(event));
		if (details)
			json_object_update(line, details);
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

static json_t *detail(const char *key, json_t *value)
{
	json_t *details = json_object();

	ctl_set(details, key, value);
	return details;
}

/* Differences between two looks. */

static bool same_endpoint(const struct chan_endpoint *a, const struct chan_endpoint *b)
{
	return a->id == b->id && a->pid == b->pid && a->attached == b->attached;
}

static bool among(const struct chan_endpoint *end, const struct chan_endpoint *ends, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (same_endpoint(end, &ends[i]))
			return true;
	return false;
}

static void tell_endpoint(const char *channel, const char *event, const struct chan_endpoint *end)
{
	json_t *details = detail("role", ctl_role(end->roles));

	ctl_set(details, "pid", ctl_number((uint64_t)end->pid));
	ctl_set(details, "user", ctl_text(ctl_user(end->uid)));
	ctl_set(details, "command", ctl_text(end->command));
	tell(channel, event, details);
}

/* Those in `ends` that are not in `others`. */
static void tell_others(const char *channel, const char *event, const struct chan_endpoint *ends,
			unsigned n, const struct chan_endpoint *others, unsigned n_others)
{
	for (unsigned i = 0; i < n; i++)
		if (!among(&ends[i], others, n_others))
			tell_endpoint(channel, event, &ends[i]);
}

static void look_at_endpoints(struct watched *w)
{
	unsigned n;
	struct chan_endpoint *ends = ctl_endpoints(w->channel.ch, &n);

	tell_others(w->channel.name, "attached", ends, n, w->ends, w->n);
	tell_others(w->channel.name, "detached", w->ends, w->n, ends, n);
	free(w->ends);
	w->ends = ends;
	w->n = n;
}

static void tell_count(const char *channel, const char *event, uint64_t before, uint64_t now)
{
	if (now > before)
		tell(channel, event, detail("count", ctl_number(now - before)));
}

static void tell_change(const char *channel, bool before, bool now, const char *on, const char *off)
{
	if (before != now && (now ? on : off))
		tell(channel, now ? on : off, NULL);
}

static void look(struct watched *w)
{
	struct ctl_channel *ch = &w->channel;
	const struct chan_stat *was = &ch->before, *is = &ch->stat;

	if (!ch->ch)
		return;
	look_at_endpoints(w);
	if (ctl_refresh(ch) < 0)
		return;
	tell_change(ch->name, was->depth, is->depth, "nonempty", "empty");
	tell_change(ch->name, was->full, is->full, "full", "notfull");
	tell_count(ch->name, "dropped", was->dropped_newest + was->dropped_oldest,
		   is->dropped_newest + is->dropped_oldest);
	tell_count(ch->name, "redelivered", was->redelivered, is->redelivered);
	tell_count(ch->name, "recovered", was->recoveries, is->recoveries);
	if (is->closed != was->closed)
		tell(ch->name, "closed",
		     detail("how", ctl_text(is->closed == 1 ? "drain" : "discard")));
	tell_change(ch->name, was->damaged, is->damaged, "damaged", NULL);
}

/* Names. */

static struct watched *find(const char *name)
{
	for (size_t i = 0; i < watching; i++)
		if (!strcmp(watched[i].channel.name, name))
			return &watched[i];
	return NULL;
}

/* Whatever state it is found in is what later looks are compared with, its
 * endpoints are told. */
static void begin(const char *name, const char *event)
{
	struct watched *w;
	int r;

	watched = ctl_grow(watched, watching + 1, sizeof(*watched));
	w = &watched[watching++];
	*w = (struct watched){ 0 };
	r = ctl_open(&w->channel, name);
	tell(name, event, r == -ENOENT ? NULL : detail("state", ctl_text(ctl_state(&w->channel))));
	if (!r)
		look(w);
}

static void end(struct watched *w)
{
	look(w);
	tell(w->channel.name, "removed", NULL);
	ctl_forget(&w->channel);
	free(w->ends);
	*w = watched[--watching];
}

static void appeared(const char *name)
{
	struct watched *w = find(name);

	if (w && w->channel.ch && !ctl_refresh(&w->channel) && !w->channel.stat.removed)
		return; /* was found before inotify told */
	if (w)
		end(w);
	begin(name, "created");
}

static void name_event(const struct inotify_event *event)
{
	char name[NAME_MAX + 64];
	struct watched *w;

	if (!event->len || !ctl_name_of_file(name, sizeof(name), event->name) ||
	    !ctl_matches(glob, name))
		return;
	if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
		appeared(name);
		return;
	}
	w = find(name);
	if (w)
		end(w);
}

/* A name of chan_list(), with OWNER as it comes in name_event(). */
static int list_one(const char *name, void *event)
{
	if (ctl_matches(glob, name) && !find(name))
		begin(name, event);
	return 0;
}

/* inotify lost events: look for what is there and what is not. */
static void list_again(void)
{
	for (size_t i = watching; i-- > 0;) {
		struct watched *w = &watched[i];
		struct ctl_channel probe;
		bool gone = ctl_open(&probe, w->channel.name) == -ENOENT;

		ctl_forget(&probe);
		if (gone || (w->channel.ch && !ctl_refresh(&w->channel) && w->channel.stat.removed))
			end(w);
	}
	chan_list(list_one, (char[]){ "created" });
}

static void read_names(int fd)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	while ((len = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *event = (const void *)(buf + at);

			if (event->mask & IN_Q_OVERFLOW)
				list_again();
			else
				name_event(event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

static void follow(int fd)
{
	while (!status) {
		int r = cli_wait_fd(fd, POLLIN, cli_deadline(LOOK_EVERY));

		if (r == -EINTR)
			return;
		if (r > 0)
			read_names(fd);
		for (size_t i = 0; i < watching; i++)
			look(&watched[i]);
		if (ctl_reader_gone())
			raise(SIGPIPE);
	}
}

/* A descriptor for each channel: as many as we may have. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int monitor(int n, char **operand)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r;

	glob = n ? operand[0] : NULL;
	if (fd < 0 || inotify_add_watch(fd, CTL_SHM,
					IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) < 0) {
		cli_error(NULL, "can't watch " CTL_SHM ": %s", strerror(errno));
		return CLI_ERROR;
	}
	allow_descriptors();
	cli_signals();
	r = chan_list(list_one, (char[]){ "present" });
	if (r < 0)
		return cli_fail(NULL, NULL, r);
	cli_note(NULL, "watching, %zu channels so far", watching);
	follow(fd);
	close(fd);
	return status;
}

static const struct cli_option options[] = {
	{ 'J', "json", NULL, "a line of JSON for each event" },
	CLI_COMMON,
	CLI_END,
};

const struct ctl_verb ctl_verb_monitor = {
	.tool = {
		.name = "chanctl monitor",
		.usage = "[OPTIONS] [GLOB]",
		.summary = "Tell what happens to channels, an event a line, until interrupted.",
		.notes = "Events: present created removed attached detached nonempty empty full\n"
			 "notfull dropped redelivered recovered closed damaged.",
		.options = options,
	},
	.output = CTL_JSON,
	.max = 1,
	.run = monitor,
};
