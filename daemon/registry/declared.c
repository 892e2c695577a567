/* SPDX-License-Identifier: MIT */
/* The model is in declared.h. */
#include "registry/declared.h"

#include <string.h>

#include "config/refused.h"
#include "log.h"
#include "registry/state.h"
#include "settings.h"

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

void declared_save(const struct spec *spec)
{
	int err = state_spec_write(STATE_DECLARED, spec);

	if (err < 0)
		log_line(LOG_WARNING, "state", spec->name, 0,
			"its declaration can't be kept for the next start: %s", strerror(-err));
}
