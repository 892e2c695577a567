/* SPDX-License-Identifier: MIT */
/* The model is in channel.h. */
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "channel/channel.h"

static uint64_t ids;

const char *origin_name(enum origin origin)
{
	static const char *const names[] = {"declared", "requested", "adopted"};

	return names[origin];
}

int channel_new(struct channel **ret, const struct spec *spec, enum origin origin, const char *file,
	chan_t *observer)
{
	struct channel *c = calloc(1, sizeof(*c));
	struct chan_stat stat = {.size = sizeof(stat)};
	int err;

	if (!c) {
		chan_detach(observer);
		return -ENOMEM;
	}
	c->id = ++ids;
	c->spec = *spec;
	c->origin = origin;
	c->observer = observer;
	c->holders = 1;
	err = chan_stat(observer, &stat);
	c->segment = stat.segment;
	if (err == 0 && file && !(c->file = strdup(file)))
		err = -ENOMEM;
	if (err < 0) {
		channel_release(c);
		return err;
	}
	*ret = c;
	return 0;
}

uint64_t channel_memory(const struct channel *c)
{
	/* Any other keeps what it has. */
	return c->spec.options.max_capacity ? segment_memory(&c->observer->segment) : c->segment;
}

int channel_descriptor(const struct channel *c)
{
	return c->observer->segment.own.fd;
}

void channel_hold(struct channel *c)
{
	c->holders++;
}

/* The memory of a removed channel is freed when the last opener closes it. */
static void leave(struct work *work)
{
	struct channel *c = container_of(work, struct channel, leaving);

	chan_detach(c->observer);
}

static void has_left(struct work *work)
{
	struct channel *c = container_of(work, struct channel, leaving);

	free(c->file);
	free(c);
}

void channel_release(struct channel *c)
{
	if (--c->holders)
		return;
	c->leaving = (struct work){.run = leave, .done = has_left};
	work_start(&c->leaving);
}
