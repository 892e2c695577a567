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

/*
 * Of a lane, one creation is active, and the others wait in their order.  A lane without any
 * is freed.  There are few lanes and maybe thousands of creations: what is looked for is
 * looked for in the lanes, or by name.
 */
struct lane {
	int64_t id;
	struct creation *active;
	struct creation *first, **last;
	struct lane *next;
};

static struct lane *lanes;

#define NAMES 4096
static struct creation *names[NAMES]; /* by a hash of the name */

static size_t declared; /* how many of all are of declarations */

/* Numbers say which of two comes first. */
static int64_t lowest, highest;

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

static struct creation **names_of(const char *name)
{
	uint32_t hash = 2166136261;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619;
	return &names[hash % NAMES];
}

/* Returns the first creation of that name that is not `but`, or NULL. */
static struct creation *find(const char *name, const struct creation *but)
{
	struct creation *found = NULL;

	for (struct creation *c = *names_of(name); c; c = c->same_hash)
		if (c != but && !strcmp(c->spec.name, name) &&
			(!found || c->number < found->number))
			found = c;
	return found;
}

static struct lane *lane_of(int64_t id)
{
	struct lane *lane = lanes;

	while (lane && lane->id != id)
		lane = lane->next;
	if (lane)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	lane->id = id;
	lane->last = &lane->first;
	lane->next = lanes;
	lanes = lane;
	return lane;
}

static void free_if_empty(struct lane *lane)
{
	struct lane **at = &lanes;

	if (lane->active || lane->first)
		return;
	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	free(lane);
}

static int enqueue(struct creation *c)
{
	int64_t need = chan_footprint(&c->spec.options);
	struct creation **same_hash = names_of(c->spec.name);

	c->need = need > 0 ? (uint64_t)need : 0;
	c->lane = lane_of(c->file ? lane_of_declared(c->need) : (int64_t)c->by);
	if (!c->lane)
		return -ENOMEM;
	c->number = ++highest;
	*c->lane->last = c;
	c->lane->last = &c->next;
	c->same_hash = *same_hash;
	*same_hash = c;
	declared += c->file != NULL;
	return 0;
}

/* Take it out of those that wait in its lane. */
static void leave_line(struct creation *c)
{
	struct creation **at = &c->lane->first;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (!*at)
		c->lane->last = at;
	c->next = NULL;
}

static void dequeue(struct creation *c)
{
	struct creation **at = names_of(c->spec.name);

	if (c->lane->active == c)
		c->lane->active = NULL;
	else
		leave_line(c);
	free_if_empty(c->lane);
	while (*at != c)
		at = &(*at)->same_hash;
	*at = c->same_hash;
	declared -= c->file != NULL;
}

static void free_creation(struct creation *c)
{
	free(c->file);
	free(c);
}

/* Is another one of its name active, or before it? */
static bool name_has_to_wait(const struct creation *c)
{
	for (const struct creation *other = *names_of(c->spec.name); other;
		other = other->same_hash)
		if (other != c && (other->state != CREATION_WAITS || other->number < c->number) &&
			!strcmp(other->spec.name, c->spec.name))
			return true;
	return false;
}

/* Channels that are made at one time must not all fail where one of them would fit. */
static bool fits(const struct creation *c)
{
	return !under_way || promised + c->need <= memory;
}

static struct creation *next_to_begin(void)
{
	struct creation *next = NULL;

	for (const struct lane *lane = lanes; lane; lane = lane->next) {
		struct creation *c = lane->active ? NULL : lane->first;

		if (c && (c->file || !found_count()) && (!next || c->number < next->number) &&
			!name_has_to_wait(c) && fits(c))
			next = c;
	}
	return next;
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
	leave_line(c);
	c->lane->active = c;
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

static int ask(struct creation *c)
{
	int err = enqueue(c);

	if (err < 0)
		free_creation(c);
	else
		creation_run();
	return err;
}

int creation_declare(const struct spec *spec, const char *file)
{
	struct creation *c = calloc(1, sizeof(*c));

	if (!c || !(c->file = strdup(file))) {
		free(c);
		return -ENOMEM;
	}
	c->spec = *spec;
	return ask(c);
}

int creation_request(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg)
{
	struct creation *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->spec = *spec;
	c->by = by;
	c->answer = answer;
	c->arg = arg;
	return ask(c);
}

static bool is_request_of(const struct creation *c, const void *arg)
{
	return c && !c->file && c->arg == arg && !creation_cancelled(c);
}

void creation_cancel(const void *arg)
{
	for (struct lane *lane = lanes; lane; lane = lane->next) {
		struct creation *c = lane->id < 0 ? NULL : lane->first;

		if (is_request_of(lane->active, arg)) {
			atomic_store_explicit(&lane->active->cancelled, true, memory_order_relaxed);
			return;
		}
		while (c && !is_request_of(c, arg))
			c = c->next;
		if (c) {
			dequeue(c);
			free_creation(c);
			creation_run();
			return;
		}
	}
}

bool creation_expedite(const char *name)
{
	struct creation *c = find(name, NULL);

	if (c && c->file && c->state == CREATION_WAITS && c != c->lane->first) {
		leave_line(c);
		c->next = c->lane->first;
		c->lane->first = c;
		c->number = --lowest;
		creation_run();
	}
	return c != NULL;
}

bool creation_runs(const char *name)
{
	const struct creation *c = find(name, NULL);

	return c && c->state == CREATION_RUNS;
}

size_t creation_declared(void)
{
	return declared;
}

void creation_usage(uid_t owner, uint64_t *channels, uint64_t *bytes)
{
	for (const struct lane *lane = lanes; lane; lane = lane->next) {
		const struct creation *c = lane->active;

		if (c && c->state == CREATION_RUNS && !c->file && c->spec.owner == owner) {
			++*channels;
			*bytes += c->need;
		}
	}
}

void creation_stop(void)
{
	stopped = true;
	for (struct lane *lane = lanes, *next; lane; lane = next) {
		next = lane->next;
		for (struct creation *c = lane->first, *after; c; c = after) {
			after = c->next;
			dequeue(c); /* which frees the lane with its last one */
			free_creation(c);
		}
	}
}
