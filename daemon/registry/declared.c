/* SPDX-License-Identifier: MIT */
/* The model is in declared.h. */
#include "registry/declared.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/refused.h"
#include "log.h"
#include "registry/state.h"
#include "settings.h"

/* A channel that could not be made is tried again after so long, if somebody asks for it. */
#define RETRY_AFTER INT64_C(1000000000)

static struct declarations declarations;

int declared_read(void)
{
	struct declarations read;
	int err = declarations_read(
		&read, settings->config_dirs, settings_default_owner(), refused_add);

	if (err < 0)
		return err;
	declarations_done(&declarations);
	declarations = read;
	return 0;
}

void declared_done(void)
{
	declarations_done(&declarations);
}

const struct declarations *declared_all(void)
{
	return &declarations;
}

const struct declaration *declared_find(const char *name)
{
	return declarations_find(&declarations, name);
}

bool declared_spec(const struct declaration *d, struct spec *ret)
{
	if (!*d->spec.name)
		return false;
	if (d->bad)
		return state_spec_read(STATE_DECLARED, ret, d->spec.name) == 0;
	*ret = d->spec;
	return true;
}

bool declared_tried(const char *name, int err, const char *why)
{
	const struct declaration *found = declared_find(name);
	struct declaration *d;
	bool is_new;

	if (!found)
		return true;
	d = &declarations.at[found - declarations.at];
	is_new = d->err != err;
	free(d->why);
	d->why = why ? strdup(why) : NULL;
	d->err = err;
	d->tried = clock_monotonic();
	return is_new;
}

int declared_failure(const char *name, char *why, size_t size)
{
	const struct declaration *d = declared_find(name);

	if (!d || !d->err)
		return 0;
	snprintf(why, size, "chand can't make it as it is declared: %s", d->why ? d->why : "");
	return d->err;
}

bool declared_may_retry(const struct declaration *d)
{
	return d->err && clock_monotonic() - d->tried >= RETRY_AFTER;
}

void declared_save(const struct spec *spec)
{
	int err = state_spec_write(STATE_DECLARED, spec);

	if (err < 0)
		log_line(LOG_WARNING, "state", spec->name, 0,
			"its declaration can't be kept for the next start: %s", strerror(-err));
}
