/* SPDX-License-Identifier: MIT */
/*
 * Channels as chanctl sees them: a name, an observer's handle where it can be
 * had, and what was read last.  An observer is not counted as a sender or receiver and
 * needs no permission to write, so reading changes nothing.
 */
#include "ctl/channel.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/names.h"
#include "common/bus.h"
#include "common/deadline.h"
#include "common/user.h"
#include "ctl/chand.h"
#include "ctl/output.h"

int ctl_refresh(struct ctl_channel *ch)
{
	struct chan_stat now = {.size = sizeof(now)};
	int r = chan_stat(ch->ch, &now);

	ch->err = r;
	if (r < 0)
		return r;
	ch->before = ch->stat;
	ch->time_before = ch->time;
	ch->stat = now;
	ch->time = cli_now();
	return 0;
}

int ctl_open(struct ctl_channel *ch, const char *name)
{
	*ch = (struct ctl_channel){.name = ctl_copy(name)};
	ch->err = chan_open(&ch->ch, name, 0, NULL);
	if (!ch->err && ctl_refresh(ch) < 0) {
		chan_detach(ch->ch);
		ch->ch = NULL;
	}
	return ch->err;
}

void ctl_discount(struct ctl_channel *ch)
{
	struct chan_cursor at = {.flags = CHAN_LEASED_TOO};
	uint64_t left = 0;
	ssize_t n = 0;
	char *message;

	if (ch->stat.kind != CHAN_KIND_RENDEZVOUS || !ch->stat.depth)
		return;
	message = ctl_alloc(1, (size_t)ch->stat.max_message + 1);
	for (; left < ch->stat.depth && n >= 0; left += n >= 0)
		n = chan_peek(ch->ch, message, ch->stat.max_message, &at);
	free(message);
	if (n >= 0 || n == -EAGAIN)
		ch->stat.depth = left;
}

void ctl_forget(struct ctl_channel *ch)
{
	chan_detach(ch->ch);
	json_decref(ch->bus);
	free(ch->name);
	*ch = (struct ctl_channel){0};
}

void ctl_ask_chand(struct ctl_channel *ch)
{
	json_t *info = ctl_bus_info(ch->name);

	if (!info)
		return;
	json_decref(ch->bus);
	ch->bus = info;
}

bool ctl_matches(const char *glob, const char *name)
{
	const char *local = bus_local(name);

	return local && (!glob || !fnmatch(glob, local, 0));
}

struct collect {
	struct ctl_channels *channels;
	const char *glob;
	const struct ctl_bus *bus; /* the one that is listed */
	size_t sorted;		   /* so many of the channels are in order */
};

/* Open a channel, read it and add it; NULL if it is gone. */
static struct ctl_channel *add(struct ctl_channels *channels, const char *name)
{
	struct ctl_channel *ch;

	channels->at = ctl_grow(channels->at, channels->n + 1, sizeof(*channels->at));
	ch = &channels->at[channels->n];
	if (ctl_open(ch, name) == -ENOENT) {
		ctl_forget(ch);
		return NULL;
	}
	chan_detach(ch->ch); /* there may be more channels than descriptors */
	ch->ch = NULL;
	channels->n++;
	return ch;
}

static int collect(const char *name, void *arg)
{
	struct collect *c = arg;

	if (ctl_matches(c->glob, name))
		add(c->channels, name);
	return 0;
}

/* The caller's own channels, which have no OWNER/, come first. */
static int by_name(const void *a, const void *b)
{
	const char *x = ((const struct ctl_channel *)a)->name;
	const char *y = ((const struct ctl_channel *)b)->name;
	bool other_x = strchr(x, '/'), other_y = strchr(y, '/');

	return other_x != other_y ? (int)other_x - (int)other_y : strcmp(x, y);
}

static void sort(struct collect *c)
{
	if (c->channels->n)
		qsort(c->channels->at, c->channels->n, sizeof(*c->channels->at), by_name);
	c->sorted = c->channels->n;
}

/* Find one among those that were there when they were last sorted.  A bus has no name
 * twice. */
static struct ctl_channel *find(const struct collect *c, char *name)
{
	struct ctl_channel key = {.name = name};

	return c->sorted ? bsearch(&key, c->channels->at, c->sorted, sizeof(key), by_name) : NULL;
}

/* Add a channel of a bus.  Its segment may lie in a /dev/shm that is not visible here. */
static void collect_from_bus(const char *kind, const char *lines, void *arg)
{
	struct collect *c = arg;
	struct ctl_channel *ch = NULL;
	json_t *info = ctl_bus_object(c->bus, lines);
	const char *local = ctl_bus_text(info, "name");
	char *name = local ? bus_full_name(c->bus->owner, local) : NULL;

	if (!strcmp(kind, PACKET_CHANNEL) && name && ctl_matches(c->glob, name)) {
		ch = find(c, name);
		if (!ch)
			ch = add(c->channels, name);
	}
	if (ch) {
		json_decref(ch->bus);
		ch->bus = json_incref(info);
	}
	json_decref(info);
	free(name);
}

int ctl_channels(struct ctl_channels *ret, const char *glob)
{
	struct collect c = {.channels = ret, .glob = glob};
	int r;

	*ret = (struct ctl_channels){0};
	r = chan_list(collect, &c);
	if (r < 0) {
		ctl_channels_free(ret);
		return r;
	}
	sort(&c);
	for (struct ctl_bus *const *bus = ctl_buses(); *bus; bus++) {
		c.bus = *bus;
		ctl_bus_each(*bus, BUS_REQUEST(VERB_LIST), collect_from_bus, &c);
		sort(&c);
	}
	return 0;
}

void ctl_channels_free(struct ctl_channels *channels)
{
	for (size_t i = 0; i < channels->n; i++)
		ctl_forget(&channels->at[i]);
	free(channels->at);
	*channels = (struct ctl_channels){0};
}

uint64_t ctl_depth(const struct chan_stat *stat)
{
	return stat->closed == 2 ? 0 : stat->depth;
}

static const char *error_state(int err)
{
	switch (err) {
	case -EACCES:
		return "denied";
	case -EPERM:
		return "squatted";
	case -EPROTONOSUPPORT:
		return "other-format";
	case -EPROTOTYPE:
		return "other-libc";
	case -EXDEV:
		return "other-pid-namespace";
	case -EBADMSG:
		return "damaged";
	}
	return "unreadable";
}

const char *ctl_grown_why(const struct chan_stat *stat)
{
	return stat->grown_why == CHAN_GROWN_LARGE ? "large-message" : "full";
}

const char *ctl_state(const struct ctl_channel *ch)
{
	if (ch->err)
		return error_state(ch->err);
	if (ch->stat.damaged)
		return "damaged";
	if (ch->stat.removed)
		return "removed";
	if (ch->stat.paused)
		return "paused";
	if (ch->stat.closed && ctl_depth(&ch->stat))
		return "draining";
	return ch->stat.closed ? "closed" : "open";
}

bool ctl_name_of_file(char *ret, size_t size, const char *file)
{
	const char *name;
	uid_t uid;

	if (!name_of_file(file, &uid, &name))
		return false;
	if (uid == geteuid())
		snprintf(ret, size, "%s", name);
	else
		snprintf(ret, size, "%s/%s", cli_user(uid), name);
	return true;
}
