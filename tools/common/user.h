/* SPDX-License-Identifier: MIT */
/* Users and groups by name or number. */
#ifndef SHMCHAN_USER_H
#define SHMCHAN_USER_H

#include <stdint.h>

/* The name of a user or group, or its number if it has none; valid until the next call. */
const char *cli_user(uint32_t uid);
const char *cli_group(uint32_t gid);

/* The number of the user or group that the argument of an option names.  If there is none,
 * this is a usage error. */
uint32_t cli_user_arg(const char *option, const char *text);
uint32_t cli_group_arg(const char *option, const char *text);

#endif
