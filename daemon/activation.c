/* SPDX-License-Identifier: MIT */
/* The model is in activation.h. */
#include "activation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/names.h"
#include "channel.h"
#include "channel/handle.h"
#include "channel/receive.h"
#include "events.h"
#include "log.h"
#include "settings.h"

#define MS INT64_C(1000000)

/* The pause after a wait that ended with no message for anybody, or with one that
 * somebody took at once. */
#define PAUSE (20 * MS)

/* The pause if the channel can't be opened to wait. */
#define PAUSE_FAILED (1000 * MS)

/* The number of threads that wait; each channel above it is looked at that often. */
#define WAITING_MAX 256
#define PAUSE_CROWDED (200 * MS)

struct activation {
	struct channel *channel;
	chan_t *observer; /* an endpoint of its own: chan_interrupt() interrupts nothing else */
	struct timer pause;
	struct work waiting, leaving;
	bool waits; /* `waiting` is under way */
	bool ready; /* the file is there */
	bool gone;  /* it is freed when `waiting` is done */
};

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
			return;
		}
		close(fd);
	} else {
		unlink(path);
	}
	a->ready = ready;
	event_emit(ready ? "ready" : "served", name, NULL, "%s", "");
}

void activation_start(void)
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

/* ---- waiting for the first message ---- */

static unsigned waiting_count;

static void pause_for(struct activation *a, int64_t ns)
{
	loop_timer(settings->loop, &a->pause, clock_monotonic() + ns);
}

/* This runs while the channel has no receiver, but one that came a moment ago may sleep
 * already: channel_await_message() passes on a wake-up that was meant for it. */
static void wait_for_message(struct work *work)
{
	channel_await_message(container_of(work, struct activation, waiting)->observer);
}

static void free_activation(struct activation *a);

static void has_waited(struct work *work)
{
	struct activation *a = container_of(work, struct activation, waiting);

	a->waits = false;
	waiting_count--;
	if (a->gone) {
		free_activation(a);
		return;
	}
	chan_interrupt(a->observer, 0);
	pause_for(a, PAUSE); /* not at once again */
	activation_update(a->channel);
}

static void start_waiting(struct activation *a)
{
	int err = 0;

	if (a->waits || a->pause.place)
		return;
	if (waiting_count == WAITING_MAX) {
		pause_for(a, PAUSE_CROWDED);
		return;
	}
	if (!a->observer)
		err = chan_open(&a->observer, a->channel->spec.name, 0, NULL);
	if (err < 0 || !a->observer->segment.writable) {
		pause_for(a, PAUSE_FAILED);
		return;
	}
	a->waits = true;
	waiting_count++;
	a->waiting = (struct work){.run = wait_for_message, .done = has_waited};
	work_start(&a->waiting);
}

void activation_update(struct channel *c)
{
	struct activation *a = c->activation;
	struct chan_stat st = {.size = sizeof(st)};
	bool wanted = c->spec.activate && chan_stat(c->observer, &st) == 0 && !st.receivers;

	set_ready(a, wanted && st.depth);
	if (wanted && !a->ready && (st.senders || st.depth))
		start_waiting(a);
	else if (a->waits)
		chan_interrupt(a->observer, 1);
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
	a->pause.fired = pause_fired;
	c->activation = a;
	channel_hold(c);
	return 0;
}

static void leave(struct work *work)
{
	chan_detach(container_of(work, struct activation, leaving)->observer);
}

static void has_left(struct work *work)
{
	struct activation *a = container_of(work, struct activation, leaving);

	channel_release(a->channel);
	free(a);
}

static void free_activation(struct activation *a)
{
	a->channel->activation = NULL;
	a->leaving = (struct work){.run = leave, .done = has_left};
	if (a->observer)
		work_start(&a->leaving);
	else
		has_left(&a->leaving);
}

void activation_remove(struct channel *c)
{
	struct activation *a = c->activation;

	loop_cancel(settings->loop, &a->pause);
	set_ready(a, false);
	a->gone = true;
	if (a->waits)
		chan_interrupt(a->observer, 1);
	else
		free_activation(a);
}
