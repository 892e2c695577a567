/* SPDX-License-Identifier: MIT */
/*
 * chand.conf, which an administrator writes: how chand waits, which users may ask for channels, and
 * how many.  If several directories have one, the first counts.  One that is wrong is
 * refused as a whole: each wrong line is reported to the caller's config_wrong, which logs
 * or prints it.
 */
#ifndef CHAND_CONFIG_H
#define CHAND_CONFIG_H

#include "config/reading.h"
#include "config/spec.h"
#include "loop/loop.h"

struct quota {
	uint64_t channels, bytes, connections;
};

struct user_quota {
	uid_t uid;
	struct quota quota;
};

struct config {
	enum loop_backend backend;
	struct who_list create; /* who may ask for channels */
	struct quota quota;	/* of every user that has no own one */
	struct user_quota *users;
	size_t n;
};

/* Read chand.conf from `dirs` (NULL-terminated, the first one that has it).  Returns 0, or
 *   -EINVAL   chand.conf is wrong; nothing has changed */
int config_read(struct config *config, const char *const *dirs, config_wrong wrong);
void config_done(struct config *config);
const struct quota *config_quota(const struct config *config, uid_t uid);

/* Set what counts if chand.conf can't be read and never could: root alone may ask for
 * channels. */
void config_init(struct config *config);

/* Write a file that has the same meaning, with numbers of users and groups. */
void config_write(const struct config *config, FILE *out);

/* Read a file that config_write() wrote.  Returns 0 or -EINVAL. */
int config_read_saved(struct config *config, int fd);

#endif
