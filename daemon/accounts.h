/* SPDX-License-Identifier: MIT */
/* How many connections each user has, to the control socket and to the metrics socket
 * together, and how much of everything a user may have. */
#ifndef CHAND_ACCOUNTS_H
#define CHAND_ACCOUNTS_H

#include "config/config.h"

/* A user has as many connections as allowed: close_dead() is then called, and may call
 * accounts_leave() for connections whose client has hung up. */
void accounts_start(void (*close_dead)(uid_t uid));

/* Count one more connection of this user.  Returns 0, or
 *   -EDQUOT   the user, or all together, have too many; `why` says which */
int accounts_admit(uid_t uid, char *why, size_t size);

/* Count one connection less. */
void accounts_leave(uid_t uid);

/* Returns the number of connections of all users. */
unsigned accounts_connections(void);

/* Returns what the user may have, and whether that limits it: root and the bus's own user,
 * who asks whether chand is alive, have no limits. */
const struct quota *accounts_quota(uid_t uid);
bool accounts_limited(uid_t uid);

#endif
