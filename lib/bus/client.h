/* SPDX-License-Identifier: MIT */
/*
 * Asking chand, the daemon that keeps a system's channels, for what this process
 * can't do itself: open, make or remove a channel of another owner.  One request,
 * one answer over its control socket (daemon/PROTOCOL.md), a second at most;
 * to make a channel, longer for a large one (chand_making_time()).
 * Nothing here is needed for a user's own channels.
 */
#ifndef CHAN_CLIENT_H
#define CHAN_CLIENT_H

#include "base/descriptor.h"
#include "shmchan.h"

#include <stdbool.h>

/* Each returns -ECONNREFUSED if chand can't be asked, with the reason as the error's
 * detail; else what it answered. */

/* Make `ret` a descriptor for these roles of `owner`'s channel.  If chand hangs up without an
 * answer, as when it is killed and started again, it is asked again within the second. */
int client_open(struct descriptor *ret, uid_t owner, const char *name, unsigned roles);

/* Make a channel of `owner`'s with these options, which are in full (options.h). */
int client_create(uid_t owner, const char *name, const struct chan_options *opt);

/* Remove `owner`'s channel; if `name_only`, as chan_unlink() does. */
int client_remove(uid_t owner, const char *name, bool name_only);

/* Returns true if chand keeps `owner`'s channels, as far as can be seen without asking it:
 * if `owner` has the directory of its socket, or if SHMCHAN_CONTROL leads nowhere. */
bool client_keeps(uid_t owner);

#endif
