/* SPDX-License-Identifier: MIT */
/* The model is in registry.h. */
#define _GNU_SOURCE 1
#include "registry/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/names.h"
#include "bus.h"
#include "registry/found.h"
#include "log.h"
#include "config/refused.h"
#include "registry/state.h"
#include "segment/segment.h"
#include "watch/watch.h"
#include "table.h"

static int by_name(const void *item, const void *key)
{
	return strcmp(((const struct channel *)item)->spec.name, key);
}

static struct table table = {.order = by_name};
static struct declarations declarations; /* as last read */
static uint64_t ids;

/* For so long channels are taken up before others have their turn. */
#define SLICE INT64_C(2000000)

const char *origin_name(enum origin origin)
{
	static const char *const names[] = {"declared", "requested", "adopted"};

	return names[origin];
}

size_t registry_count(void)
{
	return table.n;
}

void registry_each(void (*fn)(struct channel *channel, void *arg), void *arg)
{
	for (size_t i = 0; i < table.n; i++)
		fn(table.at[i], arg);
}

struct channel *registry_find(const char *name)
{
	return table_find(&table, name);
}

struct channel *registry_after(const char *name)
{
	size_t i = table_place(&table, name);

	if (i < table.n && by_name(table.at[i], name) == 0)
		i++;
	return i < table.n ? table.at[i] : NULL;
}

/* ---- what is being made ---- */

/*
 * One at a time is made of each lane.  A user's requests are a lane, by number.  So are
 * the declared channels of about one size (powers of 16 from 1 MiB on): no small one waits
 * for a large one.
 */
typedef int64_t lane_t;

struct making {
	struct work work;
	struct spec spec;
	char *file; /* of a declaration; else it is a request */
	lane_t lane;
	uint64_t need; /* bytes */
	void (*answer)(void *arg, int err, const char *why);
	void *arg;
	bool started;
	struct making *next;

	/* Set by the loop's thread, and looked at by the work's: whoever asked has given up. */
	atomic_bool cancelled;

	/* The work's: */
	int err;
	bool made;
	chan_t *ch;
};

/* In the order in which they were asked for. */
static struct making *makings, **last_making = &makings;
static bool stopped;
static void (*settled)(const char *name);

/* How many are under way; what /dev/shm had left when none was, and what all need that
 * were begun since. */
static unsigned under_way;
static uint64_t memory, promised;

static bool being_made(const char *name)
{
	for (const struct making *m = makings; m; m = m->next)
		if (m->started && !strcmp(m->spec.name, name))
			return true;
	return false;
}

void registry_usage(uid_t uid, uint64_t *channels, uint64_t *bytes)
{
	*channels = *bytes = 0;
	for (size_t i = 0; i < table.n; i++) {
		const struct channel *c = table.at[i];

		if (c->origin == ORIGIN_REQUESTED && c->spec.owner == uid) {
			++*channels;
			*bytes += c->segment;
		}
	}
	for (const struct making *m = makings; m; m = m->next)
		if (m->started && !m->file && m->spec.owner == uid) {
			++*channels;
			*bytes += m->need;
		}
}

/* ---- channels ---- */

static void leave(struct work *work)
{
	struct channel *c = (struct channel *)((char *)work - offsetof(struct channel, leave));

	chan_detach(c->door);
	chan_detach(c->ch);
}

static void left(struct work *work)
{
	struct channel *c = (struct channel *)((char *)work - offsetof(struct channel, leave));

	free(c->ends);
	free(c->file);
	free(c);
}

/* The memory of a removed channel goes with who has it open last. */
void channel_free(struct channel *c)
{
	c->leave = (struct work){.run = leave, .done = left};
	work_start(&c->leave);
}

/* Enter a channel that is there, and open; `ch` is taken. */
static int channel_enter(struct channel **ret, const struct spec *spec, enum origin origin,
	const char *file, chan_t *ch)
{
	struct channel *c = calloc(1, sizeof(*c));
	struct chan_stat stat = {.size = sizeof(stat)};
	int err;

	if (!c) {
		chan_detach(ch);
		return -ENOMEM;
	}
	c->id = ++ids;
	c->spec = *spec;
	c->origin = origin;
	c->wd = -1;
	c->ch = ch;
	err = chan_stat(ch, &stat);
	c->segment = stat.segment;
	if (err == 0 && file && !(c->file = strdup(file)))
		err = -ENOMEM;
	if (err == 0)
		err = table_add(&table, spec->name, c);
	if (err == 0) {
		err = watch_add(c);
		if (err < 0)
			table_remove(&table, spec->name);
	}
	if (err < 0) {
		channel_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

/* What a segment tells of itself, for one that is found. */
static int spec_of_segment(struct spec *spec, const char *name)
{
	struct chan_stat st = {.size = sizeof(st)};
	chan_t *ch;
	int err = chan_open(&ch, name, 0, NULL);

	if (err < 0)
		return err;
	err = chan_stat(ch, &st);
	chan_detach(ch);
	if (err < 0)
		return err;
	spec_init(spec, name, bus.user ? bus.uid : 0);
	spec->options.kind = st.kind;
	spec->options.flags = st.flags & (CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS);
	spec->options.max_message = st.max_message;
	spec->options.overflow = st.overflow;
	spec->options.endpoints = st.endpoints;
	spec->options.lifetime = st.lifetime;
	spec->options.linger = st.linger;
	spec->options.capacity = st.capacity; /* 0 for a rendezvous */
	spec->options.mode = (st.mode & 0666) | 0600;
	spec->group = st.gid;
	spec->has_group = true;
	return 0;
}

/*
 * The file's own mode is what those get who open it without chand: all that is
 * the others', and the group's if chand can give the file to the group.  It is a
 * convenience; chand asks spec_allows().
 */
static void set_mode(const struct spec *spec)
{
	int fd = segment_descriptor(spec->name, true);
	struct stat st;
	mode_t mode = spec->options.mode;

	if (fd < 0 || fstat(fd, &st) < 0)
		mode = 0;
	else if (spec->has_group && st.st_gid != spec->group &&
		 fchown(fd, (uid_t)-1, spec->group) < 0)
		mode &= ~0060u;
	if (mode && (st.st_mode & 0777) != mode)
		fchmod(fd, mode);
	if (fd >= 0)
		close(fd);
}

static void save_declared(const struct spec *spec);
static bool wanted(const struct declaration *d, struct spec *ret);

static void tell_difference(const struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};
	const char *key = chan_stat(c->ch, &st) == 0 ? spec_differs(&c->spec, &st) : NULL;

	if (key)
		log_line(LOG_WARNING, "differs", c->spec.name, 0,
			"%s of the channel is not as %s wants it; it stays so until it is removed",
			key, c->file ? c->file : "its request");
}

/* What a channel that is there is to be: as it is declared, or was asked for, or was
 * declared once, or as the segment says. */
static int spec_of(struct spec *spec, const char *name, enum origin *origin, const char **file)
{
	const struct declaration *d = declarations_find(&declarations, name);

	*file = d ? d->file : NULL;
	*origin = ORIGIN_DECLARED;
	if (d && wanted(d, spec))
		return 0;
	*file = NULL;
	*origin = ORIGIN_REQUESTED;
	if (state_spec_read(STATE_REQUESTED, spec, name) == 0)
		return 0;
	*origin = ORIGIN_ADOPTED;
	if (state_spec_read(STATE_DECLARED, spec, name) == 0)
		return 0;
	return spec_of_segment(spec, name);
}

static void take_up(const char *name)
{
	struct spec spec;
	struct channel *c;
	chan_t *ch;
	enum origin origin;
	const char *file;
	int err = spec_of(&spec, name, &origin, &file);

	if (err == 0)
		err = chan_open(&ch, name, 0, NULL);
	if (err == 0)
		err = channel_enter(&c, &spec, origin, file, ch);
	if (err == 0 && file) {
		save_declared(&spec);
		state_spec_forget(STATE_REQUESTED, name);
		set_mode(&spec);
		tell_difference(c);
	}
	if (err == 0)
		bus_event("adopted", name, NULL, "origin=%s\n", origin_name(origin));
	else if (err != -ENOENT && !bus_shortage(err))
		log_line(LOG_WARNING, "failed", name, 0, "can't be supervised: %s", bus_error(err));
}

void registry_appeared(const char *name)
{
	if (!registry_find(name) && !being_made(name))
		take_up(name);
}

/* One of those that were there at the start. */
static void take_found(const char *name)
{
	char copy[CHAN_NAME_MAX + 1];

	snprintf(copy, sizeof(copy), "%s", name);
	found_forget(name);
	registry_appeared(copy);
	settled(copy);
}

static void change(struct channel *c, const struct spec *spec, const char *file);
static void start_makings(void);
static void check_reload(void);

static struct making *making_of(struct work *work)
{
	return (struct making *)((char *)work - offsetof(struct making, work));
}

/* Beside the loop: with nobody's rights but ours until the group is right. */
static void make(struct work *work)
{
	struct making *m = making_of(work);
	struct chan_options options = m->spec.options;

	options.mode &= ~0060u;
	m->err = chan_create(m->spec.name, &options);
	m->made = m->err == 0;
	/* One that is there is taken up if it is declared. */
	if (m->made || (m->err == -EEXIST && m->file))
		m->err = chan_open(&m->ch, m->spec.name, 0, NULL);
	if (m->made && (m->err < 0 || atomic_load_explicit(&m->cancelled, memory_order_relaxed))) {
		chan_remove(m->spec.name);
		chan_detach(m->ch);
		m->ch = NULL;
		m->made = false;
		if (m->err == 0)
			m->err = -ECANCELED;
	}
}

static lane_t lane_of_declared(uint64_t need)
{
	lane_t lane = -1;

	for (uint64_t most = 1 << 20; need > most && lane > -5; most *= 16)
		lane--;
	return lane;
}

static void enqueue(struct making *m)
{
	int64_t need = chan_footprint(&m->spec.options);

	m->need = need > 0 ? (uint64_t)need : 0;
	if (m->file)
		m->lane = lane_of_declared(m->need);
	*last_making = m;
	last_making = &m->next;
}

static int make_declared(const struct spec *spec, const char *file)
{
	struct making *m = calloc(1, sizeof(*m));

	if (!m || !(m->file = strdup(file))) {
		free(m);
		return -ENOMEM;
	}
	m->spec = *spec;
	enqueue(m);
	start_makings();
	return 0;
}

static void unlink_making(struct making *m)
{
	struct making **at = &makings;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	if (!*at)
		last_making = at;
}

static void end_making(struct making *m)
{
	unlink_making(m);
	free(m->file);
	free(m);
}

static void declared_made(const struct making *m, int err)
{
	struct channel *c;

	if (err == 0)
		err = channel_enter(&c, &m->spec, ORIGIN_DECLARED, m->file, m->ch);
	if (err < 0) {
		log_line(LOG_ERR, "failed", m->spec.name, 0, "can't be made as %s wants it: %s",
			m->file, bus_error(err));
		return;
	}
	save_declared(&m->spec);
	set_mode(&m->spec);
	if (m->made)
		bus_event("created", m->spec.name, NULL, "origin=declared\n");
	else
		tell_difference(c);
}

/* Whoever asked gave up after it was made: it never was. */
static void undo(struct channel *c)
{
	char why[128];

	registry_remove(c, false, why, sizeof(why));
}

static void requested_made(const struct making *m, int err)
{
	bool cancelled = atomic_load_explicit(&m->cancelled, memory_order_relaxed);
	struct channel *c;

	if (err == 0) {
		err = channel_enter(&c, &m->spec, ORIGIN_REQUESTED, NULL, m->ch);
		if (err < 0)
			chan_remove(m->spec.name);
	}
	if (err < 0) {
		state_spec_forget(STATE_REQUESTED, m->spec.name);
		if (err == -EEXIST) /* one came up behind our back: it keeps its own */
			registry_appeared(m->spec.name);
		if (!cancelled)
			m->answer(m->arg, err, bus_error(err));
		return;
	}
	set_mode(&m->spec);
	bus_event("created", m->spec.name, NULL, "origin=requested\nowner=%u\n",
		(unsigned)m->spec.owner);
	if (cancelled)
		undo(c);
	else
		m->answer(m->arg, 0, NULL);
}

static void made(struct work *work)
{
	struct making *m = making_of(work);
	char name[CHAN_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s", m->spec.name);
	bus_shortage(m->err);
	m->started = false;
	under_way--;
	if (stopped) { /* the next chand takes it up, or makes it */
		chan_detach(m->ch);
		if (m->made && m->spec.daemon)
			chan_remove(m->spec.name);
	} else if (m->file) {
		declared_made(m, m->err);
	} else {
		requested_made(m, m->err);
	}
	end_making(m);
	if (!stopped) {
		settled(name);
		start_makings();
		check_reload();
	}
}

/* May it be made?  0, or a negative errno and `why`. */
static int check_request(const struct spec *spec, char *why, size_t size)
{
	const struct quota *quota = config_quota(&bus.config, spec->owner);
	int64_t need = chan_footprint(&spec->options);
	uint64_t channels, bytes;

	/* Also one that could not be taken up: its file is not overwritten. */
	if (registry_find(spec->name) || segment_exists(spec->name) == 0) {
		snprintf(why, size, "there is a channel of that name");
		return -EEXIST;
	}
	registry_usage(spec->owner, &channels, &bytes);
	if (spec->owner != 0 && spec->owner != bus.uid &&
		(channels >= quota->channels || need < 0 || (uint64_t)need > quota->bytes ||
			bytes > quota->bytes - (uint64_t)need)) {
		snprintf(why, size,
			"it needs %" PRId64 " bytes; user %u has %" PRIu64 " channels of %" PRIu64
			" and %" PRIu64 " bytes of %" PRIu64,
			need, (unsigned)spec->owner, channels, quota->channels, bytes,
			quota->bytes);
		return -EDQUOT;
	}
	return 0;
}

static uint64_t memory_left(void)
{
	struct statvfs vfs;

	return statvfs(NAMES_DIR, &vfs) < 0 || !vfs.f_blocks
		       ? UINT64_MAX / 2
		       : (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

/* Start it; or it is over, and freed. */
static void start_making(struct making *m)
{
	struct channel *there = registry_find(m->spec.name);
	char why[512];
	int err = 0;

	if (m->file && there) {
		m->started = true; /* whatever change() leads to, it is not started again */
		change(there, &m->spec, m->file);
		end_making(m);
		return;
	}
	if (!under_way) {
		memory = memory_left();
		promised = 0;
	}
	if (!m->file) {
		err = check_request(&m->spec, why, sizeof(why));
		if (err == 0) {
			err = state_spec_write(STATE_REQUESTED, &m->spec);
			snprintf(why, sizeof(why), "%s", bus_error(err));
		}
	}
	if (err < 0) {
		m->answer(m->arg, err, why);
		end_making(m);
		return;
	}
	m->started = true;
	under_way++;
	promised += m->need;
	m->work = (struct work){.run = make, .done = made};
	work_start(&m->work);
}

/* Is one of its lane, or of its name, under way, or before it? */
static bool has_to_wait(const struct making *m)
{
	bool before = true;

	for (const struct making *other = makings; other; other = other->next) {
		if (other == m)
			before = false;
		else if ((before || other->started) &&
			 (other->lane == m->lane || !strcmp(other->spec.name, m->spec.name)))
			return true;
	}
	return false;
}

/* What is made at one time must not fail together where one of it would fit. */
static bool fits(const struct making *m)
{
	return !under_way || promised + m->need <= memory;
}

/* A user's quota is known when all that was there at the start has been taken up. */
static struct making *next_to_make(void)
{
	for (struct making *m = makings; m; m = m->next)
		if (!m->started && (m->file || !found_count()) && !has_to_wait(m) && fits(m))
			return m;
	return NULL;
}

static void start_makings(void)
{
	for (struct making *m; (m = next_to_make());)
		start_making(m);
}

void registry_create(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg)
{
	struct making *m = calloc(1, sizeof(*m));

	if (!m) {
		answer(arg, -ENOMEM, bus_error(-ENOMEM));
		return;
	}
	*m = (struct making){.spec = *spec, .lane = by, .answer = answer, .arg = arg};
	enqueue(m);
	start_makings();
}

void registry_cancel(void *arg)
{
	struct making *m = makings;

	while (m && (m->file || m->arg != arg ||
			    atomic_load_explicit(&m->cancelled, memory_order_relaxed)))
		m = m->next;
	if (m && m->started) {
		atomic_store_explicit(&m->cancelled, true, memory_order_relaxed);
	} else if (m) {
		end_making(m);
		start_makings();
	}
}

void registry_undo(const char *name, uint64_t id)
{
	struct channel *c = registry_find(name);
	struct chan_stat st = {.size = sizeof(st)};

	if (c && c->id == id && c->n == 0 && chan_stat(c->ch, &st) == 0 && !st.sent &&
		!st.senders && !st.receivers)
		undo(c);
}

bool registry_awaited(const char *name)
{
	struct making *m;

	if (found_has(name))
		take_found(name);
	if (registry_find(name))
		return false;
	for (m = makings; m && strcmp(m->spec.name, name) != 0;)
		m = m->next;
	if (m && m->file && !m->started && m != makings) { /* it comes next */
		unlink_making(m);
		m->next = makings;
		makings = m;
		start_makings();
	}
	return m != NULL;
}

size_t registry_unmade(void)
{
	size_t n = found_count();

	for (const struct making *m = makings; m; m = m->next)
		n += m->file != NULL;
	return n;
}

void registry_lost(struct channel *channel)
{
	struct spec spec = channel->spec;
	char *file = channel->file;
	enum origin origin = channel->origin;

	channel->file = NULL;
	table_remove(&table, spec.name);
	bus_event("removed", spec.name, NULL, "origin=%s\n", origin_name(origin));
	watch_remove(channel); /* and free */
	if (origin == ORIGIN_REQUESTED)
		state_spec_forget(STATE_REQUESTED, spec.name);
	if (origin == ORIGIN_ADOPTED)
		state_spec_forget(STATE_DECLARED, spec.name);
	/* A declared channel is there as long as it is declared. */
	if (origin == ORIGIN_DECLARED)
		make_declared(&spec, file);
	free(file);
}

static int remove_segment(const char *name, bool name_only)
{
	return name_only ? chan_unlink(name) : chan_remove(name);
}

int registry_remove(struct channel *channel, bool name_only, char *why, size_t size)
{
	int err = remove_segment(channel->spec.name, name_only);

	if (err < 0 && err != -ENOENT) {
		snprintf(why, size, "%s", bus_error(err));
		return err;
	}
	registry_lost(channel);
	return 0;
}

int registry_remove_other(
	const char *name, bool name_only, const struct peer *peer, char *why, size_t size)
{
	struct spec spec;
	int err = -ENOENT;

	if (name_valid(name) && !being_made(name))
		err = segment_exists(name);
	if (err == 0 && state_spec_read(STATE_REQUESTED, &spec, name) < 0 &&
		state_spec_read(STATE_DECLARED, &spec, name) < 0)
		spec_init(&spec, name, bus.user ? bus.uid : 0);
	if (err == 0 && !spec_administers(&spec, peer)) {
		snprintf(why, size, "only its owner and root remove it");
		return -EPERM;
	}
	if (err == 0)
		err = remove_segment(name, name_only);
	if (err == 0) {
		state_spec_forget(STATE_REQUESTED, name);
		state_spec_forget(STATE_DECLARED, name);
	}
	snprintf(why, size, "%s",
		err == -ENOENT ? "there is no such channel on this bus" : bus_error(err));
	return err;
}

/* ---- start, reload, stop ---- */

static int appeared(const char *name, void *arg)
{
	(void)arg;
	if (!strchr(name, '/')) /* ours */
		registry_appeared(name);
	return 0;
}

int registry_appeared_any(void)
{
	return chan_list(appeared, NULL);
}

/* A file of a channel that is not there: it was asked for by one who got no answer, or is
 * gone while chand was.  One that is there, and can't be taken up, keeps its. */
static bool keep_requested(const char *name)
{
	return segment_exists(name) == 0;
}

static bool keep_declared(const char *name)
{
	return declarations_find(&declarations, name) || segment_exists(name) == 0;
}

/* Keep what is declared now, for a time when its file can't be read. */
static void save_declared(const struct spec *spec)
{
	int err = state_spec_write(STATE_DECLARED, spec);

	if (err < 0)
		log_line(LOG_WARNING, "state", spec->name, 0,
			"its declaration can't be kept for the next start: %s", strerror(-err));
}

/* The declaration of a channel that is there changed. */
static void change(struct channel *c, const struct spec *spec, const char *declaration)
{
	char *file = strdup(declaration);
	bool news = c->origin == ORIGIN_DECLARED; /* else it is just taken up */

	if (file) {
		free(c->file);
		c->file = file;
	}
	save_declared(spec);
	if (c->origin == ORIGIN_REQUESTED)
		state_spec_forget(STATE_REQUESTED, c->spec.name);
	c->origin = ORIGIN_DECLARED;
	if (spec_equal(&c->spec, spec))
		return;
	c->spec = *spec;
	set_mode(&c->spec);
	tell_difference(c);
	if (news) {
		log_line(LOG_INFO, "changed", c->spec.name, 0, "as %s now has it", declaration);
		bus_event("changed", c->spec.name, NULL, "origin=declared\n");
	}
	watch_look(c);
}

/* What the channel is to be.  False if its file is wrong, and always was. */
static bool wanted(const struct declaration *d, struct spec *ret)
{
	if (!*d->spec.name)
		return false;
	if (d->bad)
		return state_spec_read(STATE_DECLARED, ret, d->spec.name) == 0;
	*ret = d->spec;
	return true;
}

static void apply(void)
{
	for (size_t i = 0; i < table.n && !declarations.incomplete; i++) {
		struct channel *c = table.at[i];

		if (c->origin != ORIGIN_DECLARED || declarations_find(&declarations, c->spec.name))
			continue;
		c->origin = ORIGIN_ADOPTED;
		log_line(LOG_NOTICE, "undeclared", c->spec.name, 0,
			"no file declares it any more; it stays, with its rights, until 'chanctl "
			"remove'");
	}
	for (size_t i = 0; i < declarations.n; i++) {
		const struct declaration *d = &declarations.at[i];
		struct channel *c = registry_find(d->spec.name);
		struct spec spec;

		if (d->bad && c && c->origin == ORIGIN_DECLARED)
			continue; /* it stays as it is */
		if (!wanted(d, &spec))
			continue;
		if (c)
			change(c, &spec, d->file);
		else
			make_declared(&spec, d->file);
	}
}

static int read_declarations(void)
{
	struct declarations read;
	int err = declarations_read(
		&read, bus.config_dirs, bus.user ? bus.uid : 0, refused_add);

	if (err < 0)
		return err;
	declarations_done(&declarations);
	declarations = read;
	return 0;
}

/* Some of what was there at the start, and then whoever else has something to do. */
static void take_some(struct timer *timer)
{
	int64_t until = clock_monotonic() + SLICE;
	const char *name;

	do {
		name = found_next();
		if (name)
			take_found(name);
	} while (name && clock_monotonic() < until);
	if (name) {
		loop_timer(bus.loop, timer, clock_monotonic());
		return;
	}
	start_makings();
	check_reload();
}

int registry_start(void (*news)(const char *name))
{
	static struct timer slices = {.fired = take_some};
	int err;

	settled = news;
	err = read_declarations();
	if (err == 0)
		err = found_read();
	if (err < 0)
		return err;
	state_spec_clean(STATE_REQUESTED, keep_requested);
	state_spec_clean(STATE_DECLARED, keep_declared);
	for (size_t i = 0; i < declarations.n; i++) {
		const struct declaration *d = &declarations.at[i];
		struct spec spec;

		if (!found_has(d->spec.name) && wanted(d, &spec))
			make_declared(&spec, d->file);
	}
	return found_count() ? loop_timer(bus.loop, &slices, clock_monotonic()) : 0;
}

bool registry_busy(void)
{
	for (const struct making *m = makings; m; m = m->next)
		if (m->file)
			return true;
	return found_count() > 0;
}

/* A file that is refused does not keep the rest from being read. */
static int reload(void)
{
	int err;

	refused_begin();
	if (config_read(&bus.config, bus.config_dirs, refused_add) == 0)
		state_config_write(&bus.config);
	err = read_declarations();
	if (err == 0)
		apply();
	return err;
}

/* One reload after the other: while channels are made for one, the next waits. */
static void (*reloaded)(int err);
static bool reload_waits;
static int reload_err; /* of the last */

static void check_reload(void)
{
	while (reloaded && !registry_busy()) {
		if (!reload_waits) {
			void (*done)(int err) = reloaded;

			reloaded = NULL;
			done(reload_err);
			return;
		}
		reload_waits = false;
		reload_err = reload();
	}
}

void registry_reload(void (*done)(int err))
{
	reloaded = done;
	reload_waits = true;
	check_reload();
}

void registry_stop(void)
{
	stopped = true;
	while (table.n) {
		struct channel *c = table.at[table.n - 1];

		if (c->spec.daemon) {
			chan_remove(c->spec.name);
			if (c->origin == ORIGIN_REQUESTED)
				state_spec_forget(STATE_REQUESTED, c->spec.name);
		}
		table_remove(&table, c->spec.name);
		watch_remove(c);
	}
	for (struct making *m = makings, *next; m; m = next) {
		next = m->next;
		if (!m->started)
			end_making(m);
	}
	work_finish();
	table_done(&table);
	declarations_done(&declarations);
}
