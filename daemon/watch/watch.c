/* SPDX-License-Identifier: MIT */
/* The model is in watch.h. */
#include "watch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "activation.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/names.h"
#include "channel.h"
#include "channel/channel.h"
#include "events.h"
#include "log.h"
#include "settings.h"
#include "watch/attendance.h"
#include "watch/guard.h"
#include "watch/inotify.h"
#include "watch/process.h"
#include "watch/recovery.h"

#define MS INT64_C(1000000)

/* An endpoint is entered in the table a little after its segment was opened: compare
 * after the first time, and then after four times as much each time, up to the last. */
#define AGAIN_FIRST (MS / 2)
#define AGAIN_LAST (2048 * MS)

/* A channel that is added is compared after this time, and after AGAIN_LAST: there may be
 * thousands, and few whose segment was opened just before. */
#define AGAIN_ADDED (8 * MS)

/* After a close all are woken once more, when the kernel has dropped the locks of those that
 * closed: so much later at least, and twice that at most. */
#define WAKE_AFTER (400 * MS)

/* Bounds of the time after which an unused channel is looked at: some have no linger, or
 * a hundred years. */
#define LINGER_LEAST (1000 * MS)
#define LINGER_MOST (86400 * 1000 * MS)

struct watch {
	struct channel *channel;
	struct inotify_segment segment;
	struct attendance attendance;
	struct timer again, linger, wake;
	int64_t again_after;
	bool closed_again; /* since `wake` was set */
	struct recovery recovery;
	bool resized;
	bool gone; /* it is freed when the recovery is done */
};

static struct watch_reports report;
static struct watch_totals totals;

struct watch_totals watch_totals(void)
{
	totals.processes = process_count();
	totals.deaths = attendance_deaths();
	return totals;
}

const struct endpoints *watch_endpoints(const struct channel *c)
{
	return &c->watch->attendance.now;
}

uint64_t watch_deaths(const struct channel *c)
{
	return c->watch->attendance.deaths;
}

bool watch_resized(const struct channel *c)
{
	return c->watch->resized;
}

/* ---- endpoints ---- */

/* Compare, and recover and activate if that calls for it. */
static struct attendance_change update(struct watch *w)
{
	struct attendance_change change = attendance_compare(&w->attendance, w->channel);

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

	if (w->attendance.now.n || c->spec.options.lifetime != CHAN_REF)
		return;
	if (channel_collect(c->observer)) {
		report.lost(c);
		return;
	}
	if (chan_stat(c->observer, &st) < 0 || !st.linger)
		return;
	if (!st.idle && !st.senders && !st.receivers)
		return; /* nobody has used it yet: that begins with an event */
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

	w->again_after = AGAIN_FIRST * 4;
	if (!w->again.place || w->again.at > at)
		loop_timer(settings->loop, &w->again, at);
}

static void again_fired(struct timer *timer)
{
	struct watch *w = container_of(timer, struct watch, again);

	if (w->again_after <= AGAIN_LAST) {
		loop_timer(settings->loop, &w->again, clock_monotonic() + w->again_after);
		w->again_after *= 4;
	}
	watch_update(w->channel);
}

/* Wake all in a while. */
static void wake_later(struct watch *w)
{
	w->closed_again = w->wake.place != 0;
	if (!w->closed_again)
		loop_timer(settings->loop, &w->wake, clock_monotonic() + WAKE_AFTER);
}

/*
 * The one that closed may be a process that was killed and owed a wake-up, though nothing
 * said so: it came and died between two comparisons, and its close was reported as one with
 * that of another.  And those that were woken when the close was reported may still have
 * found its locks.
 */
static void wake_fired(struct timer *timer)
{
	struct watch *w = container_of(timer, struct watch, wake);

	if (w->closed_again) {
		w->closed_again = false;
		loop_timer(settings->loop, &w->wake, clock_monotonic() + WAKE_AFTER);
	}
	channel_wake_all(&w->channel->observer->segment);
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
	guard_cover(w->channel);
	if (result > 0) {
		totals.redelivered += (uint64_t)result;
		event_emit("redelivered", name, NULL, "messages=%d\n", result);
	} else if (result == -EBADMSG) {
		log_line(LOG_ERR, "damaged", name, 0,
			"the channel is damaged; what is sound has been kept");
	}
	watch_update(w->channel);
}

static pid_t dead;

/* An endpoint that is still there afterwards is a forked child's, too; but what the dead
 * process owed is owed all the same. */
static void update_if_of(struct inotify_segment *segment)
{
	struct watch *w = container_of(segment, struct watch, segment);

	if (!attendance_has(&w->attendance, dead))
		return;
	recovery_start(&w->recovery);
	watch_update(w->channel);
}

static void process_died(pid_t pid)
{
	dead = pid;
	inotify_each(update_if_of);
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
	struct attendance_change change = update(w);

	/* All is well only if each close belongs to an endpoint that detached. */
	if (change.left < closes && !change.died)
		recovery_start(&w->recovery);
	compare_again(w); /* the kernel frees their locks a moment after the event */
	wake_later(w);
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

static void segment_happened(struct inotify_segment *segment, uint32_t mask, unsigned closes)
{
	struct watch *w = container_of(segment, struct watch, segment);

	if (mask & (IN_ATTRIB | IN_IGNORED | IN_UNMOUNT) && is_removed(w)) {
		lose(w);
		return;
	}
	if (mask & IN_MODIFY)
		check_size(w);
	if (mask & IN_OPEN)
		compare_again(w);
	if (mask & IN_CLOSE_WRITE)
		closed(w, closes);
}

static void file_appeared(const char *file)
{
	const char *name;
	uid_t owner;

	if (name_of_file(file, &owner, &name) && owner == settings->uid)
		report.appeared(name);
}

static void check_whole(struct inotify_segment *segment)
{
	struct watch *w = container_of(segment, struct watch, segment);

	if (is_removed(w)) {
		lose(w);
		return;
	}
	check_size(w);
	recovery_start(&w->recovery);
	wake_later(w);
	watch_update(w->channel);
}

static void events_lost(void)
{
	inotify_each(check_whole);
	report.missed();
}

/* ---- life ---- */

int watch_start(const struct watch_reports *reports)
{
	static const struct inotify_reports from_inotify = {
		.appeared = file_appeared,
		.overflowed = events_lost,
	};

	report = *reports;
	process_start(process_died);
	guard_start();
	return inotify_start(&from_inotify);
}

void watch_stop(void)
{
	guard_stop();
}

int watch_add(struct channel *c)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->channel = c;
	w->segment.happened = segment_happened;
	w->again.fired = again_fired;
	w->linger.fired = linger_fired;
	w->wake.fired = wake_fired;
	w->recovery = (struct recovery){.observer = c->observer, .done = recovered};
	err = inotify_add(&w->segment, c->spec.name);
	if (err < 0) {
		free(w);
		return err;
	}
	c->watch = w;
	channel_hold(c);
	/* What happened before is seen now: deaths too. */
	attendance_compare(&w->attendance, c);
	recovery_start(&w->recovery);
	wake_later(w);
	w->again_after = AGAIN_LAST;
	loop_timer(settings->loop, &w->again, clock_monotonic() + AGAIN_ADDED);
	activation_update(c);
	return 0;
}

void watch_remove(struct channel *c)
{
	struct watch *w = c->watch;

	guard_uncover(c);
	inotify_remove(&w->segment);
	loop_cancel(settings->loop, &w->again);
	loop_cancel(settings->loop, &w->linger);
	loop_cancel(settings->loop, &w->wake);
	attendance_done(&w->attendance);
	w->gone = true;
	if (!recovery_cancel(&w->recovery))
		free_watch(w);
}
