/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define EVENT_MAX 512

static void (*subscriber)(const char *lines, const struct spec *look);

void events_subscribe(void (*emitted)(const char *lines, const struct spec *look))
{
	subscriber = emitted;
}

void event_emit(
	const char *event, const char *channel, const struct spec *look, const char *fmt, ...)
{
	char lines[EVENT_MAX];
	va_list ap;
	int n;

	if (!subscriber)
		return;
	n = snprintf(lines, sizeof(lines), "event=%s\nchannel=%s\n", event, channel);
	va_start(ap, fmt);
	vsnprintf(lines + n, sizeof(lines) - (size_t)n, fmt, ap);
	va_end(ap);
	subscriber(lines, look);
}
