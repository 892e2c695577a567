/* SPDX-License-Identifier: MIT */
/*
 * The channels that chanctl monitor watches.  All events but those of names are differences
 * between two readings of a channel's state: what comes and goes in between shows in the
 * counters only.  A channel's last state is read before it is reported as removed, since its
 * memory lives on while it is open here.
 */
#ifndef SHMCHAN_CTL_MONITORED_H
#define SHMCHAN_CTL_MONITORED_H

#include <stddef.h>
#include <stdint.h>

#include "common/endpoints.h"
#include "ctl/channel.h"

struct feed;

struct monitored {
	struct ctl_channel channel;
	struct endpoints ends;	 /* at the last reading, changed by what chand reported since */
	const struct feed *feed; /* that reports its endpoints, or NULL: they are read */
	/* Redeliveries, as the channel counts them: those reported, and those of chand's events. */
	uint64_t redelivered, redelivered_by_chand;
};

size_t monitored_count(void);
/* Returns a channel, or NULL behind the last one. */
struct monitored *monitored_at(size_t i);
struct monitored *monitored_named(const char *name);

/* Start to watch a channel: report the channel and its endpoints.  Later readings are
 * compared with this one. */
struct monitored *monitored_start(const char *name, const char *event);

/* Read the channel a last time, report it as removed, and forget it; the last of all takes its
 * place. */
void monitored_stop(struct monitored *w);

/* Read the channel, and report what is different; without its endpoints if a feed reports
 * them. */
void monitored_read(struct monitored *w);
void monitored_read_endpoints(struct monitored *w);

/* Report an event about an endpoint. */
void monitored_report_endpoint(
	const char *channel, const char *event, const struct chan_endpoint *end);

#endif
