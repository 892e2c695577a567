/* SPDX-License-Identifier: MIT */
/* The model is in watch.h. */
#include "watch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "activation.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/names.h"
#include "base/words.h"
#include "channel.h"
#include "channel/channel.h"
#include "errors.h"
#include "events.h"
#include "log.h"
#include "settings.h"
#include "table.h"
#include "watch/inotify.h"
#include "watch/process.h"
#include "watch/recovery.h"

#define MS INT64_C(1000000)

/* An endpoint is entered in the table a little after its segment was opened: compare
 * after the first time, and then after twice as much each time, up to the last. */
#define AGAIN_FIRST (MS / 2)
#define AGAIN_LAST (1000 * MS)

/* Bounds of the time after which an unused channel is looked at: some have no linger, or
 * a hundred years. */
#define LINGER_LEAST (1000 * MS)
#define LINGER_MOST (86400 * 1000 * MS)

struct watch {
	struct channel *channel;
	int wd; /* inotify's number of it, or -1 */
	struct endpoints endpoints;
	struct timer again, linger;
	int64_t again_after;
	uint32_t pending; /* inotify's events that have not been handled yet */
	unsigned closes;  /* pending ones */
	struct recovery recovery;
	uint64_t deaths;
	bool resized;
	bool gone; /* it is freed when the recovery is done */
};

static struct watch_reports report;
static struct watch_totals totals;

static int by_wd(const void *item, const void *key)
{
	int a = ((const struct watch *)item)->wd, b = *(const int *)key;

	return (a > b) - (a < b);
}

static struct table watched = {.order = by_wd};

struct watch_totals watch_totals(void)
{
	totals.processes = process_count();
	return totals;
}

const struct endpoints *watch_endpoints(const struct channel *c)
{
	return &c->watch->endpoints;
}

uint64_t watch_deaths(const struct channel *c)
{
	return c->watch->deaths;
}

bool watch_resized(const struct channel *c)
{
	return c->watch->resized;
}

/* ---- endpoints ---- */

struct change {
	struct watch *watch;
	bool died;     /* any endpoint */
	unsigned left; /* endpoints that detached */
};

static void emit(const char *event, const struct watch *w, const struct chan_endpoint *end)
{
	const struct spec *spec = &w->channel->spec;

	event_emit(event, spec->name, spec, "id=%u\npid=%d\nuid=%u\nrole=%s\ncommand=%s\n", end->id,
		end->pid, end->uid, word(&words_side, end->roles & (CHAN_SEND | CHAN_RECV)),
		end->command);
}

static void came(const struct chan_endpoint *end, void *arg)
{
	struct change *change = arg;
	struct watch *w = change->watch;
	int err = end->pid > 0 ? process_hold(end->pid) : -EINVAL;

	if (err == -ESRCH)
		change->died = true;
	else if (err < 0 && err != -EINVAL && !report_shortage(err))
		log_line(LOG_WARNING, "unwatched", w->channel->spec.name, end->pid,
			"process %d can't be watched: %s", (int)end->pid, strerror(-err));
	emit("attached", w, end);
}

static void went(const struct chan_endpoint *end, void *arg)
{
	struct change *change = arg;
	struct watch *w = change->watch;
	bool dead = !channel_detached(w->channel->observer, end);

	if (dead) {
		change->died = true;
		w->deaths++;
		totals.deaths++;
	} else {
		change->left++;
	}
	process_release(end->pid);
	emit(dead ? "died" : "detached", w, end);
}

/* Read the endpoint table and report what has changed. */
static struct change compare(struct watch *w)
{
	struct change change = {.watch = w};
	struct endpoints now;

	if (endpoints_read(w->channel->observer, w->endpoints.n, &now) < 0)
		return change;
	endpoints_compare(&w->endpoints, &now, came, went, &change);
	free(w->endpoints.at);
	w->endpoints = now;
	return change;
}

/* Compare, and recover and activate if that calls for it. */
static struct change update(struct watch *w)
{
	struct change change = compare(w);

	if (change.died)
		recovery_start(&w->recovery);
	activation_update(w->channel);
	return change;
}

/* The time of a CHAN_REF channel that nobody uses may be over; else look again when it
 * will be, but not in less than `least`. */
static void collect(struct watch *w, int64_t least)
{
	struct channel *c = w->channel;
	struct chan_stat st = {.size = sizeof(st)};
	int64_t after;

	if (w->endpoints.n || c->spec.options.lifetime != CHAN_REF)
		return;
	if (channel_collect(c->observer)) {
		report.lost(c);
		return;
	}
	if (chan_stat(c->observer, &st) < 0 || !st.linger)
		return;
	after = st.linger < (uint64_t)LINGER_MOST ? (int64_t)st.linger + MS : LINGER_MOST;
	loop_timer(settings->loop, &w->linger, clock_monotonic() + (after > least ? after : least));
}

void watch_update(struct channel *c)
{
	update(c->watch);
	collect(c->watch, 0);
}

/* ---- timers ---- */

/* Compare again soon, and a few times more. */
static void compare_again(struct watch *w)
{
	int64_t at = clock_monotonic() + AGAIN_FIRST;

	w->again_after = AGAIN_FIRST;
	if (!w->again.place || w->again.at > at)
		loop_timer(settings->loop, &w->again, at);
}

static void again_fired(struct timer *timer)
{
	struct watch *w = container_of(timer, struct watch, again);

	if (w->again_after <= AGAIN_LAST) {
		loop_timer(settings->loop, &w->again, clock_monotonic() + w->again_after);
		w->again_after *= 2;
	}
	watch_update(w->channel);
}

static void linger_fired(struct timer *timer)
{
	struct watch *w = container_of(timer, struct watch, linger);

	update(w);
	collect(w, LINGER_LEAST);
}

/* ---- deaths ---- */

static void free_watch(struct watch *w)
{
	struct channel *c = w->channel;

	c->watch = NULL;
	free(w->endpoints.at);
	free(w);
	channel_release(c);
}

static void recovered(struct recovery *recovery, int result)
{
	struct watch *w = container_of(recovery, struct watch, recovery);
	const char *name = w->channel->spec.name;

	totals.recoveries++;
	if (w->gone) {
		free_watch(w);
		return;
	}
	if (result > 0) {
		totals.redelivered += (uint64_t)result;
		event_emit("redelivered", name, NULL, "messages=%d\n", result);
	} else if (result == -EBADMSG) {
		log_line(LOG_ERR, "damaged", name, 0,
			"the channel is damaged; what is sound has been kept");
	}
	watch_update(w->channel);
}

static bool has_endpoint_of(const struct watch *w, pid_t pid)
{
	for (unsigned i = 0; i < w->endpoints.n; i++)
		if (w->endpoints.at[i].pid == pid)
			return true;
	return false;
}

/* Call fn() for each watch.  It may remove that watch, and no other. */
static void each_watch(void (*fn)(struct watch *w, pid_t pid), pid_t pid)
{
	for (size_t i = 0; i < watched.n;) {
		struct watch *w = watched.at[i];

		fn(w, pid);
		if (i < watched.n && watched.at[i] == w)
			i++;
	}
}

static void update_if_of(struct watch *w, pid_t pid)
{
	if (has_endpoint_of(w, pid))
		watch_update(w->channel);
}

/* An endpoint that is still there afterwards is a forked child's. */
static void process_died(pid_t pid)
{
	each_watch(update_if_of, pid);
}

/* ---- inotify ---- */

static bool is_removed(const struct watch *w)
{
	struct chan_stat st = {.size = sizeof(st)};

	return chan_stat(w->channel->observer, &st) == 0 && st.removed;
}

/* Somebody removed the name: the channel's users learn of it now, and need not find out. */
static void lose(struct watch *w)
{
	if (!w->resized)
		channel_notice(w->channel->observer);
	report.lost(w->channel);
}

/* Programs that had it open to write have closed it, or were killed. */
static void closed(struct watch *w, unsigned closes)
{
	struct change change = update(w);

	/* All is well only if each close belongs to an endpoint that detached. */
	if (change.left < closes && !change.died)
		recovery_start(&w->recovery);
	compare_again(w); /* the kernel frees their locks a moment after the event */
	collect(w, 0);
}

static void check_size(struct watch *w)
{
	const struct segment *segment = &w->channel->observer->segment;
	struct stat st;

	if (w->resized || fstat(segment->own.fd, &st) < 0 ||
		(uint64_t)st.st_size == segment->geometry.size)
		return;
	w->resized = true;
	log_line(LOG_ERR, "damaged", w->channel->spec.name, 0,
		"somebody who may write the channel changed the size of its segment; "
		"nobody can open it any more: remove it");
}

static void handle_pending(struct watch *w, pid_t unused)
{
	uint32_t pending = w->pending;
	unsigned closes = w->closes;

	(void)unused;
	w->pending = 0;
	w->closes = 0;
	if (pending & (IN_ATTRIB | IN_IGNORED | IN_UNMOUNT) && is_removed(w)) {
		lose(w);
		return;
	}
	if (pending & IN_MODIFY)
		check_size(w);
	if (pending & IN_OPEN)
		compare_again(w);
	if (pending & IN_CLOSE_WRITE)
		closed(w, closes);
}

/* However often a channel is opened and closed, it is looked at once for all events that
 * were read: nobody can keep the loop busy. */
static void handle_all_pending(void)
{
	each_watch(handle_pending, 0);
}

static void segment_happened(int wd, uint32_t mask)
{
	struct watch *w = table_find(&watched, &wd);

	if (w) {
		w->pending |= mask;
		w->closes += !!(mask & IN_CLOSE_WRITE);
	}
}

static void file_appeared(const char *file)
{
	const char *name;
	uid_t owner;

	if (name_of_file(file, &owner, &name) && owner == settings->uid)
		report.appeared(name);
}

static void check_whole(struct watch *w, pid_t unused)
{
	(void)unused;
	if (is_removed(w)) {
		lose(w);
		return;
	}
	check_size(w);
	recovery_start(&w->recovery);
	watch_update(w->channel);
}

static void events_lost(void)
{
	each_watch(check_whole, 0);
	report.missed();
}

/* ---- life ---- */

int watch_start(const struct watch_reports *reports)
{
	static const struct inotify_reports from_inotify = {
		.happened = segment_happened,
		.appeared = file_appeared,
		.overflowed = events_lost,
		.paused = handle_all_pending,
	};

	report = *reports;
	process_start(process_died);
	return inotify_start(&from_inotify);
}

static int enter(struct watch *w, const char *name)
{
	int wd = inotify_add(name), err;

	if (wd < 0)
		return wd;
	if (table_find(&watched, &wd))
		return -EEXIST;
	w->wd = wd;
	err = table_add(&watched, &w->wd, w);
	if (err < 0)
		inotify_remove(wd);
	return err;
}

int watch_add(struct channel *c)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->channel = c;
	w->wd = -1;
	w->again.fired = again_fired;
	w->linger.fired = linger_fired;
	w->recovery = (struct recovery){.observer = c->observer, .done = recovered};
	err = enter(w, c->spec.name);
	if (err < 0) {
		free(w);
		return err;
	}
	c->watch = w;
	channel_hold(c);
	/* What happened before is seen now: deaths too. */
	compare(w);
	recovery_start(&w->recovery);
	compare_again(w);
	activation_update(c);
	return 0;
}

void watch_remove(struct channel *c)
{
	struct watch *w = c->watch;

	/* The kernel may have taken the watch back, and even given its number away. */
	if (table_find(&watched, &w->wd) == w) {
		table_remove(&watched, &w->wd);
		inotify_remove(w->wd);
	}
	loop_cancel(settings->loop, &w->again);
	loop_cancel(settings->loop, &w->linger);
	for (unsigned i = 0; i < w->endpoints.n; i++)
		process_release(w->endpoints.at[i].pid);
	w->endpoints.n = 0;
	w->gone = true;
	if (!recovery_cancel(&w->recovery))
		free_watch(w);
}
