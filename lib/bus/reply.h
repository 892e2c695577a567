/* SPDX-License-Identifier: MIT */
#ifndef CHAN_REPLY_H
#define CHAN_REPLY_H

#include <sys/types.h>

/*
 * Return what a caller gets if it failed with `err` by itself and chand then answered
 * `reply`.  If chand can't be asked, `err` stands where there is no channel of that name,
 * or where chand keeps other channels than `owner`'s.  The error's detail is the reply's
 * in any case.
 */
int prefer_reply(int reply, int err, uid_t owner);

#endif
