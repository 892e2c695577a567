/* SPDX-License-Identifier: MIT */
/* The model is in attendance.h. */
#include "watch/attendance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "channel.h"
#include "channel/channel.h"
#include "errors.h"
#include "events.h"
#include "log.h"
#include "watch/process.h"

static uint64_t all_deaths;

struct comparison {
	struct attendance *attendance;
	struct channel *channel;
	struct attendance_change change;
};

static void emit(const char *event, const struct channel *c, const struct chan_endpoint *end)
{
	event_emit(event, c->spec.name, &c->spec, "id=%u\npid=%d\nuid=%u\nrole=%s\ncommand=%s\n",
		end->id, end->pid, end->uid,
		word(&words_side, end->roles & (CHAN_SEND | CHAN_RECV)), end->command);
}

static void came(const struct chan_endpoint *end, void *arg)
{
	struct comparison *c = arg;
	int err = end->pid > 0 ? process_hold(end->pid) : -EINVAL;

	if (err == -ESRCH)
		c->change.died = true;
	else if (err < 0 && err != -EINVAL && !report_shortage(err))
		log_line(LOG_WARNING, "unwatched", c->channel->spec.name, end->pid,
			"process %d can't be watched: %s", (int)end->pid, strerror(-err));
	emit("attached", c->channel, end);
}

static void went(const struct chan_endpoint *end, void *arg)
{
	struct comparison *c = arg;
	bool dead = !channel_detached(c->channel->observer, end);

	if (dead) {
		c->change.died = true;
		c->attendance->deaths++;
		all_deaths++;
	} else {
		c->change.left++;
	}
	process_release(end->pid);
	emit(dead ? "died" : "detached", c->channel, end);
}

struct attendance_change attendance_compare(struct attendance *a, struct channel *channel)
{
	struct comparison c = {.attendance = a, .channel = channel};
	struct endpoints now;

	if (endpoints_read(channel->observer, a->now.n, &now) < 0)
		return c.change;
	endpoints_compare(&a->now, &now, came, went, &c);
	free(a->now.at);
	a->now = now;
	return c.change;
}

bool attendance_has(const struct attendance *a, pid_t pid)
{
	for (unsigned i = 0; i < a->now.n; i++)
		if (a->now.at[i].pid == pid)
			return true;
	return false;
}

void attendance_done(struct attendance *a)
{
	for (unsigned i = 0; i < a->now.n; i++)
		process_release(a->now.at[i].pid);
	free(a->now.at);
	a->now = (struct endpoints){0};
}

uint64_t attendance_deaths(void)
{
	return all_deaths;
}
