/* SPDX-License-Identifier: MIT */
/* The model is in event.h. */
#include "ctl/event.h"

#include "base/clock.h"
#include "ctl/output.h"

static int status; /* of stdout */

static void put_text(FILE *out, const char *channel, const char *event, json_t *details)
{
	int64_t now = clock_real();
	const char *key;
	char when[32];
	json_t *value;

	ctl_time_text(when, sizeof(when), now);
	fprintf(out, "%s.%03d %s %s", when, (int)(now / 1000000 % 1000), channel, event);
	json_object_foreach(details, key, value)
	{
		if (json_is_string(value))
			fprintf(out, " %s=%s", key, json_string_value(value));
		else
			fprintf(out, " %s=%lld", key, (long long)json_integer_value(value));
	}
	fputc('\n', out);
}

void ctl_event(const char *channel, const char *event, json_t *details)
{
	json_t *line;
	char *text;
	size_t len;
	FILE *out;
	int r;

	if (ctl_output.json) {
		line = json_object();
		ctl_set(line, "ts", ctl_time(clock_real()));
		ctl_set(line, "ch", ctl_text(channel));
		ctl_set(line, "event", ctl_text(event));
		if (details)
			json_object_update(line, details);
		ctl_output.pretty = false; /* a line an event */
		r = ctl_write_json(line);
	} else {
		out = ctl_memory(&text, &len);
		put_text(out, channel, event, details);
		ctl_memory_end(out);
		r = ctl_write_free(text, len);
	}
	json_decref(details);
	if (!status)
		status = r;
}

json_t *ctl_detail(const char *key, json_t *value)
{
	json_t *details = json_object();

	ctl_set(details, key, value);
	return details;
}

void ctl_event_count(const char *channel, const char *event, uint64_t before, uint64_t now)
{
	if (now > before)
		ctl_event(channel, event, ctl_detail("count", ctl_number(now - before)));
}

int ctl_event_status(void)
{
	return status;
}
