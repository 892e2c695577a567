/* SPDX-License-Identifier: MIT */
/* The model is in reload.h. */
#include "registry/reload.h"

#include <stddef.h>

static bool (*is_busy)(void);
static int (*apply_all)(void);
static void (*read_first)(void), (*report_done)(int err); /* NULL: there is no reload */
static bool waits;
static int result; /* of the last one */

void reload_start(bool (*busy)(void), int (*apply)(void))
{
	is_busy = busy;
	apply_all = apply;
}

void reload_check(void)
{
	while (report_done && !is_busy()) {
		if (!waits) {
			void (*done)(int err) = report_done;

			report_done = NULL;
			done(result);
			return;
		}
		waits = false;
		read_first();
		result = apply_all();
	}
}

void reload_request(void (*read)(void), void (*done)(int err))
{
	read_first = read;
	report_done = done;
	waits = true;
	reload_check();
}
