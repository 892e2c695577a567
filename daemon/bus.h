/* SPDX-License-Identifier: MIT */
/* What the parts of a running chand share: there is one bus in a process. */
#ifndef CHAND_BUS_H
#define CHAND_BUS_H

#include "config/config.h"
#include "loop/loop.h"

#include <errno.h>

struct bus {
	struct loop *loop;
	struct config config;
	bool user;	     /* a user's own, not the system's */
	const char *runtime; /* directory of its socket and state */
	const char *const *config_dirs;
	uid_t uid;				  /* whose segments they are */
	uint64_t deaths, recoveries, redelivered; /* seen, done, given back */
};

extern struct bus bus;

struct spec;

/* Something happened: tell those who monitor (control.c); with a spec, those only who
 * may look into that channel.  `fmt` makes further lines, `key=value\n`. */
void bus_event(const char *event, const char *channel, const struct spec *look, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* Errors of chand's own: no inotify, or no watch more (for one channel). */
#define BUS_NO_INOTIFY ENOSTR
#define BUS_NO_WATCH ENOSR

/* If `err` means that descriptors have run out, log that, with the limit and what to do:
 * once a minute, however often it happens.  Returns whether it means that. */
bool bus_shortage(int err);

/* What an error means, for people. */
const char *bus_error(int err);

#endif
