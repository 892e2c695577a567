/* SPDX-License-Identifier: MIT */
#include "registry/fulfil.h"

#include <errno.h>
#include <stdio.h>

#include "errors.h"
#include "events.h"
#include "log.h"
#include "registry/admission.h"
#include "registry/channels.h"
#include "registry/creation.h"
#include "registry/declared.h"
#include "registry/entry.h"
#include "registry/removal.h"
#include "registry/state.h"
#include "registry/wanted.h"

static struct adoption_reports report;

static bool begin_declared(const struct creation *creation)
{
	struct channel *c = channels_find(creation->spec.name);

	if (c)
		entry_declare(c, &creation->spec, creation->file);
	return !c;
}

static bool begin_request(const struct creation *creation)
{
	char why[512];
	int err = admission_check(&creation->spec, why, sizeof(why));

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
		err = entry_add(&c, spec, ORIGIN_DECLARED, creation->file, creation->observer);
	if (err < 0) {
		const char *why = error_text(err);

		if (declared_tried(spec->name, err, why))
			log_line(LOG_ERR, "failed", spec->name, 0,
				"it can't be made as %s wants it: %s", creation->file, why);
		return;
	}
	declared_tried(spec->name, 0, NULL);
	declared_save(spec);
	wanted_apply_mode(c);
	if (creation->created)
		event_emit("created", spec->name, NULL, "origin=declared\n");
	else
		wanted_log_difference(c);
}

static void request_is_made(const struct creation *creation)
{
	const struct spec *spec = &creation->spec;
	bool cancelled = creation_cancelled(creation);
	struct channel *c;
	int err = creation->err;

	if (err == 0) {
		err = entry_add(&c, spec, ORIGIN_REQUESTED, NULL, creation->observer);
		if (err < 0)
			chan_remove(spec->name);
	}
	if (err < 0) {
		state_spec_forget(STATE_REQUESTED, spec->name);
		if (err == -EEXIST) /* somebody else made it meanwhile: it stays that one's */
			adoption_consider(spec->name);
		if (!cancelled)
			creation->answer(creation->arg, err, error_text(err));
		return;
	}
	wanted_apply_mode(c);
	event_emit(
		"created", spec->name, NULL, "origin=requested\nowner=%u\n", (unsigned)spec->owner);
	if (cancelled)
		removal_undo(c);
	else
		creation->answer(creation->arg, 0, NULL);
}

static void done(struct creation *creation)
{
	if (creation->file)
		declared_is_made(creation);
	else
		request_is_made(creation);
	report.resolved(creation->spec.name);
	report.settled();
}

void fulfil_start(const struct adoption_reports *reports)
{
	static const struct creation_hooks hooks = {.begin = begin, .done = done};

	report = *reports;
	creation_start(&hooks);
}
