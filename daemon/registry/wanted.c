/* SPDX-License-Identifier: MIT */
/* The model is in wanted.h. */
#include "registry/wanted.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "registry/declared.h"
#include "registry/state.h"
#include "settings.h"

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
	spec->options.flags = st.flags & (CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS |
						 CHAN_FORBID_BLOCK | CHAN_META);
	spec->options.on_lag = st.on_lag;
	spec->options.patience = st.patience;
	spec->options.groups = st.max_groups;
	spec->options.lanes = st.lanes;
	spec->options.lane_by = st.lane_by;
	spec->options.dedup = st.dedup;
	spec->options.max_deliver = st.max_deliver;
	spec->options.dedup_age = st.dedup_age;
	memcpy(spec->options.dead_letter, st.dead_letter, sizeof(spec->options.dead_letter));
	spec->options.max_message = st.max_message;
	spec->options.overflow = st.overflow;
	spec->options.endpoints = st.endpoints;
	spec->options.lifetime = st.lifetime;
	spec->options.linger = st.linger;
	/* 0 for a rendezvous; of one that grows, what it was made with */
	spec->options.capacity = st.max_capacity ? st.start_capacity
				 : st.lanes	 ? st.capacity / st.lanes
						 : st.capacity;
	spec->options.max_capacity = st.max_capacity;
	spec->options.mode = (st.mode & 0666) | 0600;
	spec->group = st.gid;
	spec->has_group = true;
	return 0;
}

void wanted_apply_mode(const struct channel *c)
{
	const struct spec *spec = &c->spec;
	int fd = channel_descriptor(c);
	struct stat st;
	mode_t mode = spec->options.mode;

	if (fstat(fd, &st) < 0)
		mode = 0;
	else if (spec->has_group && st.st_gid != spec->group &&
		 fchown(fd, (uid_t)-1, spec->group) < 0)
		mode &= ~0060u;
	if (mode && (st.st_mode & 0777) != mode)
		fchmod(fd, mode);
}

void wanted_log_difference(const struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};
	const char *key = chan_stat(c->observer, &st) == 0 ? spec_differs(&c->spec, &st) : NULL;

	if (key)
		log_line(LOG_WARNING, "differs", c->spec.name, 0,
			"the channel's %s is not as %s wants it; it stays so until it is removed",
			key, c->file ? c->file : "its request");
}

int wanted_spec(struct spec *spec, const char *name, enum origin *origin, const char **file)
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
