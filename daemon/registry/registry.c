/* SPDX-License-Identifier: MIT */
/* The model is in registry.h. */
#include "registry/registry.h"

#include "activation.h"
#include "errors.h"
#include "log.h"
#include "registry/adoption.h"
#include "registry/channels.h"
#include "registry/creation.h"
#include "registry/declared.h"
#include "registry/entry.h"
#include "registry/found.h"
#include "registry/fulfil.h"
#include "registry/reload.h"
#include "registry/removal.h"
#include "registry/state.h"
#include "segment/segment.h"
#include "watch/watch.h"

/* ---- requests ---- */

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
		removal_undo(c);
}

bool registry_expedite(const char *name)
{
	if (found_has(name))
		adoption_hurry(name);
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
		entry_declare(c, &spec, d->file);
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

/* A channel was adopted or made, or could not be: what waited for it may go on. */
static void settled(void)
{
	creation_run();
	reload_check();
}

int registry_start(void (*resolved)(const char *name))
{
	static const struct watch_reports reports = {
		.lost = removal_noticed,
		.appeared = adoption_consider,
		.missed = adoption_consider_all,
	};
	struct adoption_reports to = {.resolved = resolved, .settled = settled};
	int err;

	fulfil_start(&to);
	reload_start(registry_busy, apply_all);
	err = activation_start();
	if (err == 0)
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
	return adoption_start(&to);
}

void registry_stop(void)
{
	struct channel *c;

	watch_stop();
	creation_stop();
	while ((c = channels_after(""))) {
		if (c->spec.daemon) {
			chan_remove(c->spec.name);
			if (c->origin == ORIGIN_REQUESTED)
				state_spec_forget(STATE_REQUESTED, c->spec.name);
		}
		entry_remove(c);
	}
	work_finish();
	channels_done();
	declared_done();
}
