/* SPDX-License-Identifier: MIT */
/*
 * Asking chand, the daemon that keeps a system's channels, for what this process
 * can't do itself: open, make or remove a channel of another owner.  One request,
 * one answer over its control socket (daemon/PROTOCOL.md), a second at most.
 * Nothing here is needed for a user's own channels.
 */
#ifndef CHAN_CLIENT_H
#define CHAN_CLIENT_H

#include "shmchan.h"

/* Each returns -ENOTCONN if there is no chand to ask; else what it answered, or
 * -EBADMSG, -ETIMEDOUT. */

/* A descriptor for these roles of `owner`'s channel. */
int client_open(uid_t owner, const char *name, unsigned roles);

int client_create(uid_t owner, const char *name, const struct chan_options *opt);
int client_remove(uid_t owner, const char *name);

#endif
