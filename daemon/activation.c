/* SPDX-License-Identifier: MIT */
/* The model is in activation.h. */
#include "activation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/names.h"
#include "channel.h"
#include "channel/watch.h"
#include "errors.h"
#include "events.h"
#include "log.h"
#include "settings.h"
#include "table.h"

#define MS INT64_C(1000000)

/* The pause after a ring. */
#define PAUSE (20 * MS)

/* The pause if the channel can't be listened to, or its file can't be made. */
#define PAUSE_FAILED (1000 * MS)

struct activation {
	struct channel *channel;
	struct timer pause;
	int watch;   /* the number by which the channel is listened to, or -1 */
	bool ready;  /* the file is there */
	bool warned; /* that the channel can't be listened to */
};

static void pause_for(struct activation *a, int64_t ns)
{
	loop_timer(settings->loop, &a->pause, clock_monotonic() + ns);
}

/* ---- files ---- */

static void ready_path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/ready/%s", settings->runtime, name);
}

static void set_ready(struct activation *a, bool ready)
{
	const char *name = a->channel->spec.name;
	char path[PATH_MAX];
	int fd;

	if (ready == a->ready)
		return;
	ready_path(path, sizeof(path), name);
	if (ready) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0) {
			log_line(LOG_ERR, "failed", name, 0, "%s: %s", path, strerror(errno));
			pause_for(a, PAUSE_FAILED);
			return;
		}
		close(fd);
	} else {
		unlink(path);
	}
	a->ready = ready;
	event_emit(ready ? "ready" : "served", name, NULL, "%s", "");
}

static void remove_files(void)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	ready_path(path, sizeof(path), "");
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (name_valid(entry->d_name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

bool activation_ready(const struct channel *c)
{
	return c->activation->ready;
}

/* ---- listening ---- */

static struct descriptor bell = {.fd = -1};
static struct source source;

static int by_watch(const void *item, const void *key)
{
	int a = ((const struct activation *)item)->watch, b = *(const int *)key;

	return (a > b) - (a < b);
}

static struct table listening = {.order = by_watch};

static int listen_to(struct activation *a)
{
	int watch = bell_watch(&bell, &a->channel->observer->segment), err;

	if (watch < 0)
		return watch;
	a->watch = watch;
	err = table_add(&listening, &watch, a);
	if (err < 0) {
		a->watch = -1;
		bell_ignore(&bell, watch);
	}
	return err;
}

static void listen_no_more(struct activation *a)
{
	if (a->watch < 0)
		return;
	table_remove(&listening, &a->watch);
	bell_ignore(&bell, a->watch);
	a->watch = -1;
}

static void rung(struct activation *a)
{
	listen_no_more(a);
	pause_for(a, PAUSE);
	activation_update(a->channel);
}

static void heard(int watch, struct bell_heard what, void *unused)
{
	struct activation *a = table_find(&listening, &watch);

	(void)what;
	(void)unused;
	if (a) /* else it was heard already */
		rung(a);
	while (watch < 0 && listening.n) /* any may have rung */
		rung(listening.at[0]);
}

static void hear(struct source *unused)
{
	(void)unused;
	bell_hear(&bell, heard, NULL);
}

int activation_start(void)
{
	int err = descriptor_inotify(&bell);

	remove_files();
	if (err < 0)
		return err == -EMFILE ? -ERROR_NO_INOTIFY : err;
	source = (struct source){.fd = bell.fd, .events = POLLIN, .ready = hear};
	return loop_add(settings->loop, &source);
}

/* ---- looking ---- */

/* Make the file say what is.  Returns whether the channel waits for a receiver. */
static bool look(struct activation *a)
{
	const struct channel *c = a->channel;
	struct chan_stat st = {.size = sizeof(st)};
	bool waits = c->spec.activate && chan_stat(c->observer, &st) == 0 && !st.receivers;

	set_ready(a, waits && st.depth && !st.paused);
	return waits;
}

static void warn(struct activation *a, int err)
{
	const char *detail = chan_error_detail(err);

	if (!a->warned)
		log_line(LOG_WARNING, "unwatched", a->channel->spec.name, 0,
			"looking once a second whether the channel has a message: %s",
			*detail ? detail : chan_strerror(err));
	a->warned = true;
}

/* Let the next change of what the file says ring. */
static void await_change(struct activation *a)
{
	bool was = a->ready;
	int err = a->watch < 0 ? listen_to(a) : 0;

	if (err == 0)
		err = channel_watch(a->channel->observer, was ? WATCH_LESS : WATCH_MORE);
	if (err < 0) {
		warn(a, err);
		listen_no_more(a);
		pause_for(a, PAUSE_FAILED);
	} else if (look(a) && a->ready != was) {
		pause_for(a, PAUSE); /* it is the other change that rings from then on */
	}
}

void activation_update(struct channel *c)
{
	struct activation *a = c->activation;

	if (!look(a))
		listen_no_more(a);
	else if (!a->pause.place)
		await_change(a);
}

/* ---- life ---- */

static void pause_fired(struct timer *timer)
{
	activation_update(container_of(timer, struct activation, pause)->channel);
}

int activation_add(struct channel *c)
{
	struct activation *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->channel = c;
	a->watch = -1;
	a->pause.fired = pause_fired;
	c->activation = a;
	return 0;
}

void activation_remove(struct channel *c)
{
	struct activation *a = c->activation;

	set_ready(a, false);
	listen_no_more(a);
	loop_cancel(settings->loop, &a->pause);
	c->activation = NULL;
	free(a);
}
