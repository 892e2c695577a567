/* SPDX-License-Identifier: MIT */
/* The model is in monitored.h. */
#include "ctl/monitored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/user.h"
#include "ctl/event.h"
#include "ctl/output.h"

static struct monitored *monitored;
static size_t watching;

size_t monitored_count(void)
{
	return watching;
}

struct monitored *monitored_at(size_t i)
{
	return i < watching ? &monitored[i] : NULL;
}

struct monitored *monitored_named(const char *name)
{
	for (size_t i = 0; i < watching; i++)
		if (!strcmp(monitored[i].channel.name, name))
			return &monitored[i];
	return NULL;
}

void monitored_report_endpoint(
	const char *channel, const char *event, const struct chan_endpoint *end)
{
	json_t *details = ctl_detail("role", ctl_text(ctl_side(end->roles)));

	ctl_set(details, "pid", ctl_number((uint64_t)end->pid));
	ctl_set(details, "user", ctl_text(cli_user(end->uid)));
	if (*end->command) /* chand may have been too late to read it */
		ctl_set(details, "command", ctl_text(end->command));
	ctl_event(channel, event, details);
}

static void report_attached(const struct chan_endpoint *end, void *channel)
{
	monitored_report_endpoint(channel, "attached", end);
}

static void report_detached(const struct chan_endpoint *end, void *channel)
{
	monitored_report_endpoint(channel, "detached", end);
}

void monitored_read_endpoints(struct monitored *w)
{
	struct endpoints now;

	if (endpoints_read(w->channel.ch, w->ends.n, &now) < 0)
		return;
	endpoints_compare(&w->ends, &now, report_attached, report_detached, w->channel.name);
	free(w->ends.at);
	w->ends = now;
}

static void report_change(
	const char *channel, bool before, bool now, const char *on, const char *off)
{
	if (before != now && (now ? on : off))
		ctl_event(channel, now ? on : off, NULL);
}

/* Report that the channel grew, could not grow, or gave memory back. */
static void report_size(
	const char *channel, const struct chan_stat *was, const struct chan_stat *is)
{
	json_t *details;

	if (is->grow_error && is->grow_error != was->grow_error)
		ctl_event(channel, "grow-failed",
			ctl_detail("error", ctl_text(strerror((int)is->grow_error))));
	if (is->grown == was->grown && is->capacity >= was->capacity)
		return;
	details = ctl_detail("capacity", ctl_number(is->capacity));
	if (is->grown != was->grown) {
		ctl_set(details, "why", ctl_text(ctl_grown_why(is)));
		ctl_set(details, "pid", ctl_number((uint64_t)is->grown_by));
	}
	ctl_event(channel, is->grown != was->grown ? "grown" : "shrunk", details);
}

void monitored_read(struct monitored *w)
{
	struct ctl_channel *ch = &w->channel;
	const struct chan_stat *was = &ch->before, *is = &ch->stat;

	if (!ch->ch)
		return;
	if (!w->feed)
		monitored_read_endpoints(w);
	if (ctl_refresh(ch) < 0)
		return;
	report_change(ch->name, was->depth, is->depth, "nonempty", "empty");
	report_change(ch->name, was->full, is->full, "full", "notfull");
	report_size(ch->name, was, is);
	ctl_event_count(ch->name, "dropped", ctl_dropped(was), ctl_dropped(is));
	ctl_event_count(ch->name, "lost", was->lost, is->lost);
	ctl_event_count(ch->name, "evicted", was->evicted, is->evicted);
	ctl_event_count(ch->name, "redelivered", w->redelivered, is->redelivered);
	w->redelivered = is->redelivered;
	ctl_event_count(ch->name, "recovered", was->recoveries, is->recoveries);
	if (is->closed != was->closed)
		ctl_event(ch->name, "closed",
			ctl_detail("how", ctl_text(is->closed == 1 ? "drain" : "discard")));
	report_change(ch->name, was->paused, is->paused, "paused", "resumed");
	report_change(ch->name, was->damaged, is->damaged, "damaged", NULL);
}

struct monitored *monitored_start(const char *name, const char *event)
{
	struct monitored *w;
	int r;

	monitored = ctl_grow(monitored, watching + 1, sizeof(*monitored));
	w = &monitored[watching++];
	*w = (struct monitored){0};
	r = ctl_open(&w->channel, name);
	ctl_event(name, event,
		r == -ENOENT ? NULL : ctl_detail("state", ctl_text(ctl_state(&w->channel))));
	if (r)
		return w;
	w->redelivered = w->redelivered_by_chand = w->channel.stat.redelivered;
	monitored_read(w);
	return w;
}

void monitored_stop(struct monitored *w)
{
	w->feed = NULL; /* read what it did not report yet */
	monitored_read(w);
	ctl_event(w->channel.name, "removed", NULL);
	ctl_forget(&w->channel);
	free(w->ends.at);
	*w = monitored[--watching];
}
