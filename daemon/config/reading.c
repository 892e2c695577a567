/* SPDX-License-Identifier: MIT */
#include "config/reading.h"

void reading_wrong(void *arg, unsigned line, const char *why)
{
	const struct reading *reading = arg;

	if (reading->wrong)
		reading->wrong(reading->path, line, reading->channel, why);
}
