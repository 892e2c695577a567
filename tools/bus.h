/* SPDX-License-Identifier: MIT */
/*
 * A connection to chand: packets of text there and back (daemon/PROTOCOL.md).
 * Functions return 0 or a count, or a negative errno.
 */
#ifndef SHMCHAN_BUS_H
#define SHMCHAN_BUS_H

#include <stdbool.h>
#include <sys/types.h>

#define BUS_PROTOCOL "chand/1"
#define BUS_PACKET 4096

/* Connect to the system's chand, or the user's; -ENOTCONN if there is none.  The
 * descriptor is closed by close(2). */
int bus_connect(bool user);

int bus_send(int fd, const char *request);

/* The next packet, as a string; `buf` has room for BUS_PACKET + 1.  0 at the end. */
ssize_t bus_receive(int fd, char *buf);

/* What an answer says: 0, or the negative errno in it; *text is set to the lines
 * after the first, or the reason. */
int bus_verdict(char *packet, const char **text);

#endif
