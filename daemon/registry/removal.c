/* SPDX-License-Identifier: MIT */
#include "registry/removal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"
#include "errors.h"
#include "events.h"
#include "registry/creation.h"
#include "registry/entry.h"
#include "registry/state.h"
#include "segment/segment.h"
#include "settings.h"

void removal_noticed(struct channel *c)
{
	struct spec spec = c->spec;
	char *file = c->file;
	enum origin origin = c->origin;

	c->file = NULL;
	event_emit("removed", spec.name, NULL, "origin=%s\n", origin_name(origin));
	entry_remove(c);
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

int removal_run(struct channel *c, bool name_only, char *why, size_t size)
{
	int err = remove_segment(c->spec.name, name_only);

	if (err < 0 && err != -ENOENT) {
		snprintf(why, size, "%s", error_text(err));
		return err;
	}
	removal_noticed(c);
	return 0;
}

int removal_run_unadopted(
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

void removal_undo(struct channel *c)
{
	char why[128];

	removal_run(c, false, why, sizeof(why));
}
