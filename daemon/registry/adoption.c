/* SPDX-License-Identifier: MIT */
/* The model is in adoption.h. */
#include "registry/adoption.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "errors.h"
#include "events.h"
#include "log.h"
#include "registry/channels.h"
#include "registry/creation.h"
#include "registry/declared.h"
#include "registry/entry.h"
#include "registry/found.h"
#include "registry/state.h"
#include "registry/wanted.h"
#include "settings.h"

/* Channels are adopted for so long before others have their turn. */
#define SLICE INT64_C(2000000)

static struct adoption_reports report;

static void adopt(const char *name)
{
	struct spec spec;
	struct channel *c;
	chan_t *observer;
	enum origin origin;
	const char *file;
	int err = wanted_spec(&spec, name, &origin, &file);

	if (err == 0)
		err = chan_open(&observer, name, 0, NULL);
	if (err == 0)
		err = entry_add(&c, &spec, origin, file, observer);
	if (err == 0 && file) {
		declared_save(&spec);
		state_spec_forget(STATE_REQUESTED, name);
		wanted_apply_mode(c);
		wanted_log_difference(c);
	}
	if (err == 0)
		event_emit("adopted", name, NULL, "origin=%s\n", origin_name(origin));
	else if (err != -ENOENT && !report_shortage(err))
		log_line(
			LOG_WARNING, "failed", name, 0, "it can't be watched: %s", error_text(err));
}

void adoption_consider(const char *name)
{
	if (!channels_find(name) && !creation_runs(name))
		adopt(name);
}

static int listed(const char *name, void *arg)
{
	(void)arg;
	if (!strchr(name, '/')) /* ours */
		adoption_consider(name);
	return 0;
}

void adoption_consider_all(void)
{
	chan_list(listed, NULL);
}

void adoption_hurry(const char *name)
{
	char copy[CHAN_NAME_MAX + 1];

	snprintf(copy, sizeof(copy), "%s", name);
	found_forget(name);
	adoption_consider(copy);
	report.resolved(copy);
}

/* Adopt some of those; then others have their turn. */
static void adopt_some(struct timer *timer)
{
	int64_t until = clock_monotonic() + SLICE;
	const char *name;

	do {
		name = found_next();
		if (name)
			adoption_hurry(name);
	} while (name && clock_monotonic() < until);
	if (name) {
		loop_timer(settings->loop, timer, clock_monotonic());
		return;
	}
	report.settled();
}

int adoption_start(const struct adoption_reports *reports)
{
	static struct timer slices = {.fired = adopt_some};

	report = *reports;
	return found_count() ? loop_timer(settings->loop, &slices, clock_monotonic()) : 0;
}
