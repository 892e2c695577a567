/* SPDX-License-Identifier: MIT */
/*
 * An event of chanctl monitor: a line, of JSON or for people, made of the same members.  It is
 * written at once.
 */
#ifndef SHMCHAN_CTL_EVENT_H
#define SHMCHAN_CTL_EVENT_H

#include <jansson.h>
#include <stdint.h>

/* Print an event.  Takes the reference of `details`, which may be NULL. */
void ctl_event(const char *channel, const char *event, json_t *details);

/* Make the details of an event that has one. */
json_t *ctl_detail(const char *key, json_t *value);

/* Print how much a counter grew, if it did. */
void ctl_event_count(const char *channel, const char *event, uint64_t before, uint64_t now);

/* Returns the exit status of what was printed so far: not 0 if an event could not be. */
int ctl_event_status(void);

#endif
