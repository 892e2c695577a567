/* SPDX-License-Identifier: MIT */
/*
 * The control socket: requests and their answers (PROTOCOL.md).
 *
 * A connection holds one packet that waits to be sent; until it went nothing more
 * is read from that client.  A long answer is made packet by packet, as the client
 * takes them.  So a client that does not read costs a fixed amount of memory, and
 * time only to itself.
 */
#ifndef CHAND_CONTROL_H
#define CHAND_CONTROL_H

#include "config/peer.h"

/* Serve the listening socket, which is taken. */
int control_start(int fd);

/* The channel of that name was made, or taken up, or can't be: whoever waits for it is
 * answered. */
void control_news(const char *name);

/* One more connection of this user: 0, or -EDQUOT and `why`. */
int control_admit(uid_t uid, char *why, size_t size);
void control_leave(uid_t uid);

unsigned control_connections(void);

#endif
