/* SPDX-License-Identifier: MIT */
/*
 * A bus: the channels that a chand keeps, the system's or the user's own.  This file has
 * what a command line needs of it: which bus is meant, the names of its channels, and the
 * message if its chand can't be asked.
 *
 * All segments of a bus belong to one user, so `--system NAME` is `OWNER/NAME`, and
 * works without chand as far as the segment's permissions go.
 *
 * Functions return 0 or a count, or a negative errno, unless they say otherwise.
 */
#ifndef SHMCHAN_BUS_H
#define SHMCHAN_BUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bus/chand.h"
#include "common/options.h"

/* How long chand may take for an answer; systemd may have to start it. */
#define BUS_PATIENCE INT64_C(3000000000)

/* Returns the owner of the segments that the chosen bus keeps; ends the process if it is
 * unknown. */
uid_t bus_owner(void);

/* Returns the channel that `name` means on the command line: with --system or --user, the
 * one of that bus.  If the name means none, the process ends.  The result stays valid. */
char *bus_name(char *name);

/* Returns a channel's name on the chosen bus, without OWNER/; NULL if the channel is not on
 * that bus, or the bus's owner is unknown; and all of `name` if no bus was chosen. */
const char *bus_local(const char *name);

/* Returns the name of `owner`'s channel `local`, as this user writes it; allocated, or
 * NULL. */
char *bus_full_name(uid_t owner, const char *local);

/* Returns the name without OWNER/ if it is a channel of `owner`'s, else NULL. */
const char *bus_name_of(uid_t owner, const char *name);

/* Return why chand could not be asked the last time, and what to do about it: lines for
 * people, never NULL. */
const char *bus_problem(void);
const char *bus_remedy(void);

/* Returns true if a function below returned `err` because chand can't be asked; `reason` is
 * what chand said, or NULL. */
bool bus_unreachable(int err, const char *reason);

/* Find the socket of a bus's chand: -ENOTCONN if there can't be one. */
int bus_address(enum cli_bus which, struct chand_address *ret);

/* A request without keys. */
#define BUS_REQUEST(verb) MESSAGE_PROTOCOL " " verb "\n"

/* Do what chand_connect(), chand_ask() and chand_receive() do, for a program: a signal ends
 * the wait, and an error that chand answered is returned as an error, too, with its reason
 * in ret->lines (NULL if there was no answer).  chand_close() closes the connection.
 * bus_ask() is for requests that change nothing: if chand hangs up, which it does when it is
 * killed, it is connected to and asked again, for a second. */
int bus_connect(struct chand *ret, enum cli_bus which);
int bus_ask(struct chand *chand, const char *request, char *packet, struct chand_answer *ret);
int bus_receive(struct chand *chand, int64_t deadline, char *packet, struct chand_answer *ret);

/* Connect, ask and close, all within `patience`, ns.  Sets *alive if there was no answer in
 * time, though chand answered another request meanwhile. */
int bus_ask_once(enum cli_bus which, const char *request, int64_t patience, char *packet,
	struct chand_answer *ret, bool *alive);

/* Report why chand can't be asked, and what to do; returns the exit status. */
int bus_missing(const char *channel);

#endif
