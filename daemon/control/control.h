/* SPDX-License-Identifier: MIT */
/*
 * The control socket: which clients are connected, and which has its turn.  connection.h
 * has what goes out to a client, request.h what a client asks for (PROTOCOL.md).
 */
#ifndef CHAND_CONTROL_H
#define CHAND_CONTROL_H

/* Serve the listening socket, which is taken. */
int control_start(int fd);

/* The channel of that name was made or adopted, or can't be: requests that wait for it are
 * answered. */
void control_resolved(const char *name);

#endif
