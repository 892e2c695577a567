/* SPDX-License-Identifier: MIT */
/* The model is in registry.h. */
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "activation.h"
#include "base/clock.h"
#include "base/names.h"
#include "errors.h"
#include "events.h"
#include "log.h"
#include "registry/channels.h"
#include "registry/creation.h"
#include "registry/declared.h"
#include "registry/found.h"
#include "registry/reload.h"
#include "registry/state.h"
#include "segment/segment.h"
#include "settings.h"
#include "watch/watch.h"

/* Channels are adopted for so long before others have their turn. */
#define SLICE INT64_C(2000000)

static void (*report_resolved)(const char *name);

/* ---- entering and leaving the table ---- */

/* Enter a channel that is there; the observer is taken. */
static int enter(struct channel **ret, const struct spec *spec, enum origin origin,
	const char *file, chan_t *observer)
{
	struct channel *c;
	int err = channel_new(&c, spec, origin, file, observer);

	if (err < 0)
		return err;
	err = channels_add(c);
	if (err == 0) {
		err = activation_add(c);
		if (err == 0) {
			err = watch_add(c);
			if (err < 0)
				activation_remove(c);
		}
		if (err < 0)
			channels_remove(c);
	}
	if (err < 0) {
		channel_release(c);
		return err;
	}
	*ret = c;
	return 0;
}

static void leave(struct channel *c)
{
	channels_remove(c);
	watch_remove(c);
	activation_remove(c);
	channel_release(c);
}

/* ---- what a channel is to be ---- */

/* Set *spec to what a segment says of itself. */
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
	spec_init(spec, name, settings_default_owner());
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
 * The file's own mode is what those get who open it without chand: everything of the
 * others' bits, and of the group's if chand can give the file to the group.  It is a
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

static void log_difference(const struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};
	const char *key = chan_stat(c->observer, &st) == 0 ? spec_differs(&c->spec, &st) : NULL;

	if (key)
		log_line(LOG_WARNING, "differs", c->spec.name, 0,
			"the channel's %s is not as %s wants it; it stays so until it is removed",
			key, c->file ? c->file : "its request");
}

/* Set *spec to what a channel that is there is to be: as it is declared, or was asked for,
 * or was declared once, or as the segment says. */
static int spec_of(struct spec *spec, const char *name, enum origin *origin, const char **file)
{
	const struct declaration *d = declared_find(name);

	*file = d ? d->file : NULL;
	*origin = ORIGIN_DECLARED;
	if (d && declared_spec(d, spec))
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

/* A channel that is in the table is declared, as `spec` now has it. */
static void follow_declaration(struct channel *c, const struct spec *spec, const char *declaration)
{
	char *file = strdup(declaration);
	bool was_declared = c->origin == ORIGIN_DECLARED; /* else it was just adopted */

	if (file) {
		free(c->file);
		c->file = file;
	}
	declared_save(spec);
	if (c->origin == ORIGIN_REQUESTED)
		state_spec_forget(STATE_REQUESTED, c->spec.name);
	c->origin = ORIGIN_DECLARED;
	if (spec_equal(&c->spec, spec))
		return;
	c->spec = *spec;
	set_mode(&c->spec);
	log_difference(c);
	if (was_declared) {
		log_line(LOG_INFO, "changed", c->spec.name, 0, "the channel is now as %s says",
			declaration);
		event_emit("changed", c->spec.name, NULL, "origin=declared\n");
	}
	watch_update(c);
}

/* ---- adopting ---- */

static void adopt(const char *name)
{
	struct spec spec;
	struct channel *c;
	chan_t *observer;
	enum origin origin;
	const char *file;
	int err = spec_of(&spec, name, &origin, &file);

	if (err == 0)
		err = chan_open(&observer, name, 0, NULL);
	if (err == 0)
		err = enter(&c, &spec, origin, file, observer);
	if (err == 0 && file) {
		declared_save(&spec);
		state_spec_forget(STATE_REQUESTED, name);
		set_mode(&spec);
		log_difference(c);
	}
	if (err == 0)
		event_emit("adopted", name, NULL, "origin=%s\n", origin_name(origin));
	else if (err != -ENOENT && !report_shortage(err))
		log_line(
			LOG_WARNING, "failed", name, 0, "it can't be watched: %s", error_text(err));
}

void registry_appeared(const char *name)
{
	if (!channels_find(name) && !creation_runs(name))
		adopt(name);
}

static int listed(const char *name, void *arg)
{
	(void)arg;
	if (!strchr(name, '/')) /* ours */
		registry_appeared(name);
	return 0;
}

static void any_appeared(void)
{
	chan_list(listed, NULL);
}

/* Adopt one of those that were there at the start. */
static void adopt_found(const char *name)
{
	char copy[CHAN_NAME_MAX + 1];

	snprintf(copy, sizeof(copy), "%s", name);
	found_forget(name);
	registry_appeared(copy);
	report_resolved(copy);
}

/* Adopt some of those; then others have their turn. */
static void adopt_some(struct timer *timer)
{
	int64_t until = clock_monotonic() + SLICE;
	const char *name;

	do {
		name = found_next();
		if (name)
			adopt_found(name);
	} while (name && clock_monotonic() < until);
	if (name) {
		loop_timer(settings->loop, timer, clock_monotonic());
		return;
	}
	creation_run();
	reload_check();
}

/* ---- making ---- */

void registry_usage(uid_t uid, uint64_t *channels, uint64_t *bytes)
{
	channels_usage(uid, channels, bytes);
	creation_usage(uid, channels, bytes);
}

/* May the request be carried out?  0, or a negative errno and `why`. */
static int check_request(const struct spec *spec, char *why, size_t size)
{
	const struct quota *quota = accounts_quota(spec->owner);
	int64_t need = chan_footprint(&spec->options);
	uint64_t channels, bytes;
	int err;

	/* A channel that could not be adopted counts, too: its file is not overwritten. */
	if (channels_find(spec->name) || segment_exists(spec->name) == 0) {
		snprintf(why, size, "there is a channel of that name");
		return -EEXIST;
	}
	err = declared_failure(spec->name, why, size);
	if (err < 0) /* the request would make another one than is declared */
		return err;
	registry_usage(spec->owner, &channels, &bytes);
	if (accounts_limited(spec->owner) &&
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

static bool begin_declared(const struct creation *creation)
{
	struct channel *c = channels_find(creation->spec.name);

	if (c)
		follow_declaration(c, &creation->spec, creation->file);
	return !c;
}

static bool begin_request(const struct creation *creation)
{
	char why[512];
	int err = check_request(&creation->spec, why, sizeof(why));

	if (err == 0) {
		err = state_spec_write(STATE_REQUESTED, &creation->spec);
		snprintf(why, sizeof(why), "%s", error_text(err));
	}
	if (err < 0)
		creation->answer(creation->arg, err, why);
	return err == 0;
}

static bool begin(struct creation *creation)
{
	return creation->file ? begin_declared(creation) : begin_request(creation);
}

static void declared_is_made(const struct creation *creation)
{
	const struct spec *spec = &creation->spec;
	struct channel *c;
	int err = creation->err;

	if (err == 0)
		err = enter(&c, spec, ORIGIN_DECLARED, creation->file, creation->observer);
	if (err < 0) {
		const char *why = error_text(err);

		if (declared_tried(spec->name, err, why))
			log_line(LOG_ERR, "failed", spec->name, 0,
				"it can't be made as %s wants it: %s", creation->file, why);
		return;
	}
	declared_tried(spec->name, 0, NULL);
	declared_save(spec);
	set_mode(spec);
	if (creation->created)
		event_emit("created", spec->name, NULL, "origin=declared\n");
	else
		log_difference(c);
}

/* The client gave up after the channel was made: nothing of it stays. */
static void undo(struct channel *c)
{
	char why[128];

	registry_remove(c, false, why, sizeof(why));
}

static void request_is_made(const struct creation *creation)
{
	const struct spec *spec = &creation->spec;
	bool cancelled = creation_cancelled(creation);
	struct channel *c;
	int err = creation->err;

	if (err == 0) {
		err = enter(&c, spec, ORIGIN_REQUESTED, NULL, creation->observer);
		if (err < 0)
			chan_remove(spec->name);
	}
	if (err < 0) {
		state_spec_forget(STATE_REQUESTED, spec->name);
		if (err == -EEXIST) /* somebody else made it meanwhile: it stays that one's */
			registry_appeared(spec->name);
		if (!cancelled)
			creation->answer(creation->arg, err, error_text(err));
		return;
	}
	set_mode(spec);
	event_emit(
		"created", spec->name, NULL, "origin=requested\nowner=%u\n", (unsigned)spec->owner);
	if (cancelled)
		undo(c);
	else
		creation->answer(creation->arg, 0, NULL);
}

static void done(struct creation *creation)
{
	if (creation->file)
		declared_is_made(creation);
	else
		request_is_made(creation);
	report_resolved(creation->spec.name);
	creation_run();
	reload_check();
}

/* A declared channel could not be made, and what kept it from that may be over.  Returns
 * whether it is being made again. */
static bool try_again(const char *name)
{
	const struct declaration *d = declared_find(name);
	struct spec spec;

	return d && declared_may_retry(d) && declared_spec(d, &spec) &&
	       creation_declare(&spec, d->file) == 0;
}

void registry_create(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg)
{
	int err;

	registry_expedite(spec->name); /* the channel that is declared comes first */
	err = creation_request(spec, by, answer, arg);
	if (err < 0)
		answer(arg, err, error_text(err));
}

void registry_cancel(void *arg)
{
	creation_cancel(arg);
}

void registry_undo(const char *name, uint64_t id)
{
	struct channel *c = channels_find(name);
	struct chan_stat st = {.size = sizeof(st)};

	if (c && c->id == id && watch_endpoints(c)->n == 0 && chan_stat(c->observer, &st) == 0 &&
		!st.sent && !st.senders && !st.receivers)
		undo(c);
}

bool registry_expedite(const char *name)
{
	if (found_has(name))
		adopt_found(name);
	return !channels_find(name) && (creation_expedite(name) || try_again(name));
}

size_t registry_unmade(void)
{
	return found_count() + creation_declared();
}

bool registry_busy(void)
{
	return registry_unmade() > 0;
}

/* ---- removing ---- */

void registry_lost(struct channel *c)
{
	struct spec spec = c->spec;
	char *file = c->file;
	enum origin origin = c->origin;

	c->file = NULL;
	event_emit("removed", spec.name, NULL, "origin=%s\n", origin_name(origin));
	leave(c);
	if (origin == ORIGIN_REQUESTED)
		state_spec_forget(STATE_REQUESTED, spec.name);
	if (origin == ORIGIN_ADOPTED)
		state_spec_forget(STATE_DECLARED, spec.name);
	/* A declared channel is there as long as it is declared. */
	if (origin == ORIGIN_DECLARED)
		creation_declare(&spec, file);
	free(file);
}

static int remove_segment(const char *name, bool name_only)
{
	return name_only ? chan_unlink(name) : chan_remove(name);
}

int registry_remove(struct channel *c, bool name_only, char *why, size_t size)
{
	int err = remove_segment(c->spec.name, name_only);

	if (err < 0 && err != -ENOENT) {
		snprintf(why, size, "%s", error_text(err));
		return err;
	}
	registry_lost(c);
	return 0;
}

int registry_remove_other(
	const char *name, bool name_only, const struct peer *peer, char *why, size_t size)
{
	struct spec spec;
	int err = -ENOENT;

	if (name_valid(name) && !creation_runs(name))
		err = segment_exists(name);
	if (err == 0 && state_spec_read(STATE_REQUESTED, &spec, name) < 0 &&
		state_spec_read(STATE_DECLARED, &spec, name) < 0)
		spec_init(&spec, name, settings_default_owner());
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
		err == -ENOENT ? "there is no such channel on this bus" : error_text(err));
	return err;
}

/* ---- start, reload, stop ---- */

/* Which files of channels that are not there are kept?  A request got no answer, or its
 * channel went while there was no chand.  A channel that is there, and can't be adopted,
 * keeps its file. */
static bool keep_requested(const char *name)
{
	return segment_exists(name) == 0;
}

static bool keep_declared(const char *name)
{
	return declared_find(name) || segment_exists(name) == 0;
}

static void undeclare(struct channel *c, void *arg)
{
	(void)arg;
	if (c->origin != ORIGIN_DECLARED || declared_find(c->spec.name))
		return;
	c->origin = ORIGIN_ADOPTED;
	log_line(LOG_NOTICE, "undeclared", c->spec.name, 0,
		"no file declares it any more; it stays, with its rights, until 'chanctl remove'");
}

static void apply(const struct declaration *d)
{
	struct channel *c = channels_find(d->spec.name);
	struct spec spec;

	if (d->bad && c && c->origin == ORIGIN_DECLARED)
		return; /* it stays as it is */
	if (!declared_spec(d, &spec))
		return;
	if (c)
		follow_declaration(c, &spec, d->file);
	else
		creation_declare(&spec, d->file);
}

/* Read the declarations again, and begin to do what they say. */
static int apply_all(void)
{
	const struct declarations *all = declared_all();
	int err = declared_read();

	if (err < 0)
		return err;
	if (!all->incomplete)
		channels_each(undeclare, NULL);
	for (size_t i = 0; i < all->n; i++)
		apply(&all->at[i]);
	return 0;
}

void registry_reload(void (*read)(void), void (*done_all)(int err))
{
	reload_request(read, done_all);
}

static void make_declared(void)
{
	const struct declarations *all = declared_all();

	for (size_t i = 0; i < all->n; i++) {
		const struct declaration *d = &all->at[i];
		struct spec spec;

		if (!found_has(d->spec.name) && declared_spec(d, &spec))
			creation_declare(&spec, d->file);
	}
}

int registry_start(void (*resolved)(const char *name))
{
	static const struct watch_reports reports = {
		.lost = registry_lost,
		.appeared = registry_appeared,
		.missed = any_appeared,
	};
	static const struct creation_hooks hooks = {.begin = begin, .done = done};
	static struct timer slices = {.fired = adopt_some};
	int err;

	report_resolved = resolved;
	creation_start(&hooks);
	reload_start(registry_busy, apply_all);
	activation_start();
	err = watch_start(&reports);
	if (err == 0)
		err = declared_read();
	if (err == 0)
		err = found_read();
	if (err < 0)
		return err;
	state_spec_clean(STATE_REQUESTED, keep_requested);
	state_spec_clean(STATE_DECLARED, keep_declared);
	make_declared();
	return found_count() ? loop_timer(settings->loop, &slices, clock_monotonic()) : 0;
}

void registry_stop(void)
{
	struct channel *c;

	creation_stop();
	while ((c = channels_after(""))) {
		if (c->spec.daemon) {
			chan_remove(c->spec.name);
			if (c->origin == ORIGIN_REQUESTED)
				state_spec_forget(STATE_REQUESTED, c->spec.name);
		}
		leave(c);
	}
	work_finish();
	channels_done();
	declared_done();
}
