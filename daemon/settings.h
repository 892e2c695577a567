/* SPDX-License-Identifier: MIT */
/* What this chand was started with, and what its chand.conf says.  main() owns it and
 * changes it; everybody else reads it. */
#ifndef CHAND_SETTINGS_H
#define CHAND_SETTINGS_H

#include "config/config.h"
#include "loop/loop.h"

struct settings {
	struct loop *loop;
	struct config config;
	bool user;	     /* a user's own bus, not the system's */
	uid_t uid;	     /* the user whose segments the bus keeps */
	const char *runtime; /* directory of its sockets and state */
	const char *const *config_dirs;
};

/* main() sets this once, before anything else starts. */
extern const struct settings *settings;

/* Returns the user who owns a channel if nothing says otherwise. */
uid_t settings_default_owner(void);

#endif
