/* SPDX-License-Identifier: MIT */
#ifndef CHAN_REPLY_H
#define CHAN_REPLY_H

#include <sys/types.h>

/*
 * What a caller gets if it failed with `err` by itself and chand then answered `reply`.
 * `err` stands if chand keeps other channels than `owner`'s, and if chand can't be asked,
 * unless everything depends on chand.  The error's detail is the reply's in any case.
 */
int prefer_reply(int reply, int err, uid_t owner);

#endif
