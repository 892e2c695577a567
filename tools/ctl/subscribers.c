/* SPDX-License-Identifier: MIT */
#include "ctl/subscribers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/on_lag.h"
#include "ctl/output.h"

#define MORE 8 /* that may come between two calls */

int subscribers_read(const chan_t *ch, bool groups, struct subscribers *ret)
{
	struct subscribers list = {.n = 0};
	unsigned room, kept = 0;
	int n = 0;

	do {
		room = (unsigned)n + MORE;
		list.at = ctl_grow(list.at, room, sizeof(*list.at));
		n = chan_subscribers(ch, list.at, room);
	} while (n > (int)room);
	for (int i = 0; i < n; i++)
		if (!groups || list.at[i].group[0])
			list.at[kept++] = list.at[i];
	list.n = kept;
	if (kept == 0) {
		free(list.at);
		list.at = NULL;
	}
	*ret = list;
	return n < 0 ? n : 0;
}

static const char *state_of(const struct chan_subscriber *s)
{
	switch (s->state) {
	case CHAN_SUBSCRIBER_EVICTED:
		return "evicted";
	case CHAN_SUBSCRIBER_EXPIRED:
		return "expired";
	default:
		return s->pid ? "active" : "unused";
	}
}

static json_t *duration_or_null(uint64_t ns)
{
	return ns ? ctl_time((int64_t)ns) : json_null();
}

json_t *subscribers_array(const struct subscribers *list)
{
	json_t *array = json_array();
	char on_lag[ON_LAG_TEXT];

	for (unsigned i = 0; i < list->n; i++) {
		const struct chan_subscriber *s = &list->at[i];
		json_t *o = json_object();

		ctl_set(o, "group", s->group[0] ? ctl_text(s->group) : json_null());
		ctl_set(o, "state", ctl_text(state_of(s)));
		ctl_set(o, "id", s->pid ? ctl_number(s->id) : json_null());
		ctl_set(o, "pid", s->pid ? ctl_number((uint64_t)s->pid) : json_null());
		ctl_set(o, "on_lag", ctl_text(on_lag_text(on_lag, s->on_lag, s->patience)));
		ctl_set(o, "next", ctl_number(s->seq));
		ctl_set(o, "lag", ctl_number(s->lag));
		ctl_set(o, "lag_bytes", ctl_number(s->lag_bytes));
		ctl_set(o, "lost", ctl_number(s->lost));
		ctl_set(o, "group_age", duration_or_null(s->group_age));
		json_array_append_new(array, o);
	}
	return array;
}

void subscribers_table(const struct subscribers *list, const char *indent, FILE *out)
{
	int width = 5;

	for (unsigned i = 0; i < list->n; i++) {
		int len = (int)strlen(list->at[i].group);

		width = len > width ? len : width;
	}
	fprintf(out, "%s%-*s  %-8s  %-8s  %-12s %12s %10s %10s  %8s  %s\n", indent, width, "GROUP",
		"STATE", "PID", "ON-LAG", "NEXT", "LAG", "LAG-SIZE", "LOST", "AGE");
	for (unsigned i = 0; i < list->n; i++) {
		const struct chan_subscriber *s = &list->at[i];
		char on_lag[ON_LAG_TEXT], size[32], age[32] = "-", pid[16] = "-";

		ctl_size_text(size, sizeof(size), s->lag_bytes);
		if (s->group_age)
			ctl_duration_text(age, sizeof(age), (int64_t)s->group_age);
		if (s->pid)
			snprintf(pid, sizeof(pid), "%" PRId32, s->pid);
		fprintf(out,
			"%s%-*s  %-8s  %-8s  %-12s %12" PRIu64 " %10" PRIu64 " %10s  %8" PRIu64
			"  %s\n",
			indent, width, s->group[0] ? s->group : "-", state_of(s), pid,
			on_lag_text(on_lag, s->on_lag, s->patience), s->seq, s->lag, size, s->lost,
			age);
	}
}
