/* SPDX-License-Identifier: MIT */
#include "registry/entry.h"

#include <stdlib.h>
#include <string.h>

#include "activation.h"
#include "events.h"
#include "log.h"
#include "registry/channels.h"
#include "registry/declared.h"
#include "registry/state.h"
#include "registry/wanted.h"
#include "watch/watch.h"

int entry_add(struct channel **ret, const struct spec *spec, enum origin origin, const char *file,
	chan_t *observer)
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

void entry_remove(struct channel *c)
{
	channels_remove(c);
	watch_remove(c);
	activation_remove(c);
	channel_release(c);
}

void entry_declare(struct channel *c, const struct spec *spec, const char *declaration)
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
	wanted_apply_mode(c);
	wanted_log_difference(c);
	if (was_declared) {
		log_line(LOG_INFO, "changed", c->spec.name, 0, "the channel is now as %s says",
			declaration);
		event_emit("changed", c->spec.name, NULL, "origin=declared\n");
	}
	watch_update(c);
}
