/* SPDX-License-Identifier: MIT */
/*
 * Which endpoints a channel has, as its table says, and what has become of those that left.
 * Their processes are held (process.h) as long as they attend, and each change is an event.
 */
#ifndef CHAND_ATTENDANCE_H
#define CHAND_ATTENDANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/endpoints.h"

struct channel;

struct attendance {
	struct endpoints now; /* as they were when they were last compared */
	uint64_t deaths;      /* endpoints that were seen to die */
};

struct attendance_change {
	bool died;     /* any endpoint */
	unsigned left; /* endpoints that detached */
};

/* Read the endpoint table, and report what has changed since the last time. */
struct attendance_change attendance_compare(struct attendance *attendance, struct channel *channel);

/* Returns whether the process had an endpoint when they were last compared. */
bool attendance_has(const struct attendance *attendance, pid_t pid);

/* Release the processes. */
void attendance_done(struct attendance *attendance);

/* Returns how many endpoints of all channels were seen to die. */
uint64_t attendance_deaths(void);

#endif
