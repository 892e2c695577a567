/* SPDX-License-Identifier: MIT */
/* The model is in creation.h. */
#include "registry/creation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/container.h"
#include "base/names.h"
#include "errors.h"
#include "registry/found.h"

/* In the order in which they were asked for. */
static struct creation *queue, **last = &queue;
static struct creation_hooks hook;
static bool stopped;

/* How many are under way; how much memory /dev/shm had left when none was, and what all
 * need that were begun since. */
static unsigned under_way;
static uint64_t memory, promised;

void creation_start(const struct creation_hooks *hooks)
{
	hook = *hooks;
	stopped = false;
}

/* ---- the queue ---- */

/* The lanes of declared channels: powers of 16 from 1 MiB on.  Users have the others. */
static int64_t lane_of_declared(uint64_t need)
{
	int64_t lane = -1;

	for (uint64_t most = 1 << 20; need > most && lane > -5; most *= 16)
		lane--;
	return lane;
}

static void enqueue(struct creation *c)
{
	int64_t need = chan_footprint(&c->spec.options);

	c->need = need > 0 ? (uint64_t)need : 0;
	if (c->file)
		c->lane = lane_of_declared(c->need);
	*last = c;
	last = &c->next;
}

static void dequeue(struct creation *c)
{
	struct creation **at = &queue;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (!*at)
		last = at;
}

static void free_creation(struct creation *c)
{
	free(c->file);
	free(c);
}

/* Is one of its lane, or of its name, under way, or before it? */
static bool has_to_wait(const struct creation *c)
{
	bool before = true;

	for (const struct creation *other = queue; other; other = other->next) {
		if (other == c)
			before = false;
		else if ((before || other->state != CREATION_WAITS) &&
			 (other->lane == c->lane || !strcmp(other->spec.name, c->spec.name)))
			return true;
	}
	return false;
}

/* Channels that are made at one time must not all fail where one of them would fit. */
static bool fits(const struct creation *c)
{
	return !under_way || promised + c->need <= memory;
}

static struct creation *next_to_begin(void)
{
	for (struct creation *c = queue; c; c = c->next)
		if (c->state == CREATION_WAITS && (c->file || !found_count()) && !has_to_wait(c) &&
			fits(c))
			return c;
	return NULL;
}

/* ---- making one ---- */

bool creation_cancelled(const struct creation *c)
{
	return atomic_load_explicit(&c->cancelled, memory_order_relaxed);
}

/* This runs beside the loop.  Until its group is right, the file is for nobody but us. */
static void make(struct work *work)
{
	struct creation *c = container_of(work, struct creation, work);
	struct chan_options options = c->spec.options;

	options.mode &= ~0060u;
	c->err = chan_create(c->spec.name, &options);
	c->created = c->err == 0;
	/* A channel that is there already is adopted if it is declared. */
	if (c->created || (c->err == -EEXIST && c->file))
		c->err = chan_open(&c->observer, c->spec.name, 0, NULL);
	if (c->created && (c->err < 0 || creation_cancelled(c))) {
		chan_remove(c->spec.name);
		chan_detach(c->observer);
		c->observer = NULL;
		c->created = false;
		if (c->err == 0)
			c->err = -ECANCELED;
	}
}

static void made(struct work *work)
{
	struct creation *c = container_of(work, struct creation, work);

	report_shortage(c->err);
	under_way--;
	dequeue(c);
	if (stopped) {
		chan_detach(c->observer);
		if (c->created && c->spec.daemon)
			chan_remove(c->spec.name);
	} else {
		hook.done(c);
	}
	free_creation(c);
}

static uint64_t memory_left(void)
{
	struct statvfs vfs;

	return statvfs(NAMES_DIR, &vfs) < 0 || !vfs.f_blocks
		       ? UINT64_MAX / 2
		       : (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

static void begin(struct creation *c)
{
	c->state = CREATION_BEGINS;
	if (!hook.begin(c)) {
		dequeue(c);
		free_creation(c);
		return;
	}
	if (!under_way) {
		memory = memory_left();
		promised = 0;
	}
	c->state = CREATION_RUNS;
	under_way++;
	promised += c->need;
	c->work = (struct work){.run = make, .done = made};
	work_start(&c->work);
}

void creation_run(void)
{
	for (struct creation *c; (c = next_to_begin());)
		begin(c);
}

/* ---- asking ---- */

int creation_declare(const struct spec *spec, const char *file)
{
	struct creation *c = calloc(1, sizeof(*c));

	if (!c || !(c->file = strdup(file))) {
		free(c);
		return -ENOMEM;
	}
	c->spec = *spec;
	enqueue(c);
	creation_run();
	return 0;
}

int creation_request(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg)
{
	struct creation *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->spec = *spec;
	c->lane = by;
	c->answer = answer;
	c->arg = arg;
	enqueue(c);
	creation_run();
	return 0;
}

void creation_cancel(const void *arg)
{
	struct creation *c = queue;

	while (c && (c->file || c->arg != arg || creation_cancelled(c)))
		c = c->next;
	if (c && c->state != CREATION_WAITS) {
		atomic_store_explicit(&c->cancelled, true, memory_order_relaxed);
	} else if (c) {
		dequeue(c);
		free_creation(c);
		creation_run();
	}
}

bool creation_expedite(const char *name)
{
	struct creation *c = queue;

	while (c && strcmp(c->spec.name, name) != 0)
		c = c->next;
	if (c && c->file && c->state == CREATION_WAITS && c != queue) {
		dequeue(c);
		c->next = queue;
		queue = c;
		creation_run();
	}
	return c != NULL;
}

bool creation_runs(const char *name)
{
	for (const struct creation *c = queue; c; c = c->next)
		if (c->state == CREATION_RUNS && !strcmp(c->spec.name, name))
			return true;
	return false;
}

size_t creation_declared(void)
{
	size_t n = 0;

	for (const struct creation *c = queue; c; c = c->next)
		n += c->file != NULL;
	return n;
}

void creation_usage(uid_t owner, uint64_t *channels, uint64_t *bytes)
{
	for (const struct creation *c = queue; c; c = c->next)
		if (c->state == CREATION_RUNS && !c->file && c->spec.owner == owner) {
			++*channels;
			*bytes += c->need;
		}
}

void creation_stop(void)
{
	stopped = true;
	for (struct creation *c = queue, *next; c; c = next) {
		next = c->next;
		if (c->state == CREATION_WAITS) {
			dequeue(c);
			free_creation(c);
		}
	}
}
