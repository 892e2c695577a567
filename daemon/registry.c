/* SPDX-License-Identifier: MIT */
/* The model is in registry.h. */
#define _GNU_SOURCE 1
#include "registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "ini.h"
#include "log.h"
#include "segment.h"
#include "supervise.h"

/* Sorted by name. */
static struct channel **table;
static size_t count, room;

const char *origin_name(enum origin origin)
{
	static const char *const names[] = {"declared", "requested", "adopted"};

	return names[origin];
}

size_t registry_count(void)
{
	return count;
}

void registry_each(void (*fn)(struct channel *channel, void *arg), void *arg)
{
	for (size_t i = 0; i < count; i++)
		fn(table[i], arg);
}

/* The place of the first that is not before `name`. */
static size_t place(const char *name)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(table[middle]->spec.name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct channel *registry_find(const char *name)
{
	size_t i = place(name);

	return i < count && !strcmp(table[i]->spec.name, name) ? table[i] : NULL;
}

struct channel *registry_after(const char *name)
{
	size_t i = place(name);

	if (i < count && !strcmp(table[i]->spec.name, name))
		i++;
	return i < count ? table[i] : NULL;
}

static int insert(struct channel *channel)
{
	size_t at = place(channel->spec.name);

	if (count == room) {
		size_t larger = room ? 2 * room : 64;
		struct channel **grown = reallocarray(table, larger, sizeof(struct channel *));

		if (!grown)
			return -ENOMEM;
		table = grown;
		room = larger;
	}
	memmove(table + at + 1, table + at, (count - at) * sizeof(struct channel *));
	table[at] = channel;
	count++;
	return 0;
}

static void take_out(struct channel *channel)
{
	size_t at = place(channel->spec.name);

	memmove(table + at, table + at + 1, (count - at - 1) * sizeof(struct channel *));
	count--;
}

void registry_usage(uid_t uid, uint64_t *channels, uint64_t *bytes)
{
	*channels = *bytes = 0;
	for (size_t i = 0; i < count; i++)
		if (table[i]->origin == ORIGIN_REQUESTED && table[i]->spec.owner == uid) {
			++*channels;
			*bytes += table[i]->segment;
		}
}

/* ---- the files of requested channels ---- */

static void spec_path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/channels/%s.conf", bus.runtime, name);
}

/* Readers see the old file or the new, whole. */
static int spec_save(const struct spec *spec)
{
	char path[PATH_MAX], temporary[PATH_MAX + 8];
	FILE *out;
	int fd, err = 0;

	spec_path(path, sizeof(path), spec->name);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		close(fd);
		return -ENOMEM;
	}
	fputs("[channel]\n", out);
	spec_write(spec, out);
	if (fflush(out) || ferror(out))
		err = errno ? -errno : -EIO;
	fclose(out);
	if (err == 0 && rename(temporary, path) < 0)
		err = -errno;
	if (err < 0)
		unlink(temporary);
	return err;
}

static void spec_forget(const char *name)
{
	char path[PATH_MAX];

	spec_path(path, sizeof(path), name);
	unlink(path);
}

static int spec_load(struct spec *spec, const char *name)
{
	char path[PATH_MAX], why[512];
	int err;

	spec_path(path, sizeof(path), name);
	spec_init(spec, name, bus.user ? bus.uid : 0);
	err = ini_read(path, config_spec_key, spec, why, sizeof(why));
	if (err < 0 && err != -ENOENT)
		log_line(LOG_WARNING, "state", name, 0, "%s: %s", path, why);
	return err;
}

/* ---- channels ---- */

void channel_free(struct channel *channel)
{
	chan_detach(channel->ch);
	free(channel->ends);
	free(channel->file);
	free(channel);
}

static int channel_open(
	struct channel **ret, const struct spec *spec, enum origin origin, const char *file)
{
	struct channel *c = calloc(1, sizeof(*c));
	struct chan_stat stat = {.size = sizeof(stat)};
	int err;

	if (!c)
		return -ENOMEM;
	c->spec = *spec;
	c->origin = origin;
	c->wd = -1;
	err = chan_open(&c->ch, spec->name, 0, NULL);
	if (err == 0)
		err = chan_stat(c->ch, &stat);
	if (err == 0 && file && !(c->file = strdup(file)))
		err = -ENOMEM;
	if (err == 0)
		err = insert(c);
	if (err < 0) {
		channel_free(c);
		return err;
	}
	c->segment = stat.segment;
	err = supervise_add(c);
	if (err < 0) {
		take_out(c);
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
	spec->options.flags = st.flags;
	spec->options.max_message = st.max_message;
	spec->options.overflow = st.overflow;
	spec->options.endpoints = st.endpoints;
	spec->options.lifetime = st.lifetime;
	spec->options.linger = st.linger;
	spec->options.capacity = st.flags & CHAN_RENDEZVOUS ? 0 : st.capacity;
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

/* Make the segment, with nobody's rights but ours until the group is right. */
static int make_segment(const struct spec *spec)
{
	struct chan_options options = spec->options;
	int err;

	options.mode &= ~0060u;
	err = chan_create(spec->name, &options);
	if (err == 0)
		set_mode(spec);
	return err;
}

static void tell_difference(const struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};
	const char *key = chan_stat(c->ch, &st) == 0 ? spec_differs(&c->spec, &st) : NULL;

	if (key)
		log_line(LOG_WARNING, "differs", c->spec.name, 0,
			"%s of the channel is not as %s wants it; it stays so until it is removed",
			key, c->file ? c->file : "its request");
}

/* Make a declared channel, or take up the one that is there. */
static void make_declared(const struct spec *spec, const char *file)
{
	struct channel *c;
	int err = make_segment(spec);
	bool made = err == 0;

	if (err == 0 || err == -EEXIST)
		err = channel_open(&c, spec, ORIGIN_DECLARED, file);
	if (err < 0) {
		log_line(LOG_ERR, "failed", spec->name, 0, "can't be made as %s wants it: %s", file,
			bus_error(err));
		return;
	}
	if (made) {
		bus_event("created", spec->name, "origin=declared\n");
	} else {
		set_mode(spec);
		tell_difference(c);
	}
}

static void take_up(const char *name)
{
	struct spec spec;
	struct channel *c;
	enum origin origin = ORIGIN_REQUESTED;
	int err = spec_load(&spec, name);

	if (err < 0) {
		origin = ORIGIN_ADOPTED;
		err = spec_of_segment(&spec, name);
	}
	if (err == 0)
		err = channel_open(&c, &spec, origin, NULL);
	if (err == 0)
		bus_event("adopted", name, "origin=%s\n", origin_name(origin));
	else if (err != -ENOENT)
		log_line(LOG_WARNING, "failed", name, 0, "can't be supervised: %s", bus_error(err));
}

void registry_appeared(const char *name)
{
	if (!registry_find(name))
		take_up(name);
}

void registry_lost(struct channel *channel)
{
	struct spec spec = channel->spec;
	char *file = channel->file;
	enum origin origin = channel->origin;

	channel->file = NULL;
	take_out(channel);
	bus_event("removed", spec.name, "origin=%s\n", origin_name(origin));
	supervise_remove(channel); /* and free */
	if (origin == ORIGIN_REQUESTED)
		spec_forget(spec.name);
	/* A declared channel is there as long as it is declared. */
	if (origin == ORIGIN_DECLARED)
		make_declared(&spec, file);
	free(file);
}

int registry_create(const struct spec *spec, char *why, size_t size)
{
	const struct quota *quota = config_quota(&bus.config, spec->owner);
	int64_t need = chan_footprint(&spec->options);
	uint64_t channels, bytes;
	struct channel *c;
	int err;

	if (registry_find(spec->name)) {
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
	err = spec_save(spec);
	if (err == 0)
		err = make_segment(spec);
	if (err == 0)
		err = channel_open(&c, spec, ORIGIN_REQUESTED, NULL);
	if (err < 0) {
		if (err != -EEXIST) /* one came up behind our back: it keeps its own */
			chan_remove(spec->name);
		spec_forget(spec->name);
		snprintf(why, size, "%s", bus_error(err));
		return err;
	}
	bus_event("created", spec->name, "origin=requested\nowner=%u\n", (unsigned)spec->owner);
	return 0;
}

int registry_remove(struct channel *channel, char *why, size_t size)
{
	int err = chan_remove(channel->spec.name);

	if (err < 0 && err != -ENOENT) {
		snprintf(why, size, "%s", bus_error(err));
		return err;
	}
	registry_lost(channel);
	return 0;
}

/* ---- start, reload, stop ---- */

static int appeared(const char *name, void *arg)
{
	(void)arg;
	if (!strchr(name, '/')) /* ours */
		registry_appeared(name);
	return 0;
}

/* Files of channels that are not there: asked for by one who got no answer, or
 * gone while chand was. */
static void forget_missing(void)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/channels", bus.runtime);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s", entry->d_name);
		if (len > strlen(".conf") && !strcmp(name + len - strlen(".conf"), ".conf"))
			name[len - strlen(".conf")] = 0;
		else
			name[0] = 0; /* a temporary one */
		if (!registry_find(name) || registry_find(name)->origin != ORIGIN_REQUESTED)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

static struct declaration *declared(struct declarations *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->at[i].spec.name, name))
			return &all->at[i];
	return NULL;
}

/* The declaration of a channel that is there changed. */
static void change(struct channel *c, const struct declaration *d)
{
	char *file = strdup(d->file);
	bool news = c->origin == ORIGIN_DECLARED; /* else it is just taken up */

	if (file) {
		free(c->file);
		c->file = file;
	}
	if (c->origin == ORIGIN_REQUESTED)
		spec_forget(c->spec.name);
	c->origin = ORIGIN_DECLARED;
	if (spec_equal(&c->spec, &d->spec))
		return;
	c->spec = d->spec;
	set_mode(&c->spec);
	tell_difference(c);
	if (news) {
		log_line(LOG_INFO, "changed", c->spec.name, 0, "as %s now has it", d->file);
		bus_event("changed", c->spec.name, "origin=declared\n");
	}
	supervise_look(c);
}

static void apply(struct declarations *all)
{
	for (size_t i = 0; i < count; i++) {
		struct channel *c = table[i];

		if (c->origin != ORIGIN_DECLARED || declared(all, c->spec.name))
			continue;
		c->origin = ORIGIN_ADOPTED;
		log_line(LOG_NOTICE, "undeclared", c->spec.name, 0,
			"no file declares it any more; it stays until 'chanctl remove'");
	}
	for (size_t i = 0; i < all->n; i++) {
		const struct declaration *d = &all->at[i];
		struct channel *c = registry_find(d->spec.name);

		if (d->bad)
			continue; /* one that is there stays as it is */
		if (c)
			change(c, d);
		else
			make_declared(&d->spec, d->file);
	}
}

static int read_declarations(void)
{
	struct declarations all;
	int err = declarations_read(&all, bus.config_dirs, bus.user ? bus.uid : 0);

	if (err < 0)
		return err;
	apply(&all);
	declarations_done(&all);
	return 0;
}

int registry_start(void)
{
	int err = chan_list(appeared, NULL);

	if (err < 0)
		return err;
	forget_missing();
	return read_declarations();
}

void registry_reload(void)
{
	int err = config_read(&bus.config, bus.config_dirs);

	if (err < 0)
		return;
	err = read_declarations();
	if (err < 0)
		log_line(LOG_ERR, "failed", NULL, 0, "reload: %s", bus_error(err));
}

void registry_stop(void)
{
	while (count) {
		struct channel *c = table[count - 1];

		if (c->spec.daemon) {
			chan_remove(c->spec.name);
			if (c->origin == ORIGIN_REQUESTED)
				spec_forget(c->spec.name);
		}
		take_out(c);
		supervise_remove(c);
	}
	free(table);
	table = NULL;
	room = 0;
}
