/* SPDX-License-Identifier: MIT */
/* The model is in waiting.h. */
#include "ctl/waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/names.h"
#include "channel/collect.h"
#include "channel/create.h"
#include "channel/watch.h"
#include "common/deadline.h"
#include "common/inotify.h"
#include "common/message.h"
#include "common/signals.h"

#define MS INT64_C(1000000)

/* The first look after an endpoint's file was opened or closed, and the least time between
 * two looks, however much is heard. */
#define SOON MS

/* How often it looks at what nobody reports. */
#define LOOK_UNHEARD (100 * MS)
#define LOOK_DEAF (20 * MS) /* without inotify */

struct waiting {
	struct wish *all;
	int n;
	bool any;
	struct descriptor ear; /* -1: there is no inotify */
	int names;	       /* the number of the watch of NAMES_DIR */
	const char *why;       /* there is no inotify */
	int64_t looked;	       /* when */
};

/* ---- listening ---- */

static void give_up_inotify(struct waiting *w, const char *why)
{
	if (w->ear.fd < 0)
		return;
	cli_warn(NULL, "%s; looking every %d ms instead", why, (int)(LOOK_DEAF / MS));
	descriptor_close(&w->ear);
}

static void start_inotify(struct waiting *w)
{
	int err;

	w->ear.fd = -1;
	err = descriptor_inotify(&w->ear);
	if (err < 0) {
		cli_warn(NULL, "%s; looking every %d ms instead", cli_inotify_error(err, false),
			(int)(LOOK_DEAF / MS));
		return;
	}
	w->names = inotify_add_watch(
		w->ear.fd, NAMES_DIR, IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO);
	if (w->names < 0)
		give_up_inotify(w, cli_inotify_error(errno, true));
}

/* Listen to the channel, and ask for IN_OPEN, too. */
static void hear_channel(struct waiting *w, struct wish *a)
{
	char path[sizeof("/proc/self/fd/") + 10];
	int watch;

	if (w->ear.fd < 0)
		return;
	watch = bell_watch(&w->ear, &a->ch.ch->segment);
	if (watch == -EACCES) { /* chand opened it */
		a->unheard = true;
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", a->ch.ch->segment.own.fd);
	if (watch >= 0)
		watch = inotify_add_watch(w->ear.fd, path, IN_OPEN | IN_MASK_ADD);
	if (watch < 0)
		give_up_inotify(w, cli_inotify_error(ENOSPC, true));
	else
		a->watch = watch;
}

static void note_heard(int watch, struct bell_heard what, void *arg)
{
	struct waiting *w = arg;

	for (int i = 0; i < w->n; i++) {
		struct wish *a = &w->all[i];
		bool about_name = condition_is_about_name(&a->cond) && watch == w->names;

		if (watch >= 0 && a->watch != watch && !about_name)
			continue;
		a->heard = true;
		if (what.opened || what.closed) {
			a->pause = SOON;
			a->again = cli_deadline(SOON);
		}
	}
}

/* ---- looking ---- */

int waiting_name_holds(const struct condition *cond, const char *name)
{
	chan_t *ch;
	int r = chan_open(&ch, name, 0, NULL);

	if (!r)
		chan_detach(ch);
	switch (r) {
	case 0:
	case -EACCES:
	case -EPERM:
	case -EBADMSG:
	case -EPROTONOSUPPORT:
	case -EPROTOTYPE:
	case -EXDEV:
		return cond->subject == EXISTS;
	case -ENOENT:
	case -ESRCH: /* there is no such user either */
		return cond->subject == GONE;
	}
	return r;
}

static void close_channel(struct wish *a)
{
	ctl_forget(&a->ch);
	a->open = false;
	a->watch = -1;
}

static int open_channel(struct waiting *w, struct wish *a)
{
	int err = ctl_open(&a->ch, a->name);

	a->open = !err;
	if (err)
		ctl_forget(&a->ch);
	else
		hear_channel(w, a);
	return err;
}

/* What the bell has to ring for, of what endpoints do with messages. */
static unsigned needs(const struct condition *cond)
{
	switch (cond->subject) {
	case EMPTY:
	case FULL:
		/* nonempty and full need a message, empty and notfull need one to go */
		return cond->negated == (cond->subject == EMPTY) ? WATCH_MORE : WATCH_LESS;
	case IDLE:
		return WATCH_LESS;
	case DEPTH:
		return cond->relation == '>'   ? WATCH_MORE
		       : cond->relation == '<' ? WATCH_LESS
					       : WATCH_MORE | WATCH_LESS;
	case CLOSED:
		return WATCH_MORE;
	default:
		return 0;
	}
}

/* Look at the state of an open channel: 1 or 0, or an error as waiting_for() has it. */
static int state_holds(struct wish *a)
{
	unsigned what = needs(&a->cond);

	if (what && channel_watch(a->ch.ch, what) < 0)
		a->unheard = true;
	/* The figures are not of one instant: before it gives up, it reads them once more. */
	for (int i = 0; i < 2; i++) {
		int err = ctl_refresh(&a->ch);

		if (err < 0)
			return err;
		if (a->cond.subject == EMPTY || a->cond.subject == IDLE || a->cond.subject == DEPTH)
			ctl_discount(&a->ch);
		if (condition_holds(&a->cond, &a->ch.stat))
			return 1;
		if (a->ch.stat.removed)
			return -ENOENT;
		if (!a->ch.stat.closed || !condition_needs_message(&a->cond, &a->ch.stat))
			return 0;
	}
	return -EPIPE;
}

/* An unused `ref` channel goes when its linger time is over, though nobody else may look
 * then.  Returns true if it is there, and sets when to look again. */
static bool stays(struct wish *a)
{
	const struct chan_stat *st = &a->ch.stat;
	int64_t left;

	if (ctl_refresh(&a->ch) < 0 || st->removed || channel_collect(a->ch.ch))
		return false;
	if (st->lifetime == CHAN_REF && !st->senders && !st->receivers &&
		ctl_refresh(&a->ch) == 0 && st->idle > 0) {
		left = st->linger > (uint64_t)st->idle ? (int64_t)(st->linger - (uint64_t)st->idle)
						       : 0;
		a->again = cli_sooner(a->again, cli_deadline(left + MS));
	}
	return true;
}

/* Look at the name: as state_holds().  While `gone` waits, the channel is kept open. */
static int name_holds(struct waiting *w, struct wish *a)
{
	int r;

	if (a->open && stays(a))
		return 0;
	if (a->open)
		close_channel(a);
	if (a->cond.subject == EXISTS || open_channel(w, a) < 0)
		return waiting_name_holds(&a->cond, a->name);
	r = stays(a) ? 0 : 1;
	if (r)
		close_channel(a);
	return r;
}

static void look(struct waiting *w, struct wish *a)
{
	int r;

	a->heard = false;
	a->again = CHAN_WAIT;
	r = condition_is_about_name(&a->cond) ? name_holds(w, a) : state_holds(a);
	a->holds = r > 0;
	a->err = r < 0 ? r : 0;
}

/* ---- waiting ---- */

/* Returns true if it is time to look at it.  The pauses double. */
static bool is_due(struct wish *a, int64_t now)
{
	bool again = a->again != CHAN_WAIT && a->again <= now;

	if (a->err)
		return false;
	if (again && a->pause)
		a->pause *= 2;
	return again || a->heard;
}

/* When to look again though nothing is heard. */
static int64_t next_look(const struct waiting *w)
{
	int64_t at = CHAN_WAIT;

	for (int i = 0; i < w->n; i++) {
		const struct wish *a = &w->all[i];

		if (a->err)
			continue;
		at = cli_sooner(at, a->again);
		if (a->unheard)
			at = cli_sooner(at, w->looked + LOOK_UNHEARD);
	}
	return w->ear.fd < 0 ? cli_sooner(at, w->looked + LOOK_DEAF) : at;
}

static void look_at_all(struct waiting *w)
{
	w->looked = cli_now();
	for (int i = 0; i < w->n; i++)
		if (!w->all[i].err)
			look(w, &w->all[i]);
}

static void look_at_due(struct waiting *w)
{
	w->looked = cli_now();
	for (int i = 0; i < w->n; i++) {
		struct wish *a = &w->all[i];
		bool ends =
			a->pause && (a->cond.subject == RECEIVERS || a->cond.subject == SENDERS ||
					    a->cond.subject == GONE);

		if (!is_due(a, w->looked) && !(a->unheard && !a->err) && w->ear.fd >= 0)
			continue;
		if (a->err)
			continue;
		look(w, a);
		if (ends)
			a->again = cli_sooner(a->again, cli_deadline(a->pause));
	}
}

/* Returns 1 once they hold, 0, or -ECANCELED. */
static int result(const struct waiting *w)
{
	int holding = 0, failed = 0;

	for (int i = 0; i < w->n; i++) {
		holding += w->all[i].holds;
		failed += w->all[i].err != 0;
	}
	if (w->any)
		return holding ? 1 : failed == w->n ? -ECANCELED : 0;
	return failed ? -ECANCELED : holding == w->n;
}

/* Wait until something is heard, or it is time to look. */
static int wait_for_more(struct waiting *w, int64_t deadline)
{
	int r = cli_wait_fd(-1, 0, w->looked + SOON); /* however much is heard */

	if (r == -EINTR)
		return r;
	r = cli_wait_fd(w->ear.fd, POLLIN, cli_sooner(deadline, next_look(w)));
	if (r == -ETIMEDOUT)
		return cli_remaining(deadline) ? 0 : r;
	if (r > 0)
		bell_hear(&w->ear, note_heard, w);
	return r < 0 ? r : 0;
}

static int wait_until(struct waiting *w, int64_t deadline)
{
	int r, err = 0;

	look_at_all(w);
	for (;;) {
		r = result(w);
		if (r > 0 && !w->any && w->n > 1) { /* all at once? */
			look_at_all(w);
			r = result(w);
		}
		if (r || err)
			return r > 0 ? 0 : r ? r : err;
		err = wait_for_more(w, deadline);
		if (err == -EINTR)
			return err;
		look_at_due(w);
	}
}

int waiting_for(struct wish *all, int n, bool any, int64_t deadline)
{
	struct waiting w = {.all = all, .n = n, .any = any};
	int r = channels_prepare();

	if (r)
		return r;
	start_inotify(&w);
	for (int i = 0; i < n; i++) {
		all[i].watch = -1;
		all[i].again = CHAN_WAIT;
		if (condition_is_about_name(&all[i].cond))
			continue;
		all[i].err = open_channel(&w, &all[i]);
		if (all[i].err)
			r = -ECANCELED;
	}
	if (!r)
		r = wait_until(&w, deadline);
	descriptor_close(&w.ear);
	return r;
}

void waiting_done(struct wish *all, int n)
{
	for (int i = 0; i < n; i++)
		if (all[i].open)
			close_channel(&all[i]);
}
