/* SPDX-License-Identifier: MIT */
/*
 * A bus: the channels that a chand keeps, the system's or the user's own.  Here are
 * its names, and a connection: packets of text there and back (daemon/PROTOCOL.md).
 *
 * All segments of a bus belong to one user, so `--system NAME` is `OWNER/NAME`, and
 * works without chand as far as the segment's permissions go.
 *
 * Functions return 0 or a count, or a negative errno, but where it is said.
 */
#ifndef SHMCHAN_BUS_H
#define SHMCHAN_BUS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/cli.h"

#define BUS_PROTOCOL "chand/1"
#define BUS_PACKET 4096

/* How long chand may take for an answer; systemd may have to start it. */
#define BUS_PATIENCE INT64_C(3000000000)

/* Whose segments the chosen bus keeps; ends the process if nobody can tell. */
uid_t bus_owner(void);

/* The channel that is meant by `name` on the command line: with --system or --user
 * that of the bus.  What can't be meant ends the process.  The result stays. */
char *bus_name(char *name);

/* A channel's name on the bus that was chosen, without OWNER/, or NULL if it is not
 * there, or nobody can tell; without a choice all of `name`. */
const char *bus_local(const char *name);

/* The name of `owner`'s channel `local`, as this user writes it; allocated, or NULL. */
char *bus_full_name(uid_t owner, const char *local);

/* If it is a channel of `owner`'s: its name without OWNER/; else NULL. */
const char *bus_name_of(uid_t owner, const char *name);

/* Why chand could not be asked, the last time, and what to do about it: for people.
 * Never NULL. */
const char *bus_problem(void);
const char *bus_remedy(void);

/* Is that why nothing came of a request?  `reason`: what chand said, or NULL. */
bool bus_unreachable(int err, const char *reason);

/* Where its socket is: -ENOTCONN if there can't be one. */
int bus_path(enum cli_bus which, char *ret, size_t size);

/* Connect: -ENOTCONN if there is no chand, -EACCES, or -ETIMEDOUT it takes nobody.
 * The descriptor is closed by close(2). */
int bus_connect(enum cli_bus which);

int bus_send(int fd, const char *request);

/* The next packet, as a string; `buf` has room for BUS_PACKET + 1.  0 at the end. */
ssize_t bus_receive(int fd, char *buf, int64_t deadline);

/* What an answer says: 0, or the negative errno in it; *text is set to the lines
 * after the first, or the reason. */
int bus_verdict(char *packet, const char **text);

/* Send a request, and the verdict on its first answer, which comes soon or not at
 * all (-ETIMEDOUT); *text is NULL if there was none. */
int bus_ask(int fd, const char *request, char *packet, const char **text);

/* The same for a request that may take as long as `patience`, ns. */
int bus_ask_patiently(
	int fd, const char *request, char *packet, const char **text, int64_t patience);

/* Does it answer, though perhaps not to the request before? */
bool bus_alive(enum cli_bus which);

/* Say why chand can't be asked, and what to do; the exit status. */
int bus_missing(enum cli_bus which, const char *channel);

#endif
